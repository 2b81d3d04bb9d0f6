"""A yes in a CON is one when it is hers, whole and informed (v2.5.1, 9.5.1); what limits it may take back another."""

import pytest

from tests.flow.support import Service
from tests.hl7v2.ward import Ward, con, pid

PHONE = "OBX|1|ST|PHONE^Safe^L||+44 7700 900123||||||F"
LATER = "20260530"

LIMITED = [
    pytest.param({9: "Not by telephone. Only after the birth."}, "9 207", id="limits in words"),
    pytest.param({14: "31.12.2026"}, "14 102", id="a beginning that cannot be read"),
    pytest.param({15: "31.12.2026"}, "15 102", id="an end that cannot be read"),
]
NOT_HERS = [
    pytest.param({16: "N"}, "16 207", id="she cannot decide"),
    pytest.param({20: "E^Emergency^HL70499"}, "20 207", id="nobody asked her"),
    pytest.param({20: "^Emergency"}, "20 207", id="nobody asked her, in words"),
    pytest.param({21: "P"}, "21 207", id="she was told a part"),
    pytest.param({21: "N"}, "21 207", id="she was told nothing"),
    pytest.param({22: "PR^Patient request^HL70501"}, "22 207", id="why she was not told"),
    pytest.param({23: "NC^Not competent^HL70502"}, "23 207", id="why another decides"),
    pytest.param({24: "9^Partner^Peter", 25: "4"}, "25 207", id="another signs"),
    pytest.param({24: "1^Tester^Tessie~9^Partner^Peter", 25: "1~3"}, "25 207", id="another signs too"),
    pytest.param({24: "9^Partner^Peter"}, "24 207", id="nobody knows who signs"),
]


def yes(fields: dict[int, str], decided: str = "20260520") -> str:
    """A CON that is a yes, with these fields."""
    values = dict(enumerate(con("A", decided).split("|"))) | fields
    return "|".join(values.get(place, "") for place in range(max(values) + 1))


@pytest.fixture
def ward(service: Service) -> Ward:
    ward = Ward(service)
    ward.add_programme()
    return ward


@pytest.mark.parametrize(("fields", "told"), LIMITED + NOT_HERS)
def test_a_yes_that_is_not_hers_whole_and_informed_is_none_and_a_person_is_told(
    ward: Ward, fields: dict[int, str], told: str
) -> None:
    assert ward.tells("A08", pid(), yes(fields), PHONE) == f"AA CON^1^{told} W"
    assert ward.alerts() == ["not-all-used"]
    ward.positive()
    assert ward.state() == ("awaiting-consent", [])


def test_what_says_that_it_is_hers_whole_and_informed_is_no_limit(ward: Ward) -> None:
    fields = {9: '""', 10: "V", 14: "20260520", 16: "Y", 17: "Y", 18: "tur", 21: "F", 24: "1^Tester^Tessie", 25: "1"}
    assert ward.tells("A08", pid(), yes(fields), PHONE) == "AA"
    ward.positive()
    assert ward.state() == ("offered", ["requested"])


@pytest.mark.parametrize(("fields", "told"), LIMITED)
def test_what_limits_a_later_yes_pauses_contact_until_a_person_has_looked(
    ward: Ward, fields: dict[int, str], told: str
) -> None:
    ward.supported()
    for _ in range(2):
        assert ward.tells("A08", pid(), yes(fields, LATER)) == f"AA CON^1^{told} W"
    assert ward.state() == ("on-hold", ["held-by-service"])
    assert ward.alerts() == ["not-all-used", "unreadable-refusal"]


@pytest.mark.parametrize(("fields", "told"), NOT_HERS)
def test_what_somebody_else_agrees_to_leaves_her_own_word_as_it_is(
    ward: Ward, fields: dict[int, str], told: str
) -> None:
    ward.supported()
    assert ward.tells("A08", pid(), yes(fields, LATER)) == f"AA CON^1^{told} W"
    assert (ward.state()[0], ward.alerts()) == ("supported", ["not-all-used"])


@pytest.mark.parametrize("fields", [{9: "Limits"}, {16: "N"}, {24: "9^Partner^Peter", 25: "4"}])
def test_a_no_is_one_whatever_limits_it_and_whoever_says_it(ward: Ward, fields: dict[int, str]) -> None:
    ward.supported()
    assert ward.tells("A08", pid(), yes({**fields, 11: "R"}, LATER)) == "AA"
    assert ward.state() == ("closed", ["cancelled"])


def test_a_word_without_a_status_may_be_a_no(ward: Ward) -> None:
    ward.supported()
    assert ward.tells("A08", pid(), con("", LATER)) == "AA CON^1^11 101 W"
    assert ward.state() == ("on-hold", ["held-by-service"])
