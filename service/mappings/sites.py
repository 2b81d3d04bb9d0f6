"""sites/*.toml: what each site has decided. A site's own file repeats only what differs from default.toml."""

from collections.abc import Mapping
from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo

from service.flow.rules import DEFAULT_SITE
from service.mappings.codes import approval
from service.mappings.instruments import read_site_cut_offs
from service.mappings.reader import Table, Toml
from service.screening.instrument import (
    CARRY_ALERTS,
    AnswerLinks,
    Approval,
    CodeUse,
    EscalationContact,
    Instrument,
    Policy,
    Priority,
    Recorded,
    Role,
    Rung,
)

# What a named person has approved for one site holds for no other.
OF_ONE_SITE = ("organisation", "approval", "proceed_with_alert", "as_recorded_safe_contact", "answer_link")


def over_default(default: Toml, own: Toml) -> Toml:
    """`own` laid over `default`, table by table, but for what somebody answers for there."""
    base = {key: value for key, value in default.items() if key not in OF_ONE_SITE}
    return base | {key: _over(base.get(key), value) for key, value in own.items()}


def _over(below: object, above: object) -> object:
    return below | above if isinstance(below, dict) and isinstance(above, dict) else above


def read_policy(table: Table, is_default: bool, instruments: dict[str, Instrument]) -> Policy:
    waiting, priority, screening = table.table("waiting"), table.table("priority"), table.table("screening")
    offers, acknowledge, cut_offs = table.table("offers"), table.table("acknowledge"), table.optional_table("cut_off")
    stuck = table.table("stuck")
    table.leave("hl7v2")
    ladder = tuple(Rung(row.text("code"), row.text("display")) for row in table.tables("ladder"))
    if not ladder:
        table.note("ladder", "has no rung: an alert would be put to nobody")
    return Policy(
        id=DEFAULT_SITE if is_default else table.text("organisation"),
        version=table.text("version"),
        approval=approval(table.table("approval")),
        waits_for_items_seconds=waiting.whole("items_seconds"),
        unknown_priority=priority.member("unknown", Priority),
        unscorable_priority=priority.member("unscorable", Priority),
        proceed_with_alert=_approved(table, "proceed_with_alert"),
        as_recorded_safe_contact=_approved(table, "as_recorded_safe_contact"),
        rescreen_after_days=screening.whole("rescreen_days", at_least=1),
        refers_for_days=screening.whole("refers_days", at_least=1),
        overdue_days=screening.whole("overdue_days"),
        respond_within_hours=offers.whole("respond_hours", at_least=1),
        hold_seen_within_minutes=offers.whole("hold_seen_minutes", at_least=1),
        place_again_hours=offers.whole("place_again_hours", at_least=1),
        consent_request_names=offers.whole("consent_request_names", at_least=1),
        tombstone_days=offers.whole("tombstone_days", at_least=1),
        status_stuck_after_minutes=stuck.whole("status_minutes", at_least=1),
        alert_stuck_after_minutes=stuck.whole("alert_minutes", at_least=1),
        acknowledge_within_minutes={each: acknowledge.whole(f"{each}_minutes", at_least=1) for each in Priority},
        ladder=ladder,
        escalation_contact=_escalation_contact(table),
        record=_record(table),
        cut_offs=read_site_cut_offs(cut_offs, instruments) if cut_offs else {},
        forms=_forms(table.tables("form"), instruments),
        answer_link=_answer_link(table),
        zone=_zone(table),
    )


def _zone(table: Table) -> tzinfo:
    name = table.text("zone")
    if name in ("UTC", ""):
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        table.note("zone", "is no time zone that is known here, such as Europe/Amsterdam")
        return UTC


def _answer_link(table: Table) -> AnswerLinks | None:
    choice = table.optional_table("answer_link")
    return AnswerLinks(approval(choice), choice.whole("hours", at_least=1)) if choice else None


def _escalation_contact(table: Table) -> EscalationContact | None:
    contact = table.optional_table("escalation_contact")
    return EscalationContact(contact.text("name"), contact.text("telephone")) if contact else None


def _record(table: Table) -> frozenset[Recorded]:
    takes = frozenset(table.members("record", Recorded))
    if not takes & CARRY_ALERTS:
        table.note("record", f"names nothing that carries alerts, which {' or '.join(sorted(CARRY_ALERTS))} would")
    return takes


def _forms(rows: list[Table], instruments: dict[str, Instrument]) -> dict[str, dict[str, CodeUse]]:
    """Two rows of one form are two instruments in it."""
    forms: dict[str, dict[str, CodeUse]] = {}
    for row in rows:
        uses = forms.setdefault(row.optional_text("questionnaire") or "", {})
        for link_id, use in questions_in(row, instruments):
            if link_id in uses:
                row.note("items", f"{link_id} stands for two things in this form")
            uses[link_id] = use
    return forms


def questions_in(row: Table, instruments: Mapping[str, Instrument]) -> list[tuple[str, CodeUse]]:
    """What each name in `items` and `total` stands for in the instrument of this row."""
    id, items = row.text("instrument"), row.texts("items")
    instrument = instruments.get(id)
    if instrument is None:
        row.note("instrument", "is no instrument that is known")
    elif len(items) != len(instrument.items):
        row.note("items", f"are not the {len(instrument.items)} of this instrument, in their order")
    found = [(link_id, CodeUse(id, Role.ITEM, number)) for number, link_id in enumerate(items, 1)]
    return [*found, (row.text("total"), CodeUse(id, Role.TOTAL))] if "total" in row else found


def _approved(table: Table, key: str) -> Approval | None:
    choice = table.optional_table(key)
    return approval(choice) if choice else None
