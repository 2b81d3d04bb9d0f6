"""What a record said of a birth, of how a visit ended or of when her baby is due, and says no more."""

import pytest

from service.screening.instrument import Stage
from tests.flow.support import HOUR, Service, StillClock
from tests.hl7v2.test_events import PAUSED
from tests.hl7v2.ward import Ward, cx, pid

OPEN = ("supported", ["accepted"])
BORN = "OBX|{}|DT|BORN^Birth^L||{}||||||{}|||20260530"
ORDER = "OBR|1||F1^MAT|DELIVERY^Delivery^L|||20260530||||||||||||||||||F"


@pytest.fixture
def ward(service: Service) -> Ward:
    return Ward(service)


def born_on(ward: Ward) -> str | None:
    (woman,) = ward.rows("patient")
    return woman["delivered_on"] and str(woman["delivered_on"])


def stage(ward: Ward) -> Stage:
    woman = ward.service.run(ward.hospital.caller, lambda tx: tx.patients.lock(ward.woman()))
    return woman.stage(ward.service.now(), ward.service.rules.policy(""))


@pytest.mark.parametrize(("letter", "day"), [("W", "20260530"), ("D", "20260531"), ("X", ""), ("D", '""')])
@pytest.mark.parametrize(("type", "event", "order"), [("ADT", "A08", []), ("ORU", "R01", [ORDER])])
def test_a_birth_that_is_taken_back_is_none_and_her_stage_is_what_it_was(
    ward: Ward, type: str, event: str, order: list[str], letter: str, day: str
) -> None:
    ward.supported()
    assert ward.tells(event, pid(), *order, BORN.format(1, "20260530", "F"), type=type) == "AA"
    assert (born_on(ward), stage(ward)) == ("2026-05-30", Stage.POSTNATAL)
    (before,) = ward.offers()
    for _ in range(2):
        assert ward.tells(event, pid(), *order, BORN.format(1, day, letter), type=type) == "AA"
    assert (born_on(ward), stage(ward)) == (None, Stage.UNKNOWN)
    (after,) = ward.offers()
    assert after.version == before.version + 1
    assert (ward.state(), ward.alerts()) == (OPEN, [])


def test_another_birth_than_the_one_that_is_known_is_not_taken_back(ward: Ward) -> None:
    ward.supported()
    ward.tells("A28", pid("B1", born="20260530", _21=cx("W1")))
    ward.tells("A08", pid(), BORN.format(1, "20240101", "W"))
    assert born_on(ward) == "2026-05-30"


@pytest.mark.parametrize("lines", [["F", "W"], ["W", "F"]])
def test_a_birth_of_another_day_takes_the_place_of_the_one_that_is_taken_back(ward: Ward, lines: list[str]) -> None:
    ward.supported()
    ward.tells("A08", pid(), BORN.format(1, "20260530", "F"))
    days = {"W": "20260530", "F": "20260501"}
    ward.tells("A08", pid(), *(BORN.format(number, days[each], each) for number, each in enumerate(lines, 1)))
    assert born_on(ward) == "2026-05-01"


def test_a_birth_of_a_woman_who_is_not_known_is_taken_back_without_a_word(ward: Ward) -> None:
    assert ward.tells("A02", pid(), BORN.format(1, "20260530", "W")) == "AA"
    assert (ward.rows("patient"), ward.alerts()) == ([], [])


def discharged(how: str) -> str:
    return f"PV1|1|I|{'|' * 33}{how}"


@pytest.mark.parametrize("how", ["41", "70"], ids=["dead", "into care"])
@pytest.mark.parametrize("event", ["A11", "A12", "A13", "A25", "A52"])
def test_what_is_cancelled_of_a_visit_has_not_happened(ward: Ward, event: str, how: str) -> None:
    ward.supported()
    assert ward.tells(event, pid(), discharged(how)) == "AA"
    assert (ward.state(), ward.alerts()) == (OPEN, [])


def test_a_diagnosis_and_a_death_of_hers_count_when_a_discharge_is_cancelled_too(ward: Ward) -> None:
    ward.supported()
    assert ward.tells("A13", pid(), discharged("41"), "DG1|1||O03.9^Miscarriage^I10||20260530") == "AA"
    assert ward.state() == PAUSED
    assert ward.tells("A13", pid(_30="Y"), discharged("41")) == "AA"
    assert ward.state() == ("closed", ["cancelled"])


def test_a_discharge_after_one_that_was_cancelled_is_news(ward: Ward) -> None:
    ward.supported()
    clock = ward.service.clock
    assert isinstance(clock, StillClock)
    for _ in range(2):
        for event in ("A03", "A08", "A13"):
            assert ward.tells(event, pid(), discharged("70")) == "AA"
            clock.pass_time(HOUR)
    assert ward.alerts() == ["safety-event"] * 2


EDD = "OBX|1|DT|11778-8^EDD^LN||{}||||||{}|||{}"
FEBRUARY, MARCH = "20270201", "20270301"
NEWEST, OLDER = "20260530", "20260501"


def due(ward: Ward) -> str | None:
    (woman,) = ward.rows("patient")
    return woman["due_date"] and f"{woman['due_date']:%Y%m%d}"


@pytest.mark.parametrize("order", [[], [ORDER]], ids=["in no order", "in an order"])
@pytest.mark.parametrize(
    ("day", "letter", "said_on"),
    [(FEBRUARY, "D", NEWEST), (FEBRUARY, "W", OLDER), ("", "X", NEWEST), (FEBRUARY, "W", ""), ('""', "C", NEWEST)],
)
def test_a_due_date_that_is_taken_back_is_none(
    ward: Ward, day: str, letter: str, said_on: str, order: list[str]
) -> None:
    ward.supported()
    assert ward.tells("R01", pid(), *order, EDD.format(FEBRUARY, "F", NEWEST), type="ORU") == "AA"
    (before,) = ward.offers()
    for _ in range(2):
        assert ward.tells("R01", pid(), *order, EDD.format(day, letter, said_on), type="ORU") == "AA"
    (after,) = ward.offers()
    assert (due(ward), stage(ward), after.version) == (None, Stage.UNKNOWN, before.version + 1)
    assert ward.tells("A08", pid(), EDD.format(MARCH, "F", OLDER)) == "AA"
    assert due(ward) == MARCH


@pytest.mark.parametrize(
    ("day", "letter", "said_on"),
    [
        pytest.param(MARCH, "F", OLDER, id="an older one that comes later"),
        pytest.param(MARCH, "W", NEWEST, id="another that is taken back"),
        pytest.param("", "W", OLDER, id="an older one of which the day is not said"),
        pytest.param(MARCH, "P", NEWEST, id="one that is not final"),
    ],
)
def test_the_newest_due_date_stands(ward: Ward, day: str, letter: str, said_on: str) -> None:
    ward.supported()
    for value in ((FEBRUARY, "F", NEWEST), (day, letter, said_on)):
        assert ward.tells("A08", pid(), EDD.format(*value)) == "AA"
    assert due(ward) == FEBRUARY


@pytest.mark.parametrize("said_on", [NEWEST, "", "20260601"], ids=["of the same day", "undated", "newer"])
def test_a_due_date_that_is_no_older_takes_the_place_of_another(ward: Ward, said_on: str) -> None:
    ward.supported()
    for value in ((FEBRUARY, "F", NEWEST), (MARCH, "F", said_on)):
        assert ward.tells("A08", pid(), EDD.format(*value)) == "AA"
    assert due(ward) == MARCH


def test_a_due_date_of_an_older_child_is_told_and_not_used(ward: Ward) -> None:
    ward.supported()
    assert ward.tells("A08", pid(), EDD.format(FEBRUARY, "F", OLDER)) == "AA"
    assert ward.tells("A08", pid(), EDD.format("20240101", "F", NEWEST)) == "AA OBX^1^5 102 W"
    assert due(ward) == FEBRUARY


@pytest.mark.parametrize("said_on", [OLDER, ""], ids=["dated", "undated"])
def test_a_due_date_that_is_replayed_undoes_nothing_that_was_said_since(ward: Ward, said_on: str) -> None:
    ward.supported()
    for value in ((FEBRUARY, "F", said_on), (FEBRUARY, "W", said_on)):
        ward.tells("A08", pid(), EDD.format(*value))
    first = ward.rows("inbound_message", type="ADT^A08")[1]
    assert ward.hospital.messages().replay(first["id"]).disposition == "accepted"
    assert due(ward) is None
