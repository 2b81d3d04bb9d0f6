"""The two judgements about a screening result, each on its own: what the total says, and whether self-harm is present.

Self-harm rests on the critical items alone, whatever the total is: any answer above the least harmful one is acted on
(NSW Health EPDS guidance; LOINC 44260-8). What cannot be known is `unknown`, never `absent`; what cannot be scored is
`unscorable`, never `negative`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from service.screening.instrument import Instrument, Item, Policy, Role, Stage, cut_off, rule_version
from service.screening.result import Reading, ScreeningResult


class Outcome(StrEnum):
    NEGATIVE = "negative"
    REPEAT = "repeat"
    POSITIVE = "positive"
    UNSCORABLE = "unscorable"


class SelfHarm(StrEnum):
    PRESENT = "present"
    ABSENT = "absent"
    UNKNOWN = "unknown"
    NOT_ASKED = "not-asked"


class Reason(StrEnum):
    """Why it was decided so; in a decision always in this order."""

    CRITICAL_ITEM_ANSWERED = "critical-item-answered"
    CRITICAL_ITEM_MISSING = "critical-item-missing"
    CRITICAL_ITEM_UNREADABLE = "critical-item-unreadable"
    LOWEST_TOTAL = "lowest-total"
    AT_OR_ABOVE_CUT_OFF = "at-or-above-cut-off"
    IN_REPEAT_BAND = "in-repeat-band"
    BELOW_CUT_OFF = "below-cut-off"
    VALUE_UNREADABLE = "value-unreadable"
    VALUE_OUT_OF_RANGE = "value-out-of-range"
    ITEMS_MISSING = "items-missing"
    TOTAL_COMPUTED = "total-computed"
    SCORE_MISMATCH = "score-mismatch"
    CODE_ROLE_MISMATCH = "code-role-mismatch"
    STAGE_UNKNOWN = "stage-unknown"


_IN_ORDER = tuple(Reason)


class Readiness(StrEnum):
    """`wait` is for what is still on its way; when the site's waiting time is over, it is decided as it stands."""

    DECIDE_NOW = "decide-now"
    WAIT = "wait"
    NOTHING_YET = "nothing-yet"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a decision comes down to: deciding the same again changes nothing."""

    outcome: Outcome
    self_harm: SelfHarm
    needs_review: bool


@dataclass(frozen=True, slots=True)
class Decision:
    """`total_used` is None when unscorable. `rule_version` names the instrument's and the site's data exactly."""

    outcome: Outcome
    self_harm: SelfHarm
    reasons: tuple[Reason, ...]
    total_used: int | None
    rule_version: str

    @property
    def judgement(self) -> Judgement:
        return Judgement(self.outcome, self.self_harm, self.needs_review)

    @property
    def needs_review(self) -> bool:
        """What was stated contradicts itself: the higher score counted, and a clinician looks."""
        return Reason.SCORE_MISMATCH in self.reasons


@dataclass(frozen=True, slots=True)
class _Total:
    value: int | None
    reasons: frozenset[Reason]


def readiness(result: ScreeningResult, instrument: Instrument) -> Readiness:
    """Whether `result` can be decided now. Present self-harm never waits; what can never be scored does not either."""
    if not result.counts:
        return Readiness.NOTHING_YET
    if result.items_heard_of >= instrument.by_number.keys():
        return Readiness.DECIDE_NOW
    total = _total(result, instrument)
    self_harm, _ = _self_harm(result, instrument, total.value)
    if self_harm is SelfHarm.PRESENT or total.reasons & _UNSCORABLE_FOR_EVER:
        return Readiness.DECIDE_NOW
    if total.value is None:
        return Readiness.WAIT
    # Some of the items being there tells, as a named member would, that the others are on their way.
    rest_is_coming = result.more_expected or bool(result.items_heard_of)
    return Readiness.WAIT if self_harm is SelfHarm.UNKNOWN and rest_is_coming else Readiness.DECIDE_NOW


def announced_self_harm(result: ScreeningResult, instrument: Instrument) -> tuple[str, ...]:
    """The sources by whose answers self-harm is present and that may not decide, or not yet; none where what decides
    says the same."""
    sources = [each.source for each in result.undecided if any(states_harm(said, instrument) for said in each.readings)]
    decided = sources and any(states_harm(each, instrument) for each in result.readings)
    return () if decided else tuple(sorted(sources))


def too_old_to_refer(effective: datetime, policy: Policy, now: datetime) -> bool:
    """Whether it tells too little of how she is now to open a referral. Counted in whole days: many are sent with a day
    and no time, and one that tells only its month or year is as old as the first day of that."""
    return (now.date() - effective.date()).days > policy.refers_for_days


def decide(result: ScreeningResult, instrument: Instrument, policy: Policy) -> Decision:
    """Decide `result` as it stands. Raises ValueError when none of its pieces counts: there is nothing to decide."""
    if not result.counts:
        raise ValueError("a result without a final, amended or corrected piece cannot be decided")
    total = _total(result, instrument)
    self_harm, self_harm_reason = _self_harm(result, instrument, total.value)
    outcome, outcome_reasons = _outcome(total, result.stage, instrument, policy)
    reasons = total.reasons | self_harm_reason | outcome_reasons
    if any(reading.code_role_mismatch for reading in result.readings):
        reasons |= {Reason.CODE_ROLE_MISMATCH}
    return Decision(
        outcome=outcome,
        self_harm=self_harm,
        reasons=tuple(reason for reason in _IN_ORDER if reason in reasons),
        total_used=total.value,
        rule_version=rule_version(instrument, policy),
    )


_UNSCORABLE_FOR_EVER = frozenset({Reason.VALUE_UNREADABLE, Reason.VALUE_OUT_OF_RANGE})


def _total(result: ScreeningResult, instrument: Instrument) -> _Total:
    """The total that counts: the highest of what was stated and what the items add up to, None when unscorable."""
    items, stated = result.items, result.totals
    spoilt = {Reason.VALUE_UNREADABLE} if result.unreadable else set()
    if not all(_in_range(each, instrument) for each in result.readings):
        spoilt.add(Reason.VALUE_OUT_OF_RANGE)
    if spoilt:
        return _Total(None, frozenset(spoilt))
    least, most = _bounds(items, instrument)
    computed = least == most
    if not stated and not computed:
        return _Total(None, frozenset({Reason.ITEMS_MISSING}))
    reasons = set() if stated else {Reason.TOTAL_COMPUTED}
    if not _items_agree(result) or len(set(stated)) > 1 or not all(least <= total <= most for total in stated):
        reasons.add(Reason.SCORE_MISMATCH)
    return _Total(max((least, *stated)), frozenset(reasons))


def _bounds(items: Mapping[int, int], instrument: Instrument) -> tuple[int, int]:
    """The lowest and highest total that the answers there still allow; equal when all are there."""
    missing = [item for item in instrument.items if item.number not in items]
    answered = sum(items.values())
    return answered + sum(item.lowest for item in missing), answered + sum(item.highest for item in missing)


def _in_range(reading: Reading, instrument: Instrument) -> bool:
    if reading.value is None:
        return True
    asked = instrument if reading.role is Role.TOTAL else instrument.by_number.get(reading.item or 0)
    return asked is not None and asked.lowest <= reading.value <= asked.highest


def cannot_be_scored(reading: Reading, instrument: Instrument) -> bool:
    """Whether no result can be scored in which this is stated: it is no number, or none that the instrument has."""
    return reading.unreadable is not None or not _in_range(reading, instrument)


def _items_agree(result: ScreeningResult) -> bool:
    """Whether every source that answers an item gives it the same score."""
    return len(result.answers) == len(result.items)


def _self_harm(
    result: ScreeningResult, instrument: Instrument, total: int | None
) -> tuple[SelfHarm, frozenset[Reason]]:
    critical = instrument.critical_items
    if not critical:
        return SelfHarm.NOT_ASKED, frozenset()
    answers = result.items
    if any(is_harmful(answers.get(item.number), item) for item in critical):
        return SelfHarm.PRESENT, frozenset({Reason.CRITICAL_ITEM_ANSWERED})
    if any(_unusable(result, item) for item in critical):
        return SelfHarm.UNKNOWN, frozenset({Reason.CRITICAL_ITEM_UNREADABLE})
    if all(item.number in answers for item in critical):
        return SelfHarm.ABSENT, frozenset()
    if total == instrument.lowest:
        return SelfHarm.ABSENT, frozenset({Reason.LOWEST_TOTAL})
    return SelfHarm.UNKNOWN, frozenset({Reason.CRITICAL_ITEM_MISSING})


def is_harmful(answer: int | None, item: Item) -> bool:
    """Whether this answer to a critical item means that self-harm is present."""
    return answer is not None and item.least_harm_answer is not None and answer >= item.least_harm_answer


def states_harm(reading: Reading, instrument: Instrument) -> bool:
    """Whether it is an answer to a critical item by which self-harm is present."""
    item = instrument.by_number.get(reading.item or 0)
    return item is not None and is_harmful(reading.value, item)


def _unusable(result: ScreeningResult, item: Item) -> bool:
    """Whether any source's answer to `item` could not be read, or is below what can be answered."""
    return any(
        reading.unreadable is not None or (reading.value is not None and reading.value < item.lowest)
        for reading in result.readings
        if reading.item == item.number
    )


def _outcome(total: _Total, stage: Stage, instrument: Instrument, policy: Policy) -> tuple[Outcome, frozenset[Reason]]:
    if total.value is None:
        return Outcome.UNSCORABLE, frozenset()
    limits = cut_off(instrument, stage, policy)
    basis = frozenset({Reason.STAGE_UNKNOWN}) if stage is Stage.UNKNOWN else frozenset[Reason]()
    if total.value >= limits.positive_at:
        return Outcome.POSITIVE, basis | {Reason.AT_OR_ABOVE_CUT_OFF}
    if limits.repeat_at is not None and total.value >= limits.repeat_at:
        return Outcome.REPEAT, basis | {Reason.IN_REPEAT_BAND}
    return Outcome.NEGATIVE, basis | {Reason.BELOW_CUT_OFF}
