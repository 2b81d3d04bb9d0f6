"""PID, one field at a time."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import orjson
import pytest

from service.flow.received import Identifier, Reference
from service.flow.register_patient import ReceivedPatient
from service.hl7v2.dialect import Dialect
from service.hl7v2.read.patient import Named, read_patient
from service.hl7v2.segments import read

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)

MRN, OID = "https://hospital.example/mrn", "urn:oid:1.2.3.4.5"

Pid = Callable[..., Named]


@pytest.fixture
def pid(dialect: Dialect) -> Pid:
    """PID with these fields, given by their number, and a record number unless that is given too."""

    def reading(fields: dict[int, str], dialect: Dialect = dialect, updates: bool = False) -> Named:
        said = {3: "1^^^MATERN^MR"} | fields
        line = "|".join(["PID", *(said.get(number, "") for number in range(1, 31))])
        message = read(f"MSH|^~\\&|A|B|||20260301||ADT^A31|1|P|2.5.1\r{line}".encode())
        return read_patient(message.segments[1], dialect, NOW, updates=updates)

    return reading


def patient(named: Named) -> ReceivedPatient:
    assert named.patient is not None
    return named.patient


def kept(named: Named) -> dict[str, Any]:
    tree: dict[str, Any] = orjson.loads(patient(named).received.body)
    return tree


@pytest.mark.parametrize(
    ("written", "identifiers"),
    [
        ("1^^^MATERN^MR", [Identifier(MRN, "1")]),
        # As by FHIR, a blank is of no number; one that is written as an escape too.
        (" 1 ^^^ MATERN ^MR", [Identifier(MRN, "1")]),
        ("1\\X20\\^^^MATERN^MR", [Identifier(MRN, "1")]),
        (" ^^^MATERN^MR", []),
        ("1^^^MATERN^PI", [Identifier(MRN, "1")]),
        ("1^^^MATERN^SS", []),
        ("1^^^MATERN^VN~2^^^MATERN^MR", [Identifier(MRN, "2")]),
        ("~2^^^MATERN^MR", [Identifier(MRN, "2")]),
        ("1^^^MATERN&9.9&ISO^MR", [Identifier(MRN, "1")]),
        ("1^^^&1.2.3.4.5&ISO^MR", [Identifier(OID, "1")]),
        ("1^^^&1.2.3.4.5&ISO^VN", []),
        ("1^^^&1.2.3.4.5&DNS^MR", []),
        ("1^^^MATERN^MR~7^^^&1.2.3.4.5&ISO^NH", [Identifier(MRN, "1"), Identifier(OID, "7")]),
        ("1^^^MATERN^MR~1^^^MATERN^PI", [Identifier(MRN, "1")]),
        ("1^^^ELSEWHERE^MR", []),
        ("^^^MATERN^MR", []),
        ('""^^^MATERN^MR', []),
        ("", []),
        ("a\\T\\b^^^MATERN^MR", [Identifier(MRN, "a&b")]),
    ],
)
def test_an_identifier_counts_under_the_system_of_its_authority(
    pid: Pid, dialect: Dialect, written: str, identifiers: list[Identifier]
) -> None:
    named = pid({3: written}, dialect=replace(dialect, default_authority=None))
    assert list(named.patient.received.identifiers if named.patient else ()) == identifiers
    assert named.subject == (Reference("Patient", identifier=identifiers[0]) if identifiers else None)
    assert [str(each.problem) for each in named.flaws] == ([] if identifiers else ["identifier-unusable"])


def test_an_identifier_without_an_authority_counts_only_where_the_hospital_says_whose_it_is(
    pid: Pid, dialect: Dialect
) -> None:
    assert patient(pid({3: "123^^^^^^^"})).received.identifiers == (
        Identifier("https://hospital.example/roqua", "123"),
    )
    assert pid({3: "123^^^^MR"}, dialect=replace(dialect, default_authority=None)).patient is None


@pytest.mark.parametrize(
    ("field", "written", "fact", "value"),
    [
        (5, "Test^Anna^Maria^^^^L", "preferred_name", "Anna"),
        (5, "Test^Anna^^^^^L~Test^Annie^^^^^D", "preferred_name", "Annie"),
        (5, "Old^Anna^^^^^M", "preferred_name", None),
        (5, "Test&van^Anna", "preferred_name", "Anna"),
        (7, "19900214", "birth_date", date(1990, 2, 14)),
        (7, "19900214233000+0100", "birth_date", date(1990, 2, 14)),
        (7, "199002", "birth_date", None),
        (11, "1 Road^^Town^^^^H^^North", "district", "North"),
        (11, "1 Road^^Town^^^^BA^^North", "district", None),
        (11, "^^^^^^C^^South~^^^^^^H^^North", "district", "North"),
        (15, "eng^English^ISO639", "language", "en"),
        (15, "en-gb", "language", "en-GB"),
        (15, "NEDERLANDS", "language", "nl"),
        (15, "99^^L^so^Somali^ISO639", "language", "so"),
        (15, "99^unknown^L", "language", None),
        (29, "20260101", "deceased", True),
        (30, "Y", "deceased", True),
        (30, "N", "deceased", False),
    ],
)
def test_each_fact(pid: Pid, field: int, written: str, fact: str, value: object) -> None:
    named = pid({field: written})
    assert getattr(patient(named).facts, fact) == value
    assert fact not in patient(named).unsaid
    assert named.flaws == ()


@pytest.mark.parametrize("field", [5, 7, 11, 15, 30])
def test_an_empty_field_leaves_a_fact_and_a_null_takes_it_away(pid: Pid, field: int) -> None:
    fact = {5: "preferred_name", 7: "birth_date", 11: "district", 15: "language", 30: "deceased"}[field]
    empty, null = patient(pid({}, updates=True)), patient(pid({field: '""'}, updates=True))
    assert (fact in empty.unsaid, fact in null.unsaid) == (True, False)
    assert not getattr(null.facts, fact)
    assert '""' not in null.received.body.decode()


def test_no_field_says_whether_she_needs_an_interpreter(pid: Pid) -> None:
    assert patient(pid(dict.fromkeys(range(5, 31), "x") | {7: "19900214", 30: "N"})).unsaid == {"interpreter"}


WRONG_DATES = {
    "a birth on no day": ({7: "19901301"}, "birth_date", "value-unreadable PID^1^7"),
    "a birth still to come": ({7: "20260401"}, "birth_date", "in-the-future PID^1^7"),
    "a death still to come": ({29: "20260302093000+0000"}, "deceased", "in-the-future PID^1^29"),
}


@pytest.mark.parametrize(("fields", "fact", "told"), WRONG_DATES.values(), ids=WRONG_DATES)
def test_a_date_that_cannot_be_is_told_and_she_is_taken_without_it(
    pid: Pid, fields: dict[int, str], fact: str, told: str
) -> None:
    named = pid(fields, updates=True)
    assert not getattr(patient(named).facts, fact)
    assert fact in patient(named).unsaid
    assert [f"{each.problem} {each.at}" for each in named.flaws] == [told]
    assert {"birthDate", "deceasedDateTime"}.isdisjoint(kept(named))


def test_a_day_that_has_begun_somewhere_is_not_to_come(pid: Pid) -> None:
    named = pid({29: "20260302"})
    assert (patient(named).facts.deceased, named.flaws) == (True, ())


@pytest.mark.parametrize("date", ["sometime", "20300101", "00000000", "19000101"])
@pytest.mark.parametrize(("whether", "died", "unsaid"), [("", False, True), ("N", False, False), ("Y", True, False)])
def test_what_is_no_day_of_death_leaves_it_to_the_other_field_whether_she_has_died(
    pid: Pid, date: str, whether: str, died: bool, unsaid: bool
) -> None:
    named = pid({29: date, 30: whether}, updates=True)
    assert (patient(named).facts.deceased, "deceased" in patient(named).unsaid) == (died, unsaid)
    assert [each.at for each in named.flaws] == ["PID^1^29"]
    assert kept(named).get("deceasedBoolean") == (None if unsaid else died)
    assert "deceasedDateTime" not in kept(named)


def test_two_fields_of_which_only_one_tells_of_a_death_say_nothing_of_it(pid: Pid) -> None:
    named = pid({29: "20260101", 30: "N"}, updates=True)
    assert (patient(named).facts.deceased, "deceased" in patient(named).unsaid) == (False, True)
    assert [each.at for each in named.flaws] == ["PID^1^29", "PID^1^30"]
    assert {"deceasedDateTime", "deceasedBoolean"}.isdisjoint(kept(named))


def test_a_birth_date_that_nobody_can_have_is_none(pid: Pid) -> None:
    named = pid({7: "19000101"})
    assert (patient(named).facts.birth_date, named.flaws) == (None, ())


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("0201 555", {"system": "phone", "value": "0201 555", "use": "home"}),
        ("^PRN^PH^^31^26^5550100", {"system": "phone", "value": "31 26 5550100", "use": "home"}),
        ("^PRN^CP^^^^^^^^^+31 6 555", {"system": "phone", "value": "+31 6 555", "use": "home"}),
        ("^NET^Internet^ada@hospital.example", {"system": "email", "value": "ada@hospital.example", "use": "home"}),
    ],
)
def test_how_a_telephone_number_is_written(pid: Pid, written: str, told: dict[str, str]) -> None:
    assert kept(pid({13: written}))["telecom"] == [told]


def test_her_birth_date_is_the_day_that_was_written_whatever_the_zone(pid: Pid) -> None:
    assert kept(pid({7: "199002140010"}))["birthDate"] == "1990-02-14"
    assert kept(pid({7: "1990"}))["birthDate"] == "1990"


def test_registering_names_her_and_an_update_changes_her(pid: Pid) -> None:
    assert patient(pid({})).updates is False
    assert patient(pid({}, updates=True)).updates is True
    assert patient(pid({})).received.condition == Identifier(MRN, "1")
