from datetime import UTC, datetime
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.mappings import load
from service.screening.decide import decide
from service.screening.instrument import CodeUse, Role, Stage
from service.screening.result import SELF, Piece, Reading, Said, ScreeningResult, Status, attach, reading, whole_score

RULES = load()
EPDS = RULES.instruments["epds"]
NOTHING = ScreeningResult(
    id="r1",
    tenant_id="h1",
    patient_id="p1",
    instrument_id="epds",
    respondent=SELF,
    effective=datetime(2026, 1, 10, 9, 30, tzinfo=UTC),
    stage=Stage.POSTNATAL,
)
# Of each source at most one piece of each rank, as a sender who corrects would send them.
RANKED = (Status.PRELIMINARY, Status.FINAL, Status.CORRECTED, Status.ENTERED_IN_ERROR)


def total(value: int | None, source: str = "Observation/total", status: Status = Status.FINAL) -> Piece:
    return Piece(source, status, (Reading(Role.TOTAL, None, value, None if value is not None else "value"),))


def item(number: int, value: int, source: str | None = None, status: Status = Status.FINAL) -> Piece:
    return Piece(source or f"Observation/{number}", status, (Reading(Role.ITEM, number, value),))


def put_together(*pieces: Piece) -> ScreeningResult:
    result = NOTHING
    for piece in pieces:
        result = attach(result, piece)
    return result


@st.composite
def histories(draw: st.DrawFn) -> list[Piece]:
    pieces = []
    for source in draw(st.lists(st.integers(0, 11), unique=True, min_size=1)):
        for status in draw(st.lists(st.sampled_from(RANKED), unique=True, min_size=1)):
            if source in (0, 11):
                pieces.append(total(draw(st.none() | st.integers(-1, 31)), f"Observation/{source}", status))
            else:
                pieces.append(item(source, draw(st.integers(-1, 4)), status=status))
    return pieces


@given(histories(), st.randoms())
def test_any_order_of_the_pieces_gives_the_same_result_and_the_same_decision(
    pieces: list[Piece], chance: Random
) -> None:
    shuffled = list(pieces)
    chance.shuffle(shuffled)
    one, other = put_together(*pieces), put_together(*shuffled)
    assert one == other
    if one.counts:
        policy = RULES.policy("h1")
        assert decide(one, EPDS, policy) == decide(other, EPDS, policy)


def test_a_later_piece_of_the_same_source_replaces_the_earlier_one() -> None:
    result = put_together(total(15), total(9, status=Status.CORRECTED))
    assert result.said.total == 9


def test_a_correction_that_overtakes_the_original_stands() -> None:
    assert put_together(total(9, status=Status.CORRECTED), total(15)).said.total == 9


def test_a_second_correction_replaces_the_first() -> None:
    result = put_together(total(15), total(9, status=Status.CORRECTED), total(11, status=Status.AMENDED))
    assert result.said.total == 11


def test_a_correction_replaces_everything_its_source_said_before() -> None:
    both = (Reading(Role.TOTAL, None, 15), Reading(Role.ITEM, 10, 2))
    result = put_together(
        Piece("Observation/1", Status.FINAL, both),
        Piece("Observation/1", Status.CORRECTED, both[:1]),
    )
    assert result.said.total == 15
    assert result.said.items == {}


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_void_removes_what_its_source_said_and_an_original_that_comes_later_stays_void(
    order: tuple[int, int],
) -> None:
    said = (total(15), Piece("Observation/total", Status.ENTERED_IN_ERROR, ()))
    result = put_together(*(said[n] for n in order))
    assert result.said.total is None
    assert not result.counts


def test_a_void_leaves_other_sources_alone() -> None:
    result = put_together(item(1, 2), item(2, 3), item(1, 2, status=Status.ENTERED_IN_ERROR))
    assert result.said.items == {2: 3}


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.FINAL, Status.AMENDED, Status.CORRECTED}))
def test_only_final_amended_and_corrected_pieces_count(status: Status) -> None:
    result = put_together(total(15, status=status), item(10, 3, status=status))
    assert not result.counts
    assert result.said == Said(frozenset(), None, {}, frozenset(), frozenset(), code_role_mismatch=False)


def test_of_two_sources_for_one_item_the_higher_score_counts() -> None:
    assert put_together(item(10, 0), item(10, 1, source="OBX/10")).said.items == {10: 1}


def test_what_cannot_be_read_is_known_by_its_number() -> None:
    unreadable = Piece("Observation/10", Status.FINAL, (Reading(Role.ITEM, 10, None, "value"),))
    assert put_together(total(None)).said.unreadable == {None}
    assert put_together(unreadable, item(9, 0)).said.unreadable == {10}


@pytest.mark.parametrize("status", sorted(Status))
def test_more_is_expected_until_the_named_parts_have_come_in_a_form_that_is_no_longer_provisional(
    status: Status,
) -> None:
    panel = Piece("Observation/panel", Status.FINAL, (), expects=frozenset({"Observation/10"}))
    assert put_together(panel).more_expected
    still_to_come = status in (Status.PRELIMINARY, Status.REGISTERED)
    assert put_together(panel, item(10, 0, status=status)).more_expected is still_to_come


def test_a_void_panel_expects_nothing() -> None:
    panel = Piece("Observation/panel", Status.ENTERED_IN_ERROR, (), expects=frozenset({"Observation/10"}))
    assert not put_together(panel, total(4)).more_expected


def test_attaching_leaves_the_given_result_as_it_was() -> None:
    before = put_together(total(3))
    attach(before, item(1, 2))
    assert before == put_together(total(3))
    assert before._replace(pieces={}) == NOTHING


@pytest.mark.parametrize(
    ("role", "value", "unreadable", "expected"),
    [
        (Role.TOTAL, 14, None, Reading(Role.TOTAL, None, 14)),
        (Role.TOTAL, None, "valueQuantity", Reading(Role.TOTAL, None, None, "valueQuantity")),
        (Role.TOTAL, None, None, Reading(Role.PANEL, None, None, code_role_mismatch=True)),
        (Role.PANEL, None, None, Reading(Role.PANEL, None, None)),
        (Role.PANEL, 14, None, Reading(Role.TOTAL, None, 14, code_role_mismatch=True)),
        (Role.PANEL, None, "valueString", Reading(Role.TOTAL, None, None, "valueString", code_role_mismatch=True)),
    ],
)
def test_the_role_of_a_code_gives_way_to_what_it_carries(
    role: Role, value: int | None, unreadable: str | None, expected: Reading
) -> None:
    assert reading(CodeUse("epds", role), value, unreadable) == expected


def test_an_item_without_an_answer_stays_that_item() -> None:
    assert reading(CodeUse("epds", Role.ITEM, 10), None) == Reading(Role.ITEM, 10, None)


@pytest.mark.parametrize(
    ("wire", "score"),
    [
        (12, 12),
        (12.0, 12),
        ("12", 12),
        (" 7 ", 7),
        ("0", 0),
        (Decimal("12.0"), 12),
        (Decimal(-1), -1),
        (3.5, None),
        (Decimal("3.5"), None),
        ("3.5", None),
        (">=13", None),
        ("thirteen", None),
        ("", None),
        ("-1", None),
        ("\uff11\uff12", None),
        ("1" * 5000, None),
        (Decimal("1e400"), None),
        (float("nan"), None),
        (float("inf"), None),
        (True, None),
    ],
)
def test_only_a_whole_number_is_a_score(wire: float | Decimal | str, score: int | None) -> None:
    assert whole_score(wire) == score
