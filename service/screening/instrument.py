"""What is known about an instrument and what a site has decided about it: data from mappings/, never Python."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import date, datetime, timedelta, tzinfo
from enum import StrEnum

from service.shared.clock import day_in
from service.shared.code import Code


class Stage(StrEnum):
    ANTENATAL = "antenatal"
    POSTNATAL = "postnatal"
    UNKNOWN = "unknown"


class Priority(StrEnum):
    """FHIR request-priority, the two that a site chooses between."""

    ROUTINE = "routine"
    URGENT = "urgent"


class Recorded(StrEnum):
    """What is written into a hospital's own record, by its FHIR resource, in the order in which they build upon each
    other: alerts, the Tasks that answer them, the referral, its offers, and notes that a clinician reads."""

    ALERTS = "Communication"
    ALERT_TASKS = "AlertTask"
    REFERRAL = "ServiceRequest"
    OFFERS = "Task"
    NOTES = "DocumentReference"


# A hospital whose record takes none of these would hear of no alert.
CARRY_ALERTS = frozenset({Recorded.ALERTS, Recorded.ALERT_TASKS})


class Role(StrEnum):
    """What a code stands for inside its instrument."""

    TOTAL = "total"
    ITEM = "item"
    PANEL = "panel"


class Context(StrEnum):
    """What an Observation that belongs to no instrument can tell about the pregnancy."""

    ESTIMATED_DUE_DATE = "estimated-due-date"
    SAFETY_EVENT = "safety-event"


@dataclass(frozen=True, slots=True)
class Approval:
    """Who answers for a clinical choice, and since when. A choice without a name is not loaded."""

    by: str
    on: date


@dataclass(frozen=True, slots=True)
class CutOff:
    """A total of `positive_at` or more is positive; from `repeat_at` up to there she is screened again."""

    positive_at: int
    repeat_at: int | None
    source: str


@dataclass(frozen=True, slots=True)
class Item:
    """One question, by its ordinal. Its wording is not held: it may be copyright.

    `answers` maps the codes of coded answers to their score. `least_harm_answer` is the lowest score that means
    self-harm is present, None for an item that does not ask about it.
    """

    number: int
    codes: frozenset[Code]
    lowest: int
    highest: int
    least_harm_answer: int | None
    answers: Mapping[Code, int]


@dataclass(frozen=True, slots=True)
class Instrument:
    """`lowest` to `highest` is the range of the total, which is the sum of the items. `cut_offs` has both known stages.

    `critical_items` are those that ask about self-harm. `scores` has every score that can be given, with its item's
    number, None for the total. `digest` names this exact content.
    """

    id: str
    title: str
    version: str
    lowest: int
    highest: int
    items: tuple[Item, ...]
    total_codes: frozenset[Code]
    panel_codes: frozenset[Code]
    cut_offs: Mapping[Stage, CutOff]
    approval: Approval
    critical_items: tuple[Item, ...] = field(init=False)
    by_number: Mapping[int, Item] = field(init=False)
    scores: frozenset[tuple[int | None, int]] = field(init=False)
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "critical_items", tuple(i for i in self.items if i.least_harm_answer is not None))
        object.__setattr__(self, "by_number", {item.number: item for item in self.items})
        ranges = [(None, self.lowest, self.highest), *((i.number, i.lowest, i.highest) for i in self.items)]
        object.__setattr__(self, "scores", frozenset((n, s) for n, low, high in ranges for s in range(low, high + 1)))
        object.__setattr__(self, "digest", _digest(self))


@dataclass(frozen=True, slots=True)
class CodeUse:
    """Where a code belongs. `item` is the ordinal, set when the role is `item` and only then."""

    instrument_id: str
    role: Role
    item: int | None = None


@dataclass(frozen=True, slots=True)
class AnswerLinks:
    """Who approved them, and for how many hours each is good."""

    approval: Approval
    hours: int


@dataclass(frozen=True, slots=True)
class Rung:
    """A step of the ladder that an unacknowledged alert climbs: the team it is put to, as a code and in words."""

    code: str
    display: str


@dataclass(frozen=True, slots=True)
class EscalationContact:
    """Whom a programme rings about a woman it supports: a team, never a person."""

    name: str
    telephone: str


@dataclass(frozen=True, slots=True)
class Policy:
    """What a site has decided. Each number carries its unit in its name.
    `waits_for_items_seconds`: how long a total waits for its items. `unknown_priority`, `unscorable_priority`: of those
    two alerts. `proceed_with_alert`: who approved that a positive result with self-harm unknown goes on to consent
    while the alert stands; None holds it for review. `as_recorded_safe_contact`: who approved offering without a usable
    safe-contact channel; None never offers then. `status_stuck_after_minutes`, `alert_stuck_after_minutes`: how long a
    delivery may fail before a person is told. `acknowledge_within_minutes`: by priority, for each rung of `ladder`.
    `rescreen_after_days`: when a result in the repeat band is due again. `refers_for_days`: how old a result may be and
    still open a referral. `overdue_days`: how long after the due date the stage stays unknown. `record`: what the
    hospital's own record takes. `cut_offs`: the site's own, by instrument id, in place of the instrument's. `forms`:
    what the questions of the site's own forms stand for, by the form's canonical URL ("" for a form that is sent
    without one) and the linkId. `answer_link`: whether an alert brings an answer link by which it is answered; None
    never does. `zone`: where its days begin, for whoever reads a text or writes a time without an offset.
    """

    id: str
    version: str
    approval: Approval
    waits_for_items_seconds: int
    unknown_priority: Priority
    unscorable_priority: Priority
    proceed_with_alert: Approval | None
    as_recorded_safe_contact: Approval | None
    rescreen_after_days: int
    refers_for_days: int
    overdue_days: int
    respond_within_hours: int
    hold_seen_within_minutes: int
    place_again_hours: int
    consent_request_names: int
    tombstone_days: int
    status_stuck_after_minutes: int
    alert_stuck_after_minutes: int
    acknowledge_within_minutes: Mapping[Priority, int]
    ladder: tuple[Rung, ...]
    escalation_contact: EscalationContact | None
    record: frozenset[Recorded]
    cut_offs: Mapping[str, Mapping[Stage, CutOff]]
    forms: Mapping[str, Mapping[str, CodeUse]]
    answer_link: AnswerLinks | None
    zone: tzinfo
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "digest", _digest(self))

    def rung(self, climbed: int) -> Rung:
        """Whom an alert is put to after so many steps; at the top it stays with the last."""
        return self.ladder[min(climbed, len(self.ladder) - 1)]


def cut_off(instrument: Instrument, stage: Stage, policy: Policy) -> CutOff:
    """The cut-off in force. With the stage unknown the lower of the two counts, so that nobody is missed."""
    known = {**instrument.cut_offs, **policy.cut_offs.get(instrument.id, {})}
    if stage in known:
        return known[stage]
    both = known.values()
    repeats = [each.repeat_at for each in both if each.repeat_at is not None]
    return CutOff(
        positive_at=min(each.positive_at for each in both),
        repeat_at=min(repeats, default=None),
        source="; ".join(each.source for each in both),
    )


def stage_at(effective: datetime, due: date | None, policy: Policy) -> Stage:
    """The stage on the day of the screening, from the estimated due date. Just after that date it is not certain."""
    if due is None:
        return Stage.UNKNOWN
    day = day_in(policy.zone, effective)
    if day <= due:
        return Stage.ANTENATAL
    return Stage.UNKNOWN if day <= due + timedelta(days=policy.overdue_days) else Stage.POSTNATAL


def _digest(rules: Instrument | Policy) -> str:
    content = {each.name: _plain(getattr(rules, each.name)) for each in fields(rules) if each.init}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


def _plain(value: object) -> object:
    """The value as JSON would hold it, in an order that does not depend on the process."""
    if is_dataclass(value):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, frozenset):
        return sorted(str(each) for each in value)
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if isinstance(value, tzinfo):
        return str(value)
    return value.isoformat() if isinstance(value, date) else value
