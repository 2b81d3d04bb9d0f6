"""The two judgements about a screening result, each on its own: what the total says, and whether self-harm is present.

Self-harm rests on the critical items alone, whatever the total is: any answer above the least harmful one is acted on
(NSW Health EPDS guidance; LOINC 44260-8). What cannot be known is `unknown`, never `absent`; what cannot be scored is
`unscorable`, never `negative`.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from service.screening.instrument import Instrument, Item, Policy, Stage, cut_off
from service.screening.result import Reading, Said, ScreeningResult


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
    ANOTHER_ANSWERED = "another-answered"


_IN_ORDER = tuple(Reason)


class Readiness(StrEnum):
    """`wait` is for what is still on its way; when the site's waiting time is over, it is decided as it stands."""

    DECIDE_NOW = "decide-now"
    WAIT = "wait"
    NOTHING_YET = "nothing-yet"


class Judgement(NamedTuple):
    """What a decision comes down to: deciding the same again changes nothing. `harm` is the worst answer by which
    self-harm is present, 0 where none is."""

    outcome: Outcome
    self_harm: SelfHarm
    needs_review: bool
    harm: int


class Decision(NamedTuple):
    """`total_used` is None when unscorable. `rule_version` names the instrument's and the site's data exactly."""

    outcome: Outcome
    self_harm: SelfHarm
    harm: int
    reasons: tuple[Reason, ...]
    total_used: int | None
    rule_version: str

    @property
    def judgement(self) -> Judgement:
        return Judgement(self.outcome, self.self_harm, self.needs_review, self.harm)

    @property
    def needs_review(self) -> bool:
        """What was stated contradicts itself: the higher score counted, and a clinician looks."""
        return Reason.SCORE_MISMATCH in self.reasons


class _Total(NamedTuple):
    value: int | None
    reasons: frozenset[Reason]


def readiness(result: ScreeningResult, instrument: Instrument) -> Readiness:
    """Whether `result` can be decided now. Present self-harm never waits; what can never be scored does not either."""
    if not result.counts:
        return Readiness.NOTHING_YET
    said = result.said
    if said.heard_of >= instrument.by_number.keys():
        return Readiness.DECIDE_NOW
    total = _total(said, instrument)
    self_harm, _ = _self_harm(said, instrument, total.value)
    if self_harm is SelfHarm.PRESENT or total.reasons & _UNSCORABLE_FOR_EVER:
        return Readiness.DECIDE_NOW
    if total.value is None:
        return Readiness.WAIT
    # Some of the items being there tells, as a named member would, that the others are on their way.
    rest_is_coming = result.more_expected or bool(said.heard_of)
    return Readiness.WAIT if self_harm is SelfHarm.UNKNOWN and rest_is_coming else Readiness.DECIDE_NOW


def announced_self_harm(result: ScreeningResult, instrument: Instrument) -> tuple[tuple[str, int], ...]:
    """The sources that may not decide, or not yet, each with its worst answer by which self-harm is present, where
    that is worse than what decides."""
    announced = [(each.source, harm_in_readings(each.readings, instrument)) for each in result.undecided]
    decided = harm_in(result.said.items.items(), instrument) if announced else 0
    return tuple(sorted((source, harm) for source, harm in announced if harm > decided))


def too_old_to_refer(effective: datetime, policy: Policy, now: datetime) -> bool:
    """Whether it tells too little of how she is now to open a referral. Counted in whole days: many are sent with a day
    and no time, and one that tells only its month or year is as old as the first day of that."""
    return (now.date() - effective.date()).days > policy.refers_for_days


def decide(result: ScreeningResult, instrument: Instrument, policy: Policy) -> Decision:
    """Decide `result` as it stands. Raises ValueError when none of its pieces counts: there is nothing to decide."""
    if not result.counts:
        raise ValueError("a result without a final, amended or corrected piece cannot be decided")
    said = result.said
    total = _total(said, instrument)
    self_harm, self_harm_reason = _self_harm(said, instrument, total.value)
    outcome, outcome_reasons = _outcome(total, result.stage, instrument, policy)
    if result.is_anothers and outcome is not Outcome.NEGATIVE:
        # It is no reason to refer her, and for a person to see who needs help.
        outcome, outcome_reasons = Outcome.UNSCORABLE, frozenset({Reason.ANOTHER_ANSWERED})
    reasons = total.reasons | self_harm_reason | outcome_reasons
    if said.code_role_mismatch:
        reasons |= {Reason.CODE_ROLE_MISMATCH}
    return Decision(
        outcome=outcome,
        self_harm=self_harm,
        harm=harm_in(said.items.items(), instrument),
        reasons=tuple(sorted(reasons, key=_IN_ORDER.index)),
        total_used=None if outcome is Outcome.UNSCORABLE else total.value,
        rule_version=rule_version(instrument, policy),
    )


def rule_version(instrument: Instrument, policy: Policy) -> str:
    """The name of exactly these rules: any change of the instrument's or of the site's data gives another one."""
    return f"{instrument.id}/{instrument.digest}/{policy.digest}"


_UNSCORABLE_FOR_EVER = frozenset({Reason.VALUE_UNREADABLE, Reason.VALUE_OUT_OF_RANGE})


def _total(said: Said, instrument: Instrument) -> _Total:
    """The total that counts: the highest of what was stated and what the items add up to, None when unscorable."""
    spoilt = {Reason.VALUE_UNREADABLE} if said.unreadable else set()
    if not said.scores <= instrument.scores:
        spoilt.add(Reason.VALUE_OUT_OF_RANGE)
    if spoilt:
        return _Total(None, frozenset(spoilt))
    least, most = _bounds(said.items, instrument)
    stated = least if said.total is None else said.total
    if said.total is None and least != most:
        return _Total(None, frozenset({Reason.ITEMS_MISSING}))
    reasons = {Reason.TOTAL_COMPUTED} if said.total is None else set()
    if said.contradicts_itself or not least <= stated <= most:
        reasons.add(Reason.SCORE_MISMATCH)
    return _Total(max(least, stated), frozenset(reasons))


def _bounds(items: Mapping[int | None, int], instrument: Instrument) -> tuple[int, int]:
    """The lowest and highest total that the answers there still allow; equal when all are there."""
    missing = [instrument.by_number[number] for number in instrument.by_number.keys() - items]
    answered = sum(items.values())
    return answered + sum(item.lowest for item in missing), answered + sum(item.highest for item in missing)


def cannot_be_scored(reading: Reading, instrument: Instrument) -> bool:
    """Whether no result can be scored in which this is stated: it is no number, or none that the instrument has."""
    out_of_range = reading.value is not None and (reading.item, reading.value) not in instrument.scores
    return reading.unreadable is not None or out_of_range


def _self_harm(said: Said, instrument: Instrument, total: int | None) -> tuple[SelfHarm, frozenset[Reason]]:
    critical = instrument.critical_items
    if not critical:
        return SelfHarm.NOT_ASKED, frozenset()
    if harm_in(said.items.items(), instrument):
        return SelfHarm.PRESENT, frozenset({Reason.CRITICAL_ITEM_ANSWERED})
    if any(_unusable(said, instrument, item) for item in critical):
        return SelfHarm.UNKNOWN, frozenset({Reason.CRITICAL_ITEM_UNREADABLE})
    if all(item.number in said.items for item in critical):
        return SelfHarm.ABSENT, frozenset()
    if total == instrument.lowest:
        return SelfHarm.ABSENT, frozenset({Reason.LOWEST_TOTAL})
    return SelfHarm.UNKNOWN, frozenset({Reason.CRITICAL_ITEM_MISSING})


def is_harmful(answer: int | None, item: Item) -> bool:
    """Whether this answer to a critical item means that self-harm is present."""
    return answer is not None and item.least_harm_answer is not None and answer >= item.least_harm_answer


def harm_in_readings(readings: Iterable[Reading], instrument: Instrument) -> int:
    """The worst answer in them by which self-harm is present; 0 where none is."""
    return harm_in(((each.item, each.value) for each in readings), instrument)


def harm_in(answers: Iterable[tuple[int | None, int | None]], instrument: Instrument) -> int:
    """The same of answers by the number of their item."""
    harms = (
        answer
        for number, answer in answers
        for item in instrument.critical_items
        if answer and number == item.number and is_harmful(answer, item)
    )
    return max(harms, default=0)


def _unusable(said: Said, instrument: Instrument, item: Item) -> bool:
    """Whether any source's answer to `item` could not be read, or is below what can be answered."""
    impossible = said.scores - instrument.scores
    below = any(number == item.number and score < item.lowest for number, score in impossible)
    return below or item.number in said.unreadable


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
