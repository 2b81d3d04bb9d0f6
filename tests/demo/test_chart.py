"""What the simulated infirmary takes and what it does not: each thing that can be wrong is put there once."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from service.demo.chart import Chart, Document, Observation
from service.demo.checks_of_chart import LIVES, NOTES, problems_of_her_patient, problems_of_the_chart
from service.demo.checks_of_chart import told as listed
from service.demo.engine import Heard
from service.demo.er7 import read
from service.demo.infirmary import NUMBER
from service.demo.people import patient, tessie
from service.demo.step import Call, Wire
from tests.demo.support import sent

TESSIE = tessie(date(2026, 11, 22))
"""Whose the messages are."""
ORDER = "ORD-4711"


@pytest.fixture
def chart() -> Chart:
    return Chart({TESSIE.hospital_number}, {ORDER})


@pytest.mark.parametrize("name", ["referral", "offer", "alert-of-a-programme", "note"])
def test_what_the_service_sends_is_filed(chart: Chart, name: str) -> None:
    assert chart.file(read(sent(name))) == []
    filed: list[Observation | Document] = [*chart.observations, *chart.documents]
    assert {(each.number, each.placer) for each in filed} == {(TESSIE.hospital_number, ORDER)}


NOT_ON_FILE = "OBX-11 is not C or D for what is on file, and F or C for what is new"
FLAWS = [
    ("referral", "ORU^R01", "ORU^R30", "MSH-9 is nothing that is taken here"),
    ("referral", "OPCOMSUBXRTDGNWYLFTC", "", "MSH-10 is missing"),
    ("referral", "|P|2.6|", "|T|2.6|", "MSH-11 and MSH-12 are not P and 2.6"),
    ("referral", "|P|2.6|", "|P|2.5|", "MSH-11 and MSH-12 are not P and 2.6"),
    ("referral", "TEST-000417", "TEST-000418", "PID-3 is nobody's here"),
    ("referral", "||^^^^^^U", "||Test^Testine", "PID-5 tells a name, which is not needed"),
    ("referral", "ORD-4711", "ORD-4712", "OBR-2 is no order of ours"),
    ("referral", "|01a00000-0000-7000-8000-00000000d001^PEER-REFERRAL|", "||", "OBR-3 is missing"),
    ("referral", "OBX|1|", "OBX|2|", "OBX-1 does not count the lines"),
    ("referral", "|01a00000-0000-7000-8000-00000000d001.status^PEER-REFERRAL", "|", "OBX-5 or OBX-21 is missing"),
    ("referral", "||||||F|||", "||||||P|||", NOT_ON_FILE),
    ("note", "|01a00000-0000-7000-8000-00000000f002^PEER-REFERRAL|", "||", "TXA-12 is missing"),
    ("note", "ORD-4711", "ORD-4712", "TXA-14 is no order of ours"),
]


@pytest.mark.parametrize(("name", "old", "new", "problem"), FLAWS)
def test_a_message_with_a_flaw_is_refused_whole(chart: Chart, name: str, old: str, new: str, problem: str) -> None:
    assert problem in chart.file(read(sent(name, (old, new))))
    assert (chart.observations, chart.documents) == ([], [])


@pytest.mark.parametrize(
    ("name", "change", "problem"),
    [
        ("offer", ("", ""), NOT_ON_FILE),
        ("offer", ("|11ff76cd|", "|11ff76ce|"), "OBX-21 was another observation's"),
        ("offer", ("4a7e^PEER-REFERRAL|PEER", "4a7f^PEER-REFERRAL|PEER"), "OBX-21 was another observation's"),
        ("note", ("", ""), "TXA-12 is on file already"),
    ],
)
def test_what_is_on_file_is_not_said_anew(chart: Chart, name: str, change: tuple[str, str], problem: str) -> None:
    assert chart.file(read(sent(name))) == []
    assert problem in chart.file(read(sent(name, change)))


def test_a_correction_is_the_next_state_of_what_it_names(chart: Chart) -> None:
    assert chart.file(read(sent("offer"))) == []
    assert chart.file(read(sent("offer-completed"))) == []
    assert chart.life("offer-status") == ["requested", "completed"]
    assert chart.life("programme") == ["Test Friends by Phone"]
    assert chart.life("sessions-attended") == ["2"]


def told(chart: Chart) -> Chart:
    """As it is when the story has come to its end."""
    begun = Observation("C", TESSIE.hospital_number, "R1", "PEER-REFERRAL", ORDER, "", "", "", "", "", "F")
    chart.observations = [
        replace(begun, order="R1" if code == "referral-status" else "O1", code=code, name=code, value=value)
        for code, life in LIVES.items()
        for value in life
    ]
    chart.observations.append(replace(begun, ordered="PEER-ALERT", order="A1", code="priority", name="priority"))
    chart.documents = [Document("C", TESSIE.hospital_number, note, ORDER, f"Somebody {note}.") for note in NOTES]
    return chart


def test_a_chart_that_is_as_it_should_be_has_no_problem(chart: Chart) -> None:
    assert problems_of_the_chart(told(chart), TESSIE) == []


def changed(place: int, **values: str) -> Callable[[Chart], None]:
    def change(chart: Chart) -> None:
        chart.observations[place] = replace(chart.observations[place], **values)

    return change


SPOILT: list[tuple[Callable[[Chart], object], str]] = [
    (changed(0, number="TEST-000418"), "PID-3 is not hers alone"),
    (changed(0, placer=""), "OBR-2 and TXA-14 are not her order's number alone"),
    (changed(0, order="R2"), "OBR-3 names 4 orders"),
    (changed(0, part="2"), "OBX-21 stands for several observations"),
    (changed(1, value="offered"), "referral-status was offered -> completed"),
    (lambda chart: chart.observations.insert(2, chart.observations[0]), "offered -> supported -> offered -> completed"),
    (lambda chart: chart.documents.append(chart.documents[0]), "the notes are 4 others"),
    (lambda chart: chart.documents.reverse(), "the notes are 3 others"),
]


@pytest.mark.parametrize(("spoil", "problem"), SPOILT)
def test_what_is_wrong_with_a_chart_is_named(chart: Chart, spoil: Callable[[Chart], object], problem: str) -> None:
    spoil(told(chart))
    found = problems_of_the_chart(chart, TESSIE)
    assert any(problem in each for each in found), found


@pytest.mark.parametrize(
    ("name", "ordered", "said"),
    [
        ("referral", "referral", "referral-status offered"),
        ("alert-of-a-programme", "alert", "answer-link https://service.example/answer/(masked)"),
        ("note", "note", "is not supporting her now. Contacts tried"),
    ],
)
def test_the_list_tells_what_each_message_said_in_whole_texts_and_without_a_link(
    name: str, ordered: str, said: str
) -> None:
    message = read(sent(name))
    exchanged = Call(message.type, message.control, "AA", 0.0, Wire((), b""), Wire((), b""))
    entry = listed(Heard(datetime(2026, 11, 22, 10, 0, 0, 123_456, tzinfo=UTC), message, (), exchanged))
    assert (entry.at, entry.kind, entry.version, entry.status) == ("10:00:00.123", message.type, "F", ordered)
    assert said in entry.told


def test_her_patient_is_compared_with_what_was_sent() -> None:
    held = patient(TESSIE) | {"identifier": [{"system": NUMBER, "value": TESSIE.hospital_number}]}
    assert problems_of_her_patient(held, TESSIE) == []
    assert problems_of_her_patient({"resourceType": "Patient"}, TESSIE) == [
        "Patient.identifier is not her hospital number",
        "Patient.name is not as PID-5 has it",
        "Patient.birthDate is not as PID-7 has it",
    ]
