"""A40 and its like, as a hospital sends them (trust.md, E56 and D4)."""

import pytest

from tests.flow.support import Service
from tests.hl7v2.test_events import ITEM
from tests.hl7v2.ward import SYSTEM, Ward, cx, merge, message, pid


@pytest.fixture
def ward(service: Service) -> Ward:
    return Ward(service)


@pytest.mark.parametrize("event", ["A34", "A39", "A40"])
def test_the_retired_number_leads_to_the_survivor(ward: Ward, event: str) -> None:
    ward.supported("W1")
    ward.tells("A28", pid("W2"))
    assert ward.sends(merge("W1", into="W2", event=event)) == "AA"
    assert ward.woman("W1") == ward.woman("W2")
    assert ward.state("W2") == ("supported", ["accepted"])
    assert ward.alerts() == ["records-merged"]


def test_women_of_different_birth_dates_are_one_only_with_a_pause(ward: Ward) -> None:
    ward.supported("W1")
    ward.tells("A28", pid("W2", born="19850505"))
    assert ward.sends(merge("W1", into="W2", born="19850505")) == "AA"
    assert ward.state("W2") == ("on-hold", ["held-by-service"])
    assert ward.alerts() == ["identity-conflict"]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        pytest.param(merge("W1", into="W1"), "AA", id="into itself"),
        pytest.param(message("A40", pid("W1")), "AA MRG^1 100 W", id="without an MRG"),
        pytest.param(message("A40", pid("W1"), "MRG|999"), "AA MRG^1^1 204 W", id="a number without an authority"),
        pytest.param(message("A40", "PID|1||1", f"MRG|{cx('W2')}"), "AA PID^1^3 204 W", id="a survivor without one"),
    ],
)
def test_what_merges_nothing_changes_nothing(ward: Ward, body: bytes, told: str) -> None:
    ward.supported("W1")
    before = ward.rows("patient"), ward.rows("alias"), ward.rows("offer")
    assert ward.sends(body) == told
    assert (ward.rows("patient"), ward.rows("alias"), ward.rows("offer")) == before


def test_a_number_that_was_never_heard_of_leads_to_the_survivor_from_now_on(ward: Ward) -> None:
    ward.tells("A28", pid("W2"))
    assert ward.sends(merge("W1", into="W2")) == "AA"
    ward.positive("W1")
    assert len(ward.rows("patient")) == 1
    assert ward.state("W2")[0] != ""


@pytest.mark.parametrize("chain", [("W1 W2", "W2 W3"), ("W2 W3", "W1 W2")], ids=["forward", "backward"])
def test_a_chain_of_merges_ends_at_its_last(ward: Ward, chain: tuple[str, str]) -> None:
    for number in ("W1", "W2", "W3"):
        ward.tells("A28", pid(number))
    last = ward.woman("W3")
    for step in chain:
        retired, survivor = step.split()
        assert ward.sends(merge(retired, into=survivor)) == "AA"
    assert {ward.woman(number) for number in ("W1", "W2", "W3")} == {last}
    assert {row["replaced_by"] for row in ward.rows("patient") if row["id"] != last} == {last}


def test_pid_3_may_go_on_naming_the_retired_number(ward: Ward) -> None:
    ward.tells("A28", pid("W1"))
    ward.tells("A28", pid("W2"))
    both = pid(_3=f"{cx('W2')}~{cx('W1')}")
    assert ward.sends(message("A40", both, f"MRG|{cx('W1')}")) == "AA"
    assert ward.woman("W1") == ward.woman("W2")
    assert {row["value"]: row["former"] for row in ward.rows("alias", system=SYSTEM)} == {"W1": True, "W2": False}


@pytest.mark.parametrize(
    ("merges", "current"),
    [
        pytest.param(["W2>W1", "W1>W2"], "W2", id="said the other way round"),
        pytest.param(["W2>W1", "W1>W2", "W2>W1"], "W1", id="and back"),
        pytest.param(["W1>W2", "W2>W3", "W3>W1"], "W1", id="a circle of three"),
        pytest.param(["W2>W3", "W1>W2"], "W3", id="a chain, backward"),
        pytest.param(["W2>W3", "W1>W2", "W1>W2"], "W3", id="a chain, backward, its first once more"),
    ],
)
@pytest.mark.parametrize("known", [True, False], ids=["of women who are known", "of nobody known"])
def test_she_is_called_by_the_number_that_stays(ward: Ward, merges: list[str], current: str, known: bool) -> None:
    for number in ("W1", "W2", "W3") if known else ():
        ward.tells("A28", pid(number))
    for step in merges:
        retired, survivor = step.split(">")
        assert ward.sends(merge(retired, into=survivor)) == "AA"
    former = {row["value"]: row["former"] for row in ward.rows("alias", system=SYSTEM, resource_id=ward.woman(current))}
    assert [number for number, gone in former.items() if not gone] == [current]


def test_a_number_of_another_kind_that_she_keeps_hides_none_that_comes_back(ward: Ward) -> None:
    national = "~9^^^&2.999.1&ISO"
    assert ward.sends(merge("W2", into="W1", _3=cx("W1") + national)) == "AA"
    assert ward.sends(merge("W1", into="W2", _3=cx("W2") + national)) == "AA"
    former = {row["value"]: row["former"] for row in ward.rows("alias", resource_id=ward.woman("W2"))}
    assert former == {"W1": True, "W2": False, "9": False}


def test_several_merges_in_one_message_are_each_done(ward: Ward) -> None:
    for number in ("W1", "W2", "W3", "W4"):
        ward.tells("A28", pid(number))
    body = message("A40", pid("W2"), f"MRG|{cx('W1')}", pid("W4"), f"MRG|{cx('W3')}")
    assert ward.sends(body) == "AA"
    assert ward.woman("W1") == ward.woman("W2") != ward.woman("W3") == ward.woman("W4")


@pytest.mark.parametrize("event", ["A35", "A41", "A42"])
def test_accounts_and_visits_are_nothing_to_us(ward: Ward, event: str) -> None:
    ward.supported()
    assert ward.sends(message(event, pid(), f"MRG|{cx('W1')}||ACCOUNT-2")) == "AA"
    assert ward.sends(message(event, pid(), f"MRG|{cx('W2')}||ACCOUNT-2")) == "AA MRG^1^1 207 W"
    assert ward.state() == ("supported", ["accepted"])


ABOUT_RECORDS = ["A18", "A24", "A30", "A34", "A35", "A37", "A40", "A41", "A43", "A44", "A47", "A50"]
MERGED = [pid(), f"MRG|{cx('W9')}"]


@pytest.mark.parametrize("event", ABOUT_RECORDS)
@pytest.mark.parametrize("retired", [[f"MRG|{cx('W9')}"], []], ids=["another record", "none"])
def test_a_risk_in_a_message_about_records_takes_back_what_nobody_answered(
    ward: Ward, event: str, retired: list[str]
) -> None:
    ward.add_programme()
    ward.tells("A08", *ward.agrees())
    ward.positive()
    assert "OBX^1 100 W" in ward.tells(event, pid(), *retired, *ITEM)
    assert ward.state() == ("in-review", ["cancelled"])
    risks = [each["patient_id"] for each in ward.rows("alert", code="self-harm-present")]
    assert risks == [ward.woman()]


@pytest.mark.parametrize(
    ("lines", "whose"),
    [
        pytest.param([*MERGED, *ITEM], "W1", id="a woman who was not known"),
        pytest.param([*ITEM, *MERGED], None, id="before any patient"),
        pytest.param([pid("B1", born="20260530", _21=cx("W1")), MERGED[1], *ITEM], None, id="a baby"),
        pytest.param([pid("W2"), f"MRG|{cx('W8')}", *MERGED, *ITEM], None, id="the second of two"),
        pytest.param(["PID|1||1", MERGED[1], *ITEM], None, id="nobody"),
        pytest.param([pid(), f"MRG|{cx('W8')}", MERGED[1], *ITEM], "W1", id="two records that are gone"),
    ],
)
def test_a_risk_in_a_merge_is_told_once_of_her_whose_it_certainly_is(
    ward: Ward, lines: list[str], whose: str | None
) -> None:
    assert "OBX^1 100 W" in ward.tells("A40", *lines)
    told = [(each["code"], each["patient_id"]) for each in ward.rows("alert") if each["priority"] == "urgent"]
    assert told == [("self-harm-present", ward.woman()) if whose else ("unreadable-risk", None)]


def test_a_questionnaire_in_a_merge_goes_to_a_person(ward: Ward) -> None:
    obr, obx = ITEM
    assert ward.tells("A40", *MERGED, obr, obx.replace("||2|", "||0|")) == "AA OBX^1 100 W"
    assert ward.alerts() == ["unreadable-result"]
    assert ward.rows("screening_result") == []
