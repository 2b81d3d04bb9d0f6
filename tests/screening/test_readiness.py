from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.mappings import load
from service.screening.decide import Outcome, Readiness, SelfHarm, announced_self_harm, decide, readiness
from service.screening.instrument import Role, Stage
from service.screening.result import SELF, Piece, Reading, ScreeningResult, Status, attach

RULES = load()
POLICY = RULES.policy("any hospital")
EPDS = RULES.instruments["epds"]
WITHOUT_CRITICAL_ITEM = replace(EPDS, items=tuple(replace(item, least_harm_answer=None) for item in EPDS.items))
Sent = int | str | None
Items = dict[int, Sent]
UNREADABLE: Sent = "unreadable"


def result(
    total: Sent = None,
    items: Items | None = None,
    *,
    expects: frozenset[str] = frozenset(),
    status: Status = Status.FINAL,
) -> ScreeningResult:
    readings = [_reading(Role.ITEM, number, answer) for number, answer in (items or {}).items()]
    readings += [] if total is None else [_reading(Role.TOTAL, None, total)]
    piece = Piece("Observation/1", status, tuple(readings), expects)
    effective = datetime(2026, 1, 10, tzinfo=UTC)
    return ScreeningResult("r1", "h1", "p1", "epds", SELF, effective, Stage.ANTENATAL, {piece.source: piece})


def _reading(role: Role, item: int | None, value: Sent) -> Reading:
    return Reading(role, item, None, "valueString") if isinstance(value, str) else Reading(role, item, value)


def answers(*scores: int) -> Items:
    return dict(enumerate(scores, 1))


@pytest.mark.parametrize("status", [Status.PRELIMINARY, Status.REGISTERED, Status.ENTERED_IN_ERROR, Status.CANCELLED])
def test_a_result_that_is_not_final_decides_nothing(status: Status) -> None:
    undecided = result(20, {10: 3}, status=status)
    assert readiness(undecided, EPDS) is Readiness.NOTHING_YET
    with pytest.raises(ValueError, match="cannot be decided"):
        decide(undecided, EPDS, POLICY)


@pytest.mark.parametrize("status", [Status.FINAL, Status.AMENDED, Status.CORRECTED])
def test_a_final_amended_or_corrected_result_decides(status: Status) -> None:
    assert decide(result(20, {10: 3}, status=status), EPDS, POLICY).outcome is Outcome.POSITIVE


NO_WORD, ITS_WORD, ITS_WORSE_WORD = (), (("Observation/2", 1),), (("Observation/2", 3),)


@pytest.mark.parametrize(
    ("status", "answer", "decided", "announced"),
    [
        (Status.PRELIMINARY, 1, {}, ITS_WORD),
        (Status.REGISTERED, 1, {}, ITS_WORD),
        (Status.UNKNOWN, 1, {}, ITS_WORD),
        (Status.PRELIMINARY, 1, {10: 0}, ITS_WORD),
        (Status.PRELIMINARY, 1, {10: 1}, NO_WORD),
        (Status.PRELIMINARY, 1, {10: 2}, NO_WORD),
        (Status.PRELIMINARY, 3, {10: 2}, ITS_WORSE_WORD),
        (Status.PRELIMINARY, 0, {}, NO_WORD),
        (Status.PRELIMINARY, None, {}, NO_WORD),
        (Status.FINAL, 1, {}, NO_WORD),
        (Status.CANCELLED, 3, {}, NO_WORD),
        (Status.ENTERED_IN_ERROR, 3, {}, NO_WORD),
    ],
)
def test_an_answer_about_self_harm_is_heard_before_it_decides(
    status: Status, answer: int | None, decided: Items, announced: tuple[tuple[str, int], ...]
) -> None:
    piece = Piece("Observation/2", status, (Reading(Role.ITEM, 10, answer), Reading(Role.ITEM, 1, 3)))
    assert announced_self_harm(attach(result(8, decided), piece), EPDS) == announced
    assert announced_self_harm(attach(result(8, decided), piece), WITHOUT_CRITICAL_ITEM) == NO_WORD


PANEL_TO_COME = frozenset({"Observation/panel"})


@pytest.mark.parametrize(
    ("total", "items", "expects", "expected"),
    [
        (15, {}, frozenset(), Readiness.DECIDE_NOW),
        (15, {}, PANEL_TO_COME, Readiness.WAIT),
        (0, {}, PANEL_TO_COME, Readiness.DECIDE_NOW),
        (15, {10: 0}, PANEL_TO_COME, Readiness.DECIDE_NOW),
        (15, {1: 2}, frozenset(), Readiness.WAIT),
        (None, {}, frozenset(), Readiness.WAIT),
        (None, {1: 2}, frozenset(), Readiness.WAIT),
        (None, {10: 0}, frozenset(), Readiness.WAIT),
        (None, {10: 1}, PANEL_TO_COME, Readiness.DECIDE_NOW),
        (15, {10: 3}, PANEL_TO_COME, Readiness.DECIDE_NOW),
        (None, answers(*[0] * 10), PANEL_TO_COME, Readiness.DECIDE_NOW),
        (UNREADABLE, {}, PANEL_TO_COME, Readiness.DECIDE_NOW),
        (31, {}, PANEL_TO_COME, Readiness.DECIDE_NOW),
        (None, {10: UNREADABLE}, PANEL_TO_COME, Readiness.DECIDE_NOW),
    ],
)
def test_what_waits_and_what_does_not(
    total: Sent, items: Items | None, expects: frozenset[str], expected: Readiness
) -> None:
    assert readiness(result(total, items, expects=expects), EPDS) is expected


@pytest.mark.parametrize(
    ("named", "status", "more"),
    [
        ("QuestionnaireResponse/7", Status.FINAL, False),
        ("QuestionnaireResponse/7", Status.PRELIMINARY, True),
        ("QuestionnaireResponse/8", Status.FINAL, True),
    ],
)
def test_what_is_named_by_a_reference_has_come_when_a_final_piece_has_that_name(
    named: str, status: Status, more: bool
) -> None:
    known = result(15, expects=frozenset({named}))
    form = Piece("urn:forms|1", status, (), names=frozenset({"QuestionnaireResponse/7"}))
    assert attach(known, form).more_expected is more


def test_items_sent_as_unanswered_are_not_waited_for() -> None:
    unanswered = result(15, dict.fromkeys(range(1, 11)))
    assert readiness(unanswered, EPDS) is Readiness.DECIDE_NOW
    assert decide(unanswered, EPDS, POLICY).self_harm is SelfHarm.UNKNOWN


@given(
    st.dictionaries(st.integers(1, 10), st.integers(-1, 4)),
    st.none() | st.integers(-1, 31),
    st.booleans(),
)
def test_present_never_waits(items: Items | None, total: Sent, more: bool) -> None:
    known = result(total, items, expects=PANEL_TO_COME if more else frozenset())
    if decide(known, EPDS, POLICY).self_harm is SelfHarm.PRESENT:
        assert readiness(known, EPDS) is Readiness.DECIDE_NOW


def test_an_instrument_without_a_critical_item_does_not_wait_for_items() -> None:
    assert readiness(result(15, expects=PANEL_TO_COME), WITHOUT_CRITICAL_ITEM) is Readiness.DECIDE_NOW
