"""OBR and OBX, one trait at a time; whole messages are in test_golden.py."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from service.flow.hear_event import ReceivedEvent
from service.flow.keep_unreadable import Recognised
from service.flow.received_message import Group, Problem
from service.flow.received_result import ReceivedResult
from service.flow.register_patient import ReceivedPatient
from service.flow.rules import Rules
from service.hl7v2.dialect import Dialect
from service.hl7v2.read.message import READERS
from service.hl7v2.segments import read
from service.referrals.life_event import HARMS, LifeEvent
from service.referrals.patient import DueDate
from service.screening.instrument import Role
from service.screening.result import Reading, Status

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
AT = "20260301100000"
TEN_LOCAL = datetime(2026, 3, 1, 9, tzinfo=UTC)
EPDS, PHQ9 = "71354-5^EPDS^LN", "44249-1^PHQ-9^LN"
TOTAL, ITEM_10 = "99046-5^Total^LN", "EPDS10^Item 10^L"

Receive = Callable[..., Group]


def obx(code: str, value: str, *, type: str = "NM", status: str = "F", at: str = "", instance: str = "") -> str:
    return f"OBX|1|{type}|{code}||{value}||||||{status}|||{at}|||||||{instance}"


def obr(
    code: str = EPDS, *, status: str = "F", number: str = "F1^MATERN", placer: str = "", at: str = AT, source: str = ""
) -> str:
    return f"OBR|1|{placer}|{number}|{code}|||{at}||||||||{source}||||||||||{status}"


@pytest.fixture
def group(dialect: Dialect, rules: Rules) -> Receive:
    """The group that the message of these segments is, with a header and a woman who can be identified."""

    def receive(*segments: str, dialect: Dialect = dialect) -> Group:
        before = ("MSH|^~\\&|MATERN|HOSPITAL|||20260301||ORU^R01|1|P|2.5.1", "PID|1||1^^^MATERN^MR")
        (only,) = READERS["ORU", "R01"](read("\r".join((*before, *segments)).encode()), dialect, rules, NOW)
        return only

    return receive


def result(group: Group) -> ReceivedResult:
    patient, part = group.parts
    assert isinstance(patient.step, ReceivedPatient)
    assert isinstance(part.step, ReceivedResult)
    return part.step


def readings(group: Group) -> list[Reading]:
    return [reading for each in result(group).administered for reading in each.piece.readings]


def flaws(group: Group) -> list[str]:
    return [f"{each.problem} {each.at}" for each in group.flaws]


@pytest.mark.parametrize(
    "code",
    [
        "99046-5^Total^LN",
        "TOT^Total^99X^99046-5^Total^LN",
        "TOT^Total^99X^X^X^99Y^^^^99046-5^Total^LN",
        "99046-5^Total^2.16.840.1.113883.6.1",
        "450320001^Score^SCT",
        "EPDSTOT^Total^L",
        "EPDSTOT^Total",
        "EPDSTOT",
    ],
)
def test_a_code_is_looked_for_in_all_three_triplets_and_among_the_hospital_s_own(group: Receive, code: str) -> None:
    assert readings(group(obr(), obx(code, "14"))) == [Reading(Role.TOTAL, None, 14)]


_STRAYS = {
    "under no order": [],
    "under an order without a code": [obr("")],
    "under an order that is not known": [obr("epsd^EPDS^L")],
    "under the order of another instrument": [obr(PHQ9)],
}


@pytest.mark.parametrize("before", _STRAYS.values(), ids=list(_STRAYS))
@pytest.mark.parametrize(
    ("value", "recognised"), [("3", Recognised.A_CRITICAL_ANSWER), ("0", Recognised.AN_INSTRUMENT)]
)
def test_a_code_of_a_form_is_looked_at_wherever_it_comes(
    group: Receive, before: list[str], value: str, recognised: Recognised
) -> None:
    read = group(*before, obx("epds_10^Item 10^L", value))
    assert flaws(read) == ["code-unknown OBX^1^3"]
    assert read.recognised is recognised
    assert all(each.instrument_id != "epds" for each in result(read).administered)


_LOINC = "2.16.840.1.113883.6.1"


@pytest.mark.parametrize(
    "code",
    [
        *(f"44260-8^Item 9^{system}" for system in ("LN", "ln", "Loinc", "LNC", "http://loinc.org", _LOINC)),
        f"44260-8^Item 9^urn:oid:{_LOINC}",
        f"44260-8^Item 9^{'^' * 11}{_LOINC}",
        f"Q9^Item 9^L^44260-8^Item 9^{'^' * 11}{_LOINC}",
    ],
)
def test_a_coding_system_may_be_called_by_any_of_its_names(group: Receive, code: str) -> None:
    read = group(obr(PHQ9), obx(code, "3"))
    assert flaws(read) == []
    assert [(each.instrument_id, each.piece.readings[0].item) for each in result(read).administered] == [("phq9", 9)]


@pytest.mark.parametrize("order", ["OTHER^Other^L", EPDS, PHQ9])
@pytest.mark.parametrize("system", ["L", "", "99LAB", "LOINK", "SCT"])
@pytest.mark.parametrize(
    ("value", "recognised"), [("3", Recognised.A_CRITICAL_ANSWER), ("0", Recognised.AN_INSTRUMENT)]
)
def test_a_code_that_everybody_knows_is_looked_at_whatever_its_system_is_called(
    group: Receive, order: str, system: str, value: str, recognised: Recognised
) -> None:
    read = group(obr(order), obx(f"44260-8^Item 9^{system}", value))
    assert flaws(read) == ["code-unknown OBX^1^3"]
    assert read.recognised is recognised
    assert not any(each.value is not None for each in readings(read))


@pytest.mark.parametrize("code", ["10^Item 10^L", "9^Item 9^", "99999-8^Other^L"])
def test_a_code_that_may_be_anything_s_troubles_nobody(group: Receive, code: str) -> None:
    read = group(obr("OTHER^Other^L"), obx(code, "3"))
    assert (flaws(read), read.parts) == ([], ())


@pytest.mark.parametrize("before", [*_STRAYS.values(), [obr()]], ids=[*_STRAYS, "under its own order"])
def test_an_item_that_the_instrument_has_not_got_is_told(group: Receive, dialect: Dialect, before: list[str]) -> None:
    system = "https://peer-referral.example/fhir/CodeSystem/epds-item"
    knows = replace(dialect, coding_systems={**dialect.coding_systems, "epdsi": system})
    read = group(*before, obx("10^Item 10^EPDSI", "0"), obx("11^Item 11^EPDSI", "2"), dialect=knows)
    assert flaws(read) == ["code-unknown OBX^2^3"]
    assert {each.item for each in readings(read)} - {None} == {10}


@pytest.mark.parametrize("at", ["", "18/11/2019", "2019-11-18", "20191118 1000"])
@pytest.mark.parametrize("field", [8, 22])
def test_what_does_not_say_when_it_was_made_is_no_younger_than_when_it_ended_or_was_given_out(
    group: Receive, at: str, field: int
) -> None:
    fields = obr(at=at).split("|")
    fields[field] = "20191118100000"
    read = group("|".join(fields), obx(TOTAL, "14"))
    assert [each.effective for each in result(read).administered] == [datetime(2019, 11, 18, 9, tzinfo=UTC)]
    assert flaws(read) == (["time-unreadable OBR^1^7"] if at else [])


def test_what_says_nothing_of_its_time_or_one_to_come_is_as_new_as_its_message(group: Receive) -> None:
    for given_out in ("", "20991231"):
        order = "|".join([*obr(at="").split("|")[:22], given_out, "", "", "F"])
        assert [each.effective for each in result(group(order, obx(TOTAL, "14"))).administered] == [NOW]


_DOCUMENT = "TXA|1|{type}|TX|20260301100000||||||||D1^HIE"


@pytest.mark.parametrize("code", ["epds^EPDS^L", "epds_totaal^Total^L", "epds_10^Item 10^L", "x^Report^L"])
@pytest.mark.parametrize("type", ["epds", "71354-5^EPDS^LN", "PN"])
def test_a_file_that_the_site_names_by_any_code_of_a_form_cannot_be_scored(
    group: Receive, type: str, code: str
) -> None:
    read = group(_DOCUMENT.format(type=type), obx(code, "^AP^PDF^Base64^JVBERi0xLjQK", type="ED"))
    known = type != "PN" or not code.startswith("x")
    assert flaws(read) == (["no-score OBX^1^5"] if known else [])
    assert {each.instrument_id for part in read.parts[1:] for each in result(read).administered} <= {"epds"}
    assert bool(read.parts) is known


def test_words_under_a_document_of_a_form_cannot_be_scored(group: Receive) -> None:
    read = group(_DOCUMENT.format(type="epds"), obx("epds_totaal^Total^L", "see the paper", type="TX"))
    assert readings(read) == [Reading(Role.TOTAL, None, None, "OBX-5")]


@pytest.mark.parametrize("code", ["epds^EPDS^L", "epds_totaal^Total^L"])
def test_words_that_a_form_names_in_another_document_are_told(group: Receive, code: str) -> None:
    read = group(_DOCUMENT.format(type="PN"), obx(code, "see the paper", type="TX"))
    assert (flaws(read), read.recognised) == (["code-unknown OBX^1^3"], Recognised.AN_INSTRUMENT)


_LINES = [
    obx(code, "EPDS 22, answer 10 was 3", type=type) for code, type in (("", "TX"), ("x^Body^L", "FT"), ("x", ""))
]


@pytest.mark.parametrize(
    "header", [_DOCUMENT.format(type=EPDS), _DOCUMENT.format(type="epds"), obr(), obr("epds^EPDS^L")]
)
def test_words_of_which_no_code_is_known_are_all_that_there_is_of_their_questionnaire(
    group: Receive, header: str
) -> None:
    read = group(header, *_LINES)
    assert flaws(read) == ["no-score OBX^1^5"]
    (administered,) = result(read).administered
    assert (administered.instrument_id, administered.piece.readings) == (
        "epds",
        (Reading(Role.TOTAL, None, None, "OBX-5"),),
    )
    assert administered.respondent.startswith("source:")


@pytest.mark.parametrize(
    ("others", "told"),
    [
        ([obx(TOTAL, "14")], ["code-unknown OBX^2^3"]),
        ([obx(ITEM_10, "")], ["code-unknown OBX^2^3"]),
        ([obx("EPDS11^Item 11^L", "2")], ["code-unknown OBX^1^3", "no-score OBX^2^5"]),
    ],
    ids=["a score", "a question without an answer", "a number of which no code is known"],
)
def test_words_beside_what_is_known_of_their_questionnaire_are_told_as_such(
    group: Receive, others: list[str], told: list[str]
) -> None:
    assert flaws(group(obr(), *others, _LINES[1])) == told


def test_words_without_a_status_go_to_a_person_as_a_result_that_cannot_be_read(group: Receive) -> None:
    read = group(_DOCUMENT.format(type=EPDS), *(each.replace("||||||F|", "|||||||") for each in _LINES))
    assert (flaws(read), read.recognised) == (["value-missing OBX^1^11"], Recognised.AN_INSTRUMENT)


@pytest.mark.parametrize(
    "line", [obx("epds_notes", "fine", type="TX"), obx("x", "", type="TX"), obx("x", "14", type="ST")]
)
def test_what_the_site_ignores_what_says_nothing_and_a_number_are_no_words(group: Receive, line: str) -> None:
    assert "no-score OBX^1^5" not in flaws(group(obr(), line))


_FILE = obx("x^Report^L", "^AP^PDF^Base64^JVBERi0xLjQK", type="ED")


@pytest.mark.parametrize("code", ["epds^EPDS^L", EPDS])
@pytest.mark.parametrize(
    "before",
    [[], ["ORC|RE|P7^EHR"], ["ORC|RE|P7^EHR", obr("718-7^Hb^LN", number="F0^LAB"), "ORC|RE"]],
    ids=["OBR alone", "ORC and OBR", "one of two orders"],
)
def test_the_order_that_stands_before_a_document_says_what_it_is(group: Receive, before: list[str], code: str) -> None:
    read = group(*before, obr(code), "NTE|1||On paper", _DOCUMENT.format(type="PN"), _FILE)
    assert flaws(read) == ["no-score OBX^1^5"]
    (administered,) = result(read).administered
    assert (administered.instrument_id, administered.piece.readings[0].unreadable) == ("epds", "OBX-5")
    assert json.loads(result(read).received.body)["note"] == [{"text": "On paper"}]
    assert [each.value.rpartition("|")[0] for each in result(read).received.names] == ["document|HIE|D1"]


def test_what_a_document_does_not_say_its_order_says(group: Receive) -> None:
    read = group(obr("epds", status="C", placer="P1^EHR"), "TXA|1|PN|TX", obx("epds_10^Item 10^L", "2", status=""))
    (administered,) = result(read).administered
    assert (administered.piece.status, administered.effective) == (Status.CORRECTED, TEN_LOCAL)
    assert administered.piece.source == "filler|MATERN|F1|epds item 10"


def test_an_order_that_was_answered_before_a_document_comes_is_no_part_of_it(group: Receive) -> None:
    read = group(obr(number="F9^LAB"), obx(TOTAL, "4"), _DOCUMENT.format(type="PN"), _FILE)
    assert (len(read.parts), flaws(read)) == (2, [])


@pytest.mark.parametrize(("answer", "status"), [("0", "P"), ("3", "X"), ("3", "D")])
def test_a_code_of_a_form_under_no_order_is_told_once_it_is_final(group: Receive, answer: str, status: str) -> None:
    assert flaws(group(obx("epds_10^Item 10^L", answer, status=status))) == []


def test_beside_a_good_order_a_code_under_none_is_told_all_the_same(group: Receive) -> None:
    read = group(obx("epds_10^Item 10^L", "3"), obr(), obx(TOTAL, "4"))
    assert flaws(read) == ["code-unknown OBX^1^3"]
    assert read.recognised is Recognised.A_CRITICAL_ANSWER


def test_an_order_that_the_site_ignores_is_of_no_instrument(group: Receive, dialect: Dialect) -> None:
    diet = replace(dialect, ignored=frozenset({"diet"}))
    read = group(obr("diet^Diet^L"), obx("epds_10^Item 10^L", "3"), dialect=diet)
    assert (read.parts, read.flaws, read.recognised) == ((), (), Recognised.NOTHING)


@pytest.mark.parametrize("code", ["99046-5^Total", "99046-5^Total^L", "99046-5^Total^99X"])
def test_a_code_of_no_coding_system_is_not_of_loinc(group: Receive, code: str) -> None:
    read = group(obr(), obx(code, "14"))
    assert readings(read) == [Reading(Role.PANEL, None, None)]
    assert flaws(read) == ["code-unknown OBX^1^3"]
    assert read.recognised is Recognised.NOTHING


@pytest.mark.parametrize("header", [obr("epds^Vragenlijst^L"), obr("", source="epds"), obr("epds")])
def test_an_instrument_s_key_stands_in_the_order_or_in_its_source(group: Receive, header: str) -> None:
    assert readings(group(header, obx("epds_10^v^L", "2"))) == [Reading(Role.ITEM, 10, 2)]


def test_codes_of_one_order_are_not_scored_under_another(group: Receive) -> None:
    read = group(obr("other^Other^L"), obx("epds_10^v^L", "2"))
    assert result(read).administered == ()


@pytest.mark.parametrize(
    ("item", "written", "score"),
    [
        ("EPDS1", "A4^Answer^L", 3),
        ("EPDS10", "A4^Answer^L", 0),
        ("EPDS10", "A1", 3),
        ("EPDS10", "7^Answer^99X^A2^Answer^L", 2),
        ("EPDS10", "A2^Answer^L^A3^Answer^L", None),
        ("EPDS10", "A5^Answer^L", None),
        ("EPDS10", "A1^Answer^LN", None),
        ("EPDS10", "3", None),
    ],
)
def test_an_answer_in_a_hospital_s_own_code_has_the_score_that_the_hospital_says(
    group: Receive, item: str, written: str, score: int | None
) -> None:
    (one,) = readings(group(obr(), obx(f"{item}^Item^L", written, type="CWE")))
    assert (one.value, one.unreadable) == (score, "OBX-5" if score is None else None)


def test_a_harmful_answer_in_a_hospital_s_own_code_is_recognised_where_it_is_not_used(group: Receive) -> None:
    read = group(obr(status="X"), obx("EPDS10^Item^L", "A1^Answer^L", type="CE"))
    assert ([part.at for part in read.parts], read.recognised) == (["PID^1"], Recognised.A_CRITICAL_ANSWER)


def test_what_is_written_beside_a_result_is_kept_with_it_and_decides_nothing(group: Receive) -> None:
    told = group(obr(), r"NTE|1||one line\.br\another", obx(TOTAL, "3"), "NTE|1||first~second", "NTE|2||")
    assert readings(told) == readings(group(obr(), obx(TOTAL, "3")))
    body = json.loads(result(told).received.body)
    assert body["note"] == [{"text": "one line\nanother"}, {"text": "first\nsecond"}]


def test_an_order_of_which_nothing_is_known_here_is_kept_and_nobody_is_troubled(group: Receive) -> None:
    read = group(obr("718-7^Haemoglobin^LN"), obx("718-7^Haemoglobin^LN", "7.4"), "NTE|1||a note", "ZZZ|1")
    assert (read.parts, read.flaws) == ((), ())


@pytest.mark.parametrize("code", ["69722-7^Difficulty^LN", "epds_notes^Notes^L"])
def test_what_is_sent_beside_an_instrument_may_be_ignored(group: Receive, code: str) -> None:
    assert flaws(group(obr(), obx(TOTAL, "14"), obx(code, "somewhat", type="ST"))) == []


@pytest.mark.parametrize(
    ("type", "value", "score"),
    [
        ("NM", "14", 14),
        ("NM", "14.0", 14),
        ("NM", "+14", 14),
        ("NM", " 14 ", 14),
        ("ST", "14", 14),
        ("", "14", 14),
        ("NA", "14", 14),
        ("TX", "14", 14),
        ("SN", "^14", 14),
        ("SN", "=^14", 14),
        ("NM", "-1", -1),
        ("NM", "0", 0),
        ("SN", ">^14", None),
        ("SN", "^14^-^16", None),
        ("NA", "14^15", None),
        ("NM", "thirteen", None),
        ("ST", "13 of 30", None),
        ("NM", "3.5", None),
        ("CWE", "14^fourteen^L", None),
        ("NM", "99999999999999999999", None),
    ],
)
def test_a_number_is_read_whatever_its_type_and_nothing_else_is(
    group: Receive, type: str, value: str, score: int | None
) -> None:
    expected = Reading(Role.TOTAL, None, score, "OBX-5" if score is None else None)
    read = group(obr(), obx(TOTAL, value, type=type))
    assert readings(read) == [expected]
    assert flaws(read) == (["no-score OBX^1^5"] if score is None or score < 0 else [])


@pytest.mark.parametrize(
    ("code", "value", "told"),
    [
        (TOTAL, "30", False),
        (TOTAL, "31", True),
        (EPDS, "31", True),
        (ITEM_10, "3", False),
        (ITEM_10, "4", True),
        (ITEM_10, "two", True),
        (ITEM_10, "0~two", True),
        (ITEM_10, "", False),
    ],
)
def test_a_value_for_which_nothing_can_be_scored_is_told(group: Receive, code: str, value: str, told: bool) -> None:
    assert flaws(group(obr(), obx(code, value))) == (["no-score OBX^1^5"] if told else [])
    assert flaws(group(obr(status="P"), obx(code, value, status="P"))) == []


@pytest.mark.parametrize("value", ["", '""'])
def test_an_answer_that_is_not_there_is_no_answer_and_not_0(group: Receive, value: str) -> None:
    assert readings(group(obr(), obx(ITEM_10, value))) == [Reading(Role.ITEM, 10, None)]


def test_a_coded_answer_has_its_score(group: Receive) -> None:
    header = obr(PHQ9)
    assert readings(group(header, obx("44260-8^9^LN", "LA6570-1^^LN", type="CWE"))) == [Reading(Role.ITEM, 9, 2)]
    assert readings(group(header, obx("44260-8^9^LN", "B^^L^LA6570-1^^LN", type="CE"))) == [Reading(Role.ITEM, 9, 2)]


@pytest.mark.parametrize(
    ("answer", "recognised"), [("0", Recognised.AN_INSTRUMENT), ("2", Recognised.A_CRITICAL_ANSWER)]
)
def test_more_values_than_anybody_chooses_state_nothing_and_reach_a_person(
    group: Receive, answer: str, recognised: Recognised
) -> None:
    read = group(obr(), obx("EPDS10", "~".join([answer] * 101)), obx("EPDS1", "1"))
    assert [(each.problem, each.at) for each in read.flaws] == [(Problem.VALUE_UNREADABLE, "OBX^1^5")]
    assert [reading.item for reading in readings(read)] == [1]
    assert read.recognised is recognised


def test_each_repetition_is_an_answer(group: Receive) -> None:
    assert [each.value for each in readings(group(obr(), obx(ITEM_10, "0~2")))] == [0, 2]


def test_the_panel_s_code_with_a_number_is_the_total(group: Receive) -> None:
    assert readings(group(obr(), obx(EPDS, "14"))) == [Reading(Role.TOTAL, None, 14, code_role_mismatch=True)]


def test_codes_that_contradict_each_other_are_not_acted_on_and_a_person_looks(group: Receive) -> None:
    read = group(obr(), obx("EPDS10^^L^44260-8^^LN", "1"), obx(TOTAL, "14"))
    assert readings(read) == [Reading(Role.TOTAL, None, 14)]
    assert flaws(read) == ["value-unreadable OBX^1^3"]
    assert read.recognised is Recognised.A_CRITICAL_ANSWER


@pytest.mark.parametrize(
    ("letter", "status"),
    [
        *[(each, Status.FINAL) for each in "FUVN"],
        *[(each, Status.AMENDED) for each in "AB"],
        ("C", Status.CORRECTED),
        *[(each, Status.PRELIMINARY) for each in "PRS"],
        ("I", Status.REGISTERED),
        ("X", Status.CANCELLED),
        *[(each, Status.ENTERED_IN_ERROR) for each in "DW"],
        ("f", Status.FINAL),
    ],
)
def test_each_status_of_an_observation(group: Receive, letter: str, status: Status) -> None:
    message = result(group(obr(), obx(TOTAL, "14", status=letter)))
    (administered,) = message.administered
    assert administered.piece.status is status
    assert message.corrects is (letter in "ABCXDW")


def test_a_description_of_the_order_is_no_result(group: Receive) -> None:
    assert readings(group(obr(), obx(TOTAL, "14", status="O"), obx(ITEM_10, "1"))) == [Reading(Role.ITEM, 10, 1)]


@pytest.mark.parametrize(("letter", "order", "flaw"), [("", "", "value-missing"), ("?", "F", "value-unreadable")])
def test_without_a_status_that_is_known_nothing_decides_and_a_person_looks(
    group: Receive, letter: str, order: str, flaw: str
) -> None:
    read = group(obr(status=order), obx(ITEM_10, "2", status=letter))
    assert readings(read) == []
    assert flaws(read) == [f"{flaw} OBX^1^11"]
    assert read.recognised is Recognised.A_CRITICAL_ANSWER


def test_the_status_of_the_order_stands_for_one_that_is_missing(group: Receive) -> None:
    (administered,) = result(group(obr(status="P"), obx(TOTAL, "14", status=""))).administered
    assert administered.piece.status is Status.PRELIMINARY


@pytest.mark.parametrize("letter", "XYZD")
def test_results_that_are_final_in_an_order_that_was_taken_back_are_not_acted_on(group: Receive, letter: str) -> None:
    read = group(obr(status=letter), obx(TOTAL, "14"))
    assert ([part.at for part in read.parts], flaws(read)) == (["PID^1"], ["value-unreadable OBR^1^25"])
    assert read.recognised is Recognised.AN_INSTRUMENT


def test_what_an_unfinished_order_has_already_expects_the_rest(group: Receive) -> None:
    (partial,) = result(group(obr(status="A"), obx(TOTAL, "14"))).administered
    (whole,) = result(group(obr(), obx(TOTAL, "14"))).administered
    assert (len(partial.piece.expects), len(whole.piece.expects)) == (1, 0)


@pytest.mark.parametrize(
    ("order", "times", "effective"),
    [
        (AT, ["", ""], [TEN_LOCAL, TEN_LOCAL]),
        (AT, ["20260301100007", "20260301100009"], [TEN_LOCAL, TEN_LOCAL]),
        ("", ["20260301100009", AT], [TEN_LOCAL, TEN_LOCAL]),
        ("20260115", ["20260301100009", AT], [TEN_LOCAL, TEN_LOCAL]),
        (AT, ["20260115090000", ""], [datetime(2026, 1, 15, 8, tzinfo=UTC), TEN_LOCAL]),
        ("20260301", ["", ""], [datetime(2026, 3, 1, tzinfo=UTC)] * 2),
        (AT + "-0500", ["", ""], [datetime(2026, 3, 1, 15, tzinfo=UTC)] * 2),
        ("20260701100000", ["", ""], [datetime(2026, 7, 1, 8, tzinfo=UTC)] * 2),
    ],
)
def test_all_of_an_order_on_one_day_is_one_administration(
    group: Receive, order: str, times: list[str], effective: list[datetime]
) -> None:
    read = group(obr(at=order), obx(TOTAL, "14", at=times[0]), obx(ITEM_10, "1", at=times[1]))
    assert [each.effective for each in result(read).administered] == effective
    assert flaws(read) == []


def test_without_any_time_it_is_an_administration_of_its_own_now(group: Receive) -> None:
    (administered,) = result(group(obr(at=""), obx(TOTAL, "14"))).administered
    assert administered.effective == NOW
    assert administered.respondent == "source:filler|MATERN|F1|71354-5"


def test_a_time_that_is_none_is_told(group: Receive) -> None:
    read = group(obr(at="20261301"), obx(TOTAL, "14", at="soon"))
    assert flaws(read) == ["time-unreadable OBR^1^7", "time-unreadable OBX^1^14"]
    assert [each.effective for each in result(read).administered] == [NOW]


@pytest.mark.parametrize(
    ("header", "source"),
    [
        (obr(), "filler|MATERN|F1|71354-5 total"),
        (obr(number="F1", placer="P1"), "filler|MATERN|HOSPITAL|F1|71354-5 total"),
        (obr(number="", placer="P1^EHR"), "placer|EHR|P1|71354-5 total"),
        ("ORC|RE||C1^EHR\r" + obr(number=""), "filler|EHR|C1|71354-5 total"),
        (obr(number=""), "I1^MATERN"),
    ],
)
def test_an_order_is_named_by_its_number_and_an_observation_by_what_it_is(
    group: Receive, header: str, source: str
) -> None:
    (administered,) = result(group(header, obx(TOTAL, "14", instance="I1^MATERN"))).administered
    assert administered.piece.source == source


def test_a_number_in_two_code_systems_is_one_piece(group: Receive) -> None:
    (administered,) = result(group(obr(), obx(TOTAL, "14"), obx("450320001^^SCT", "14"))).administered
    assert len(administered.piece.readings) == 2


def test_a_file_alone_goes_to_a_person_and_beside_a_score_it_changes_nothing(group: Receive) -> None:
    file = obx("PDF^Form^L", "MAT^AP^PDF^Base64^JVBERi0=", type="ED")
    alone = group(obr(), file)
    (administered,) = result(alone).administered
    assert administered.piece.readings == (Reading(Role.TOTAL, None, None, "OBX-5"),)
    assert administered.respondent.startswith("source:")
    assert flaws(alone) == ["no-score OBX^1^5"]
    assert readings(group(obr(), file, obx(TOTAL, "14"))) == [Reading(Role.TOTAL, None, 14)]


@pytest.mark.parametrize(("who", "respondent"), [("mother", "patient"), ("", "patient"), ("father", "other")])
def test_whoever_else_answered_is_told_from_her(group: Receive, who: str, respondent: str) -> None:
    read = group(obr(), obx(TOTAL, "14"), obx("EPDSBY^By^L", who, type="ST"))
    assert {each.respondent for each in result(read).administered} == {respondent}
    assert flaws(read) == []
    (untimed,) = result(group(obr(at=""), obx(TOTAL, "14"), obx("EPDSBY^By^L", who, type="ST"))).administered
    assert untimed.respondent.startswith("source:another:") == (respondent == "other")


@pytest.mark.parametrize("order", [obr(), obr(code="WHO^Who answered^L")], ids=["under its order", "under another"])
def test_that_somebody_else_answered_is_told_where_nothing_that_was_answered_comes_with_it(
    group: Receive, order: str
) -> None:
    for status in "FC":
        read = group(order, obx("EPDSBY^By^L", "father", type="ST", status=status))
        assert ([*read.parts][1:], read.recognised) == ([], Recognised.AN_INSTRUMENT)
        assert flaws(read) == ["segment-missing OBR^1"]
    assert group(order, obx("EPDSBY^By^L", "mother", type="ST")).recognised is Recognised.NOTHING


@pytest.mark.parametrize("code", ["11778-8^EDD^LN", "EDD^Due date^L"])
def test_the_due_date_is_read_also_outside_an_order(group: Receive, code: str) -> None:
    assert result(group(obx(code, "20260801", type="DT"))).due == DueDate(date(2026, 8, 1))
    assert result(group(obr("X"), obx(code, "20260801", type="DT", status="P"))).due is None


@pytest.mark.parametrize("written", ["20991231", "99991231", "20280101", "20240101", "00010101"])
def test_a_day_on_which_nobody_can_be_due_is_told_and_none(group: Receive, written: str) -> None:
    read = group(obx("EDD", written, type="DT"))
    assert result(read).due is None
    assert [(each.problem, each.at) for each in read.flaws] == [(Problem.VALUE_UNREADABLE, "OBX^1^5")]


def test_two_due_dates_are_none(group: Receive) -> None:
    read = group(obx("EDD", "20260801", type="DT"), obx("EDD", "20260803", type="DT"))
    assert result(read).due is None
    assert flaws(read) == ["value-unreadable OBX^1^5", "value-unreadable OBX^2^5"]


@pytest.mark.parametrize(
    ("segments", "event"),
    [
        ([obx("BABYCARE^In care^L", "Y", type="ID")], True),
        ([obx("BABYCARE^In care^L", "N^No^HL70136", type="CWE")], False),
        ([obx("BABYCARE^In care^L", "Y", type="ID", status="W")], False),
        ([obx("237364002^Stillbirth^SCT", "", type="CWE")], True),
        ([obr("X"), obx("63893-2^Outcome^LN", "237364002^Stillbirth^SCT", type="CWE")], True),
        ([obr("X"), obx("63893-2^Outcome^LN", "x^y^L^237364002^Stillbirth^SCT", type="CE")], True),
        ([obr("X", at="20240101"), obx("63893-2^Outcome^LN", "237364002^Stillbirth^SCT", type="CWE")], False),
    ],
)
def test_what_makes_contact_unwelcome(group: Receive, segments: list[str], event: bool) -> None:
    told = [part.step for part in group(*segments).parts if isinstance(part.step, ReceivedEvent)]
    assert [each.event for each in told if each.event in HARMS] == [LifeEvent.SAFETY_EVENT] * event


def test_an_order_of_an_instrument_without_a_result_is_told(group: Receive) -> None:
    read = group(obr(), obr("718-7^Hb^LN"), obx("718-7^Hb^LN", "7"))
    assert flaws(read) == ["segment-missing OBR^1"]
    assert read.recognised is Recognised.AN_INSTRUMENT


def test_a_flag_of_the_sender_s_decides_nothing(group: Receive) -> None:
    flagged = obx(TOTAL, "14").replace("||||||F", "|||HH|||F")
    assert "HH" in flagged
    assert readings(group(obr(), flagged)) == readings(group(obr(), obx(TOTAL, "14")))


def test_other_delimiters_and_escapes_mean_the_same(dialect: Dialect, rules: Rules) -> None:
    text = (
        "MSH#*%!?#A#B###20260301##ORU*R01#1#P#2.5.1\rPID#1##1!T!2***MATERN*MR\r"
        "OBR#1##F1#71354-5*EPDS*LN###20260301100000##################F\rOBX#1#NM#99046-5**LN##1!X34!######F"
    )
    (group,) = READERS["ORU", "R01"](read(text.encode()), dialect, rules, NOW)
    assert readings(group) == [Reading(Role.TOTAL, None, 14)]
    assert group.subject is not None
    assert group.subject.identifier is not None
    assert group.subject.identifier.value == "1?2"


def test_a_hospital_that_has_mapped_nothing_is_understood_by_public_codes_alone(
    group: Receive, dialect: Dialect
) -> None:
    bare = replace(dialect, forms={}, panels={}, context={}, respondent=None)
    assert readings(group(obr(), obx(TOTAL, "14"), dialect=bare)) == [Reading(Role.TOTAL, None, 14)]
