"""Acknowledgements: what stands in them, in which mode, and that each is one by the standard's own definitions."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.flow.answer import Reason
from service.flow.received_message import Problem
from service.hl7v2 import shapes
from service.hl7v2.acknowledge import MOST_ERRORS, Error, Verdict, acknowledge, wanted
from service.hl7v2.errors import MEANINGS, Unfit
from service.hl7v2.segments import Segment, header_of, read
from service.hl7v2.shapes import VERSIONS

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
HEADER = "MSH|^~\\&|EHR^1.2^ISO|MATERNITY|PR|PEER|20260601||ORU^R01^ORU_R01|M1|P|{version}||||||UNICODE UTF-8"
WARNINGS = [Error(Reason.SUBJECT_UNKNOWN, "PID^1^3"), Error(Problem.CODE_UNKNOWN, "OBX^2^3^1^1")]
REFUSAL = [Error(Unfit.VERSION_UNSUPPORTED)]


def header(text: str) -> Segment:
    found = header_of(text.encode())
    assert found is not None
    return found


def told(of: Segment | None, verdict: Verdict, errors: list[Error]) -> bytes:
    return acknowledge(of, "A", verdict, errors, now=NOW)


def words(what: Reason | Problem) -> str:
    return MEANINGS[what].words


def plain(answer: bytes) -> list[str]:
    return answer.decode().split("\r")[:-1]


def test_an_acknowledgement_goes_back_to_where_the_message_came_from_and_names_it() -> None:
    answer = told(header(HEADER.format(version="2.5.1")), Verdict.ACCEPT, [])
    own_id = read(answer).header.text(10)
    assert plain(answer) == [
        f"MSH|^~\\&|PR|PEER|EHR^1.2^ISO|MATERNITY|20260601120000+0000||ACK^R01^ACK|{own_id}|P|2.5.1||||||UNICODE UTF-8",
        "MSA|AA|M1",
    ]
    assert 0 < len(own_id) <= 20
    assert own_id != read(told(header(HEADER.format(version="2.5.1")), Verdict.ACCEPT, [])).header.text(10)


def test_from_version_2_5_each_problem_has_an_err_segment_with_place_condition_severity_code_and_words() -> None:
    answer = told(header(HEADER.format(version="2.5.1")), Verdict.ACCEPT, WARNINGS)
    assert plain(answer)[1:] == [
        "MSA|AA|M1|Kept, but not used: the person is not known here.",
        f"ERR||PID^1^3|204^Unknown key identifier^HL70357|W|subject-unknown^^L|||{words(Reason.SUBJECT_UNKNOWN)}",
        f"ERR||OBX^2^3^1^1|103^Table value not found^HL70357|W|code-unknown^^L|||{words(Problem.CODE_UNKNOWN)}",
    ]


def test_before_version_2_5_a_refusal_has_its_place_in_err_1_and_its_words_in_msa_3() -> None:
    answer = told(header(HEADER.format(version="2.3")), Verdict.REJECT, REFUSAL)
    assert plain(answer)[1:] == [
        "MSA|AR|M1|This version of HL7 is not taken here.|||203^Unsupported version id^HL70357",
        "ERR|MSH^1^12^203&Unsupported version id&HL70357",
    ]


def test_before_version_2_5_what_was_kept_and_not_used_has_its_places_in_one_err() -> None:
    answer = told(header(HEADER.format(version="2.4")), Verdict.ACCEPT, WARNINGS)
    assert plain(answer)[1:] == [
        "MSA|AA|M1|Kept, but not used: the person is not known here.",
        "ERR|PID^1^3^204&Unknown key identifier&HL70357~OBX^2^3^103&Table value not found&HL70357",
    ]


def test_from_version_2_7_msa_3_is_withdrawn() -> None:
    answer = told(header(HEADER.format(version="2.7.1")), Verdict.REJECT, REFUSAL)
    assert plain(answer)[1].startswith("MSA|AR|M1")
    assert plain(answer)[2].endswith("|This version of HL7 is not taken here.")
    assert "here" not in plain(answer)[1]


def test_every_shape_is_there_before_the_first_message_comes() -> None:
    shapes._built.cache_clear()
    shapes.prepare()
    made = shapes._built.cache_info().misses
    for version in VERSIONS:
        told(header(HEADER.format(version=version)), Verdict.REJECT, REFUSAL)
    assert shapes._built.cache_info().misses == made == len(VERSIONS)


@pytest.mark.parametrize("name", ["EHR", "E" * 300])
def test_of_two_messages_of_one_sender_each_is_answered_by_what_it_says(name: str) -> None:
    first = HEADER.format(version="2.5.1").replace("EHR", name)
    for again in (first, first.replace("|M1|", "|M2|"), first.replace("R01^O", "R30^O"), first.replace("|PR|", "|P2|")):
        fields = again.split("|")
        answer = told(header(again), Verdict.ACCEPT, [])
        head, answered = plain(answer)[0].split("|"), plain(answer)[1].split("|")
        assert (head[2], head[4], answered[2]) == (fields[4], fields[2], fields[9])
        assert head[8].split("^")[1] == fields[8].split("^")[1]


def test_the_senders_own_delimiters_and_characters_are_used() -> None:
    of = header("MSH$%*!@$ÉHR%1$MAT$PR$PEER$20260601$$ORU%R01$M1$P$2.5.1")
    answer = read(told(of, Verdict.ACCEPT, WARNINGS))
    assert answer.delimiters == of.delimiters
    assert [answer.header.text(5), answer.header.text(5, 2)] == ["ÉHR", "1"]
    err = answer.first("ERR")
    assert err is not None
    assert [err.text(2, number) for number in (1, 2, 3)] == ["PID", "1", "3"]
    assert err.text(8) == MEANINGS[Reason.SUBJECT_UNKNOWN].words
    before = read(told(header("MSH$%*!@$EHR$MAT$PR$PEER$20260601$$ORU%R01$M1$P$2.4"), Verdict.ACCEPT, WARNINGS)).first(
        "ERR"
    )
    assert before is not None
    assert before.raw(1).split("*")[1] == "OBX%2%3%103@Table value not found@HL70357"


def test_what_had_no_header_is_refused_in_our_own_name() -> None:
    answer = told(None, Verdict.REJECT, [Error(Unfit.DEFECT)])
    assert plain(answer)[0].startswith("MSH|^~\\&|PEER-REFERRAL|")
    assert plain(answer)[1].startswith("MSA|AR||")


def test_framing_bytes_in_a_header_do_not_come_back() -> None:
    of = header("MSH|^~\\&|EHR\x1c|MAT\x0b|PR|X|||ORU^R\x1c01|M\x1c1|P|2.5.1")
    assert not set(acknowledge(of, "A", Verdict.REJECT, REFUSAL, now=NOW)) & {0x0B, 0x1C}


@pytest.mark.parametrize(("problems", "more"), [(MOST_ERRORS, []), (MOST_ERRORS + 1, [""]), (100, [""])])
def test_fifty_problems_are_told_each_once_and_then_that_there_are_more(problems: int, more: list[str]) -> None:
    many = [Error(Problem.CODE_UNKNOWN, f"OBX^{number // 2}^3") for number in range(2 * problems)]
    answer = read(told(header(HEADER.format(version="2.5.1")), Verdict.ACCEPT, many))
    errors = list(answer.named("ERR"))
    assert [each.text(2, 2) for each in errors] == [*map(str, range(MOST_ERRORS)), *more]
    assert {each.text(5) for each in errors[MOST_ERRORS:]} == ({"more-problems"} if more else set())
    assert {each.text(4) for each in errors} == {"W"}


# MSH-15 and MSH-16 (table 0155), and the letters of what is answered to accept, error and reject.
MODES = [
    ("", "", "A A A"),
    ("AL", "AL", "CA C C"),
    ("AL", "NE", "C C C"),
    ("AL", "", "C C C"),
    ("al", "ne", "C C C"),
    ("NE", "AL", "A A A"),
    ("", "AL", "A A A"),
    ("ER", "AL", "A C C"),
    ("SU", "AL", "CA A A"),
    ("SU", "ER", "C A A"),
    ("ER", "NE", "- C C"),
    ("NE", "SU", "A - -"),
    ("NE", "NE", "- - -"),
    ("NE", "", "- - -"),
    ("", "NE", "- - -"),
    ('""', '""', "A A A"),
    ("AL", '""', "C C C"),
    ('""', "NE", "- - -"),
    ("XX", "YY", "A A A"),
    ("XX", "", "A A A"),
    ("", "Y", "A A A"),
    ("A&L", "NE", "A A A"),
    ("NE", "YY", "A A A"),
    ("AL", "YY", "C C C"),
    ("ER", "YY", "- C C"),
    ("XX", "SU", "A - -"),
]


@pytest.mark.parametrize(("accept", "application", "letters"), MODES)
def test_the_mode_decides_which_acknowledgements_there_are(accept: str, application: str, letters: str) -> None:
    of = header(f"MSH|^~\\&|A|B|C|D|||ORU^R01|M1|P|2.5.1|||{accept}|{application}")
    asked = wanted(of, always=False)
    assert " ".join(asked.letters(verdict) or "-" for verdict in Verdict) == letters


def test_a_sender_that_asks_for_nothing_and_waits_all_the_same_gets_one_if_its_site_says_so() -> None:
    of = header("MSH|^~\\&|A|B|C|D|||ORU^R01|M1|P|2.5.1|||NE|NE")
    assert [wanted(of, always=True).letters(verdict) for verdict in Verdict] == ["A", "A", "A"]


@given(st.text(max_size=60), st.sampled_from(list(Verdict)), st.sampled_from(["A", "C"]))
def test_whatever_stands_in_a_header_there_is_an_answer_that_can_be_read(
    text: str, verdict: Verdict, letter: str
) -> None:
    of = header_of(f"MSH|^~\\&|{text}".encode())
    answer = acknowledge(of, letter, verdict, [*REFUSAL, *WARNINGS], now=NOW)
    assert read(answer).segments[1].text(1) == letter + verdict
