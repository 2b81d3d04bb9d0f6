"""What programmes told that a clinician must hear, and what became of it."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, bindparam, insert, select, union

from service.referrals.alert import Alert
from service.referrals.escalation import Concern, Escalation, Said
from service.screening.instrument import Priority
from service.store.alerts import to_alert
from service.store.prepared import Prepared
from service.store.tables.columns import table
from service.store.tables.referral import AlertRow, ContactRow, EscalationRow

if TYPE_CHECKING:
    from service.store.unit_of_work import UnitOfWork

ESCALATION, ALERT, CONTACT = table(EscalationRow), table(AlertRow), table(ContactRow)
ADD = Prepared(insert(ESCALATION))
ONE = Prepared(select(ESCALATION).where(ESCALATION.c.id == bindparam("escalation")))
BEHIND = select(ESCALATION).where(ESCALATION.c.alert_id.in_(bindparam("alerts", expanding=True)))
NAMED = bindparam("ids", expanding=True, type_=ESCALATION.c.id.type)
OFFERS_BEHIND = union(
    select(ESCALATION.c.offer_id).where(ESCALATION.c.id.in_(NAMED)),
    select(CONTACT.c.offer_id).where(CONTACT.c.id.in_(NAMED)),
)
OF_OFFER = Prepared(select(ESCALATION).where(ESCALATION.c.offer_id == bindparam("offer")).order_by(ESCALATION.c.id))
OF_OFFERS = (
    select(ESCALATION).where(ESCALATION.c.offer_id.in_(bindparam("offers", expanding=True))).order_by(ESCALATION.c.id)
)
THEIR_ALERTS = select(ALERT).where(ALERT.c.id.in_(bindparam("alerts", expanding=True)))


class Escalations:
    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit

    def add(self, escalation: Escalation) -> None:
        row = {
            "id": escalation.id,
            "type": escalation.type,
            "offer_id": escalation.offer_id,
            "programme_id": escalation.programme_id,
            "alert_id": escalation.alert_id,
            "said": _kept(escalation.said) if escalation.said else None,
            "told_at": escalation.told_at,
            "source": escalation.source,
        }
        self._unit.execute(ADD, row)

    def find(self, id: str) -> Escalation | None:
        row = self._unit.execute(ONE, {"escalation": id}).one_or_none()
        return None if row is None else to_escalation(row)

    def behind(self, alert_ids: Collection[str]) -> dict[str, Escalation]:
        """By the alert's id, of those alerts that an escalation raised."""
        rows = self._unit.execute(BEHIND, {"alerts": sorted(alert_ids)}) if alert_ids else ()
        return {row.alert_id: to_escalation(row) for row in rows}

    def offers_behind(self, ids: Collection[str]) -> set[str]:
        rows = self._unit.execute(OFFERS_BEHIND, {"ids": sorted(ids)}) if ids else ()
        return {row.offer_id for row in rows if row.offer_id is not None}

    def of_offer(self, offer_id: str) -> list[Escalation]:
        """The oldest first."""
        return [to_escalation(row) for row in self._unit.execute(OF_OFFER, {"offer": offer_id})]

    def answered(self, offer_ids: Collection[str]) -> dict[str, list[tuple[Escalation, Alert]]]:
        """Each with its alert as it is now, the oldest first, by the offer's id."""
        rows = self._unit.execute(OF_OFFERS, {"offers": sorted(offer_ids)})
        told = [to_escalation(row) for row in rows]
        if not told:
            return {}
        alerts = self._unit.execute(THEIR_ALERTS, {"alerts": sorted(each.alert_id for each in told)})
        by_id = {row.id: to_alert(row) for row in alerts}
        found: dict[str, list[tuple[Escalation, Alert]]] = {}
        for each in told:
            if each.offer_id is not None:
                found.setdefault(each.offer_id, []).append((each, by_id[each.alert_id]))
        return found


def _kept(said: Said) -> dict[str, object]:
    return {
        "texts": list(said.texts),
        "concerns": sorted(said.concerns),
        "called": said.called.value if said.called else None,
        "attached": said.attached,
    }


def _to_said(kept: dict[str, Any]) -> Said:
    return Said(
        texts=tuple(kept["texts"]),
        concerns=frozenset(map(Concern, kept["concerns"])),
        called=Priority(kept["called"]) if kept["called"] else None,
        attached=kept["attached"],
    )


def to_escalation(row: Row[Any]) -> Escalation:
    return Escalation(
        id=row.id,
        type=row.type,
        offer_id=row.offer_id,
        programme_id=row.programme_id,
        alert_id=row.alert_id,
        said=_to_said(row.said) if row.said else None,
        told_at=row.told_at,
        source=row.source,
    )
