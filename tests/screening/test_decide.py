from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.mappings import load
from service.screening.decide import Outcome, Reason, SelfHarm, decide, too_old_to_refer
from service.screening.instrument import Role, Stage
from service.screening.result import SELF, Piece, Reading, ScreeningResult, Status, of_its_own

RULES = load()
POLICY = RULES.policy("any hospital")
EPDS, PHQ9 = RULES.instruments["epds"], RULES.instruments["phq9"]
WITHOUT_CRITICAL_ITEM = replace(EPDS, items=tuple(replace(item, least_harm_answer=None) for item in EPDS.items))
Sent = int | str | None
Items = dict[int, Sent]
UNREADABLE: Sent = "unreadable"
NEGATIVE, REPEAT, POSITIVE, UNSCORABLE = Outcome
PRESENT, ABSENT, UNKNOWN, NOT_ASKED = SelfHarm


def result(
    total: Sent = None, items: Items | None = None, *, stage: Stage = Stage.ANTENATAL, more_totals: tuple[int, ...] = ()
) -> ScreeningResult:
    readings = [_reading(Role.ITEM, number, answer) for number, answer in (items or {}).items()]
    readings += [_reading(Role.TOTAL, None, stated) for stated in (total, *more_totals) if stated is not None]
    piece = Piece("Observation/1", Status.FINAL, tuple(readings))
    effective = datetime(2026, 1, 10, tzinfo=UTC)
    return ScreeningResult("r1", "h1", "p1", "epds", SELF, effective, stage, {piece.source: piece})


def _reading(role: Role, item: int | None, value: Sent) -> Reading:
    return Reading(role, item, None, "valueString") if isinstance(value, str) else Reading(role, item, value)


def answers(*scores: int) -> Items:
    return dict(enumerate(scores, 1))


@pytest.mark.parametrize(
    ("total", "item_10", "outcome", "self_harm"),
    [
        (15, 1, POSITIVE, PRESENT),
        (15, None, POSITIVE, UNKNOWN),
        (15, 0, POSITIVE, ABSENT),
        (11, 1, REPEAT, PRESENT),
        (11, None, REPEAT, UNKNOWN),
        (11, 0, REPEAT, ABSENT),
        (4, 1, NEGATIVE, PRESENT),
        (4, None, NEGATIVE, UNKNOWN),
        (4, 0, NEGATIVE, ABSENT),
        (0, None, NEGATIVE, ABSENT),
        (UNREADABLE, 1, UNSCORABLE, PRESENT),
        (UNREADABLE, None, UNSCORABLE, UNKNOWN),
        (UNREADABLE, 0, UNSCORABLE, ABSENT),
    ],
)
def test_every_cell_of_the_decision_table(total: Sent, item_10: Sent, outcome: Outcome, self_harm: SelfHarm) -> None:
    decision = decide(result(total, {} if item_10 is None else {10: item_10}), EPDS, POLICY)
    assert (decision.outcome, decision.self_harm) == (outcome, self_harm)


@pytest.mark.parametrize(
    ("total", "outcome"), [(15, POSITIVE), (11, REPEAT), (4, NEGATIVE), (0, NEGATIVE), (UNREADABLE, UNSCORABLE)]
)
def test_an_instrument_without_a_critical_item_is_not_asked(total: Sent, outcome: Outcome) -> None:
    decision = decide(result(total, {10: 3}), WITHOUT_CRITICAL_ITEM, POLICY)
    assert (decision.outcome, decision.self_harm) == (outcome, NOT_ASKED)


def published_outcome(score: int, stage: Stage) -> Outcome:
    """The cut-offs as the publications give them, written down apart from mappings/ on purpose."""
    if stage is Stage.ANTENATAL:
        return POSITIVE if score >= 13 else REPEAT if score in (10, 11, 12) else NEGATIVE
    return POSITIVE if score > 9 else NEGATIVE


def published_self_harm(item_10: Sent, total: Sent) -> SelfHarm:
    if isinstance(item_10, int) and item_10 > 0:
        return PRESENT
    if item_10 == 0 or (item_10 is None and total == 0):
        return ABSENT
    return UNKNOWN


@pytest.mark.parametrize("stage", list(Stage))
@pytest.mark.parametrize("item_10", [None, UNREADABLE, -1, 0, 1, 2, 3, 4, 7])
def test_every_total_with_every_answer_to_the_critical_item(stage: Stage, item_10: Sent) -> None:
    for total in (UNREADABLE, *range(-2, 40)):
        decision = decide(result(total, {} if item_10 is None else {10: item_10}, stage=stage), EPDS, POLICY)
        assert decision.self_harm is published_self_harm(item_10, total), total
        if total in range(31) and item_10 in (None, 0, 1, 2, 3):
            used = max(total, item_10 or 0)
            assert decision.outcome is published_outcome(used, stage), total
            assert decision.total_used == used
        else:
            assert decision.outcome is UNSCORABLE, total
            assert decision.total_used is None


@given(st.lists(st.integers(0, 3), min_size=10, max_size=10), st.sampled_from(Stage), st.none() | st.integers(0, 30))
def test_with_all_items_the_higher_of_their_sum_and_the_stated_total_counts(
    scores: list[int], stage: Stage, stated: int | None
) -> None:
    decision = decide(result(stated, answers(*scores), stage=stage), EPDS, POLICY)
    used = max(sum(scores), stated or 0)
    assert decision.total_used == used
    assert decision.outcome is published_outcome(used, stage)
    assert decision.self_harm is (PRESENT if scores[9] else ABSENT)
    assert decision.needs_review is (stated is not None and stated != sum(scores))
    assert (Reason.TOTAL_COMPUTED in decision.reasons) is (stated is None)


def test_phq_9_of_4_with_item_9_answered_is_negative_and_present() -> None:
    decision = decide(result(4, answers(1, 1, 0, 0, 1, 0, 0, 0, 1)), PHQ9, POLICY)
    assert (decision.outcome, decision.self_harm) == (NEGATIVE, PRESENT)
    assert not decision.needs_review


@pytest.mark.parametrize(("total", "outcome"), [(9, NEGATIVE), (10, POSITIVE), (27, POSITIVE), (28, UNSCORABLE)])
@pytest.mark.parametrize("stage", list(Stage))
def test_phq_9_has_one_cut_off_for_every_stage(stage: Stage, total: int, outcome: Outcome) -> None:
    assert decide(result(total, stage=stage), PHQ9, POLICY).outcome is outcome


@pytest.mark.parametrize("total", [31, -1, 99, UNREADABLE])
def test_a_total_that_cannot_be_is_unscorable_and_never_negative(total: Sent) -> None:
    assert decide(result(total), EPDS, POLICY).outcome is UNSCORABLE
    all_but_none = answers(*[0] * 10)
    assert decide(result(total, all_but_none), EPDS, POLICY).outcome is UNSCORABLE


@pytest.mark.parametrize("spoilt", [{3: 4}, {3: -1}, {3: UNREADABLE}, {11: 1}])
def test_one_item_that_cannot_be_makes_the_result_unscorable(spoilt: Items) -> None:
    decision = decide(result(15, answers(*[0] * 10) | spoilt), EPDS, POLICY)
    assert decision.outcome is UNSCORABLE
    assert decision.self_harm is ABSENT


def test_items_that_do_not_sum_to_the_total_are_reviewed_and_the_higher_counts() -> None:
    below = decide(result(2, answers(2, 2, 2, 2, 2, 2, 2, 2, 0, 0)), EPDS, POLICY)
    above = decide(result(16, answers(1, 1, 0, 0, 0, 0, 0, 0, 0, 0)), EPDS, POLICY)
    assert [below.total_used, above.total_used] == [16, 16]
    assert below.outcome is above.outcome is POSITIVE
    assert below.needs_review
    assert above.needs_review


def test_a_total_of_zero_does_not_mean_absent_when_an_item_contradicts_it() -> None:
    decision = decide(result(0, {1: 2}), EPDS, POLICY)
    assert decision.self_harm is UNKNOWN
    assert decision.total_used == 2
    assert decision.needs_review


def test_a_total_higher_than_the_items_there_allow_is_reviewed() -> None:
    assert decide(result(28, {10: 0}), EPDS, POLICY).needs_review
    assert not decide(result(27, {10: 0}), EPDS, POLICY).needs_review


def test_two_totals_that_differ_are_reviewed_and_the_higher_counts() -> None:
    decision = decide(result(9, more_totals=(14,)), EPDS, POLICY)
    assert (decision.outcome, decision.total_used) == (POSITIVE, 14)
    assert decision.needs_review


def test_two_sources_that_differ_on_an_item_are_reviewed() -> None:
    first = result(None, answers(*[0] * 10))
    second = Piece("OBX/1", Status.FINAL, (Reading(Role.ITEM, 10, 1),))
    decision = decide(first._replace(pieces={**first.pieces, second.source: second}), EPDS, POLICY)
    assert decision.self_harm is PRESENT
    assert decision.needs_review


def test_an_unreadable_answer_beside_a_zero_leaves_self_harm_unknown() -> None:
    first = result(4, {10: 0})
    second = Piece("OBX/1", Status.FINAL, (Reading(Role.ITEM, 10, None, "OBX-5"),))
    assert decide(first._replace(pieces={**first.pieces, "OBX/1": second}), EPDS, POLICY).self_harm is UNKNOWN


def test_items_without_a_total_that_are_not_all_there_cannot_be_scored() -> None:
    decision = decide(result(None, {1: 3, 2: 3, 10: 0}), EPDS, POLICY)
    assert decision.outcome is UNSCORABLE
    assert Reason.ITEMS_MISSING in decision.reasons


def test_a_number_under_the_panels_code_counts_and_is_noted() -> None:
    piece = Piece("Observation/1", Status.FINAL, (Reading(Role.TOTAL, None, 15, code_role_mismatch=True),))
    decision = decide(result()._replace(pieces={piece.source: piece}), EPDS, POLICY)
    assert decision.outcome is POSITIVE
    assert Reason.CODE_ROLE_MISMATCH in decision.reasons


@pytest.mark.parametrize(
    ("given_result", "reasons"),
    [
        (result(15), (Reason.CRITICAL_ITEM_MISSING, Reason.AT_OR_ABOVE_CUT_OFF)),
        (result(0), (Reason.LOWEST_TOTAL, Reason.BELOW_CUT_OFF)),
        (result(11, {10: 1}), (Reason.CRITICAL_ITEM_ANSWERED, Reason.IN_REPEAT_BAND)),
        (
            result(31, {10: UNREADABLE}),
            (Reason.CRITICAL_ITEM_UNREADABLE, Reason.VALUE_UNREADABLE, Reason.VALUE_OUT_OF_RANGE),
        ),
        (result(9, {10: 0}, stage=Stage.UNKNOWN), (Reason.BELOW_CUT_OFF, Reason.STAGE_UNKNOWN)),
    ],
)
def test_the_reasons_say_what_the_judgements_rest_on(
    given_result: ScreeningResult, reasons: tuple[Reason, ...]
) -> None:
    assert decide(given_result, EPDS, POLICY).reasons == reasons


def test_the_two_judgements_do_not_depend_on_each_other() -> None:
    seen = {
        (decision.outcome, decision.self_harm)
        for total, item_10 in product((UNREADABLE, 4, 11, 15), (None, 0, 1))
        for decision in [decide(result(total, {} if item_10 is None else {10: item_10}), EPDS, POLICY)]
    }
    assert seen == set(product(Outcome, (PRESENT, ABSENT, UNKNOWN)))


@pytest.mark.parametrize("respondent", ["RelatedPerson/2", "other", of_its_own("RelatedPerson/2", "order")])
def test_what_somebody_else_answered_refers_nobody_and_hides_no_risk(respondent: str) -> None:
    for total, item_10, outcome, self_harm in (
        (15, 0, UNSCORABLE, ABSENT),
        (11, 0, UNSCORABLE, ABSENT),
        (4, 0, NEGATIVE, ABSENT),
        (15, 1, UNSCORABLE, PRESENT),
    ):
        decision = decide(result(total, {10: item_10})._replace(respondent=respondent), EPDS, POLICY)
        assert (decision.outcome, decision.self_harm) == (outcome, self_harm)
        assert (Reason.ANOTHER_ANSWERED in decision.reasons) == (decision.total_used is None) == (outcome is UNSCORABLE)


def test_what_she_answered_at_a_time_that_nobody_told_is_hers() -> None:
    hers = result(15, {10: 0})._replace(respondent=of_its_own(SELF, "order"))
    assert decide(hers, EPDS, POLICY).outcome is POSITIVE


TAKEN = datetime(2026, 1, 10, tzinfo=UTC)  # as `result` has it


@pytest.mark.parametrize(
    ("passed", "old"),
    [
        (timedelta(minutes=-5), False),
        (timedelta(0), False),
        (timedelta(days=89), False),
        (timedelta(days=90), False),
        (timedelta(days=90, hours=23, minutes=59), False),
        (timedelta(days=91), True),
        (timedelta(days=7 * 365), True),
    ],
)
def test_a_result_is_too_old_to_refer_by_once_the_sites_days_are_over(passed: timedelta, old: bool) -> None:
    assert too_old_to_refer(TAKEN, POLICY, TAKEN + passed) is old
    longer = replace(POLICY, refers_for_days=7 * 365)
    assert not too_old_to_refer(TAKEN, longer, TAKEN + passed)
