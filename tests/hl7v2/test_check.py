"""What an integration engineer is told about a file of messages, before any of them is sent."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from service import mappings
from service.__main__ import application
from service.flow.rules import DEFAULT_SITE
from service.hl7v2.check import Checked, check, frames_in
from service.hl7v2.frame import Frame, framed
from service.hl7v2.site_codes import ConsentRule
from tests.flow.support import NOW
from tests.hl7v2.doors import changed, oru
from tests.hl7v2.ward import message, pid

RULES = mappings.load()
SIZES = {"M1": 2_001, "M2": 2_000}.items()
DIALECT = mappings.load_dialects(RULES)[DEFAULT_SITE]


def checked(body: bytes) -> Checked:
    return check(Frame(body), DIALECT, RULES, NOW)


def test_a_message_that_would_be_used_whole_says_what_is_made_of_it() -> None:
    found = checked(oru("M1", total=14))
    assert not found.fails
    assert found.lines == (
        "ORU^R01 M1",
        "  patient 1:",
        "    PID^1: known by urn:oid:1.2.3; registered if she is not known",
        "    OBR^1: epds of 2026-06-01T11:00:00+00:00, final: total 14; positive (stage not known), self-harm unknown",
        "  would be acknowledged AA",
    )


@pytest.mark.parametrize(
    ("due", "decided"),
    [("20260901", "repeat (antenatal)"), ("20260401", "positive (postnatal)"), ("", "positive (stage not known)")],
)
def test_the_due_date_in_a_message_counts_as_it_does_when_it_is_sent(due: str, decided: str) -> None:
    line = f"OBX|2|DT|11778-8^EDD^LN||{due}||||||F\r" if due else ""
    (said,) = [each for each in checked(oru("M1", total=11) + line.encode()).lines if "epds of" in each]
    assert f"total 11; {decided}, self-harm" in said


@pytest.mark.parametrize(
    ("letter", "died", "said"),
    [
        ("F", "", "OBX^2: an event after which contact pauses"),
        ("P", "", "OBX^2: an event after which contact pauses"),
        ("W", "", "OBX^2: an event that is taken back, which resumes nothing"),
        ("O", "Y", "PID^1^30: her death, after which contact ends"),
    ],
)
def test_what_would_be_made_of_a_loss_or_a_death_is_said(letter: str, died: str, said: str) -> None:
    body = oru().replace(b"|19950401|F", b"|19950401|F" + b"|" * 22 + died.encode())
    obx = f"OBX|2|CWE|237364002^Stillbirth^SCT||Y||||||{letter}\r"
    lines = [line.strip() for line in checked(body + obx.encode()).lines]
    assert [line for line in lines if line.startswith(("OBX^2", "PID^1^30"))] == [said]


WRONG = {
    "a woman whom nobody can tell": (oru().replace(b"^^^HOSP&1.2.3&ISO^MR", b""), "identifier-unusable 204 PID^1^3"),
    "a type that is not taken": (changed(oru(), 9, "DFT^P03"), "would be refused (AR)"),
    "a test": (changed(oru(), 11, "T"), "not-production 202 MSH^1^11"),
    "a code that is not of its table": (oru().replace(b"|NM|", b"|ZZ|"), "Value ZZ not in table HL70125"),
    "a status that there is not": (oru().replace(b"||||||F|", b"||||||Q|"), "Value Q not in table HL70085"),
    "a segment that is missing": (oru().replace(b"PID|", b"ZID|"), "segment-missing 100 PID^1"),
    "no message": (b"MSH|^^", "would be refused (AR)"),
    "an order of which nothing is known": (
        oru().replace(b"71354-5^EPDS^LN", b"X^Y^L").replace(b"99046-5^EPDS total^LN", b"Z^Z^L"),
        "nothing that is known here",
    ),
}


@pytest.mark.parametrize(("body", "said"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_with_a_message_is_said(body: bytes, said: str) -> None:
    assert any(said in line for line in checked(body).lines)


@pytest.mark.parametrize(("version", "type"), [("2.5.1", "IS"), ("2.6", "CWE"), ("2.6", "DTM")])
def test_a_data_type_of_the_standard_is_no_wrong_code_whatever_else_is_wrong(version: str, type: str) -> None:
    obx = f"OBX|2|{type}|ANY^Any^L||20260601||||||F\r".encode()
    whole = changed(oru(), 12, version) + obx
    for body in (whole, whole.replace(b"|20260601||||||F", b"|20260601||||||")):
        assert not any("HL70125" in line for line in checked(body).lines)
    assert any(line.startswith("  structure: Error") for line in checked(body).lines)


@pytest.mark.parametrize(
    ("answer", "said"),
    [("Y", "a consent, given"), ("N", "a consent, not given"), ("MAYBE", "what may be a no; contact pauses if")],
)
def test_what_would_be_made_of_an_answer_about_consent_is_said(answer: str, said: str) -> None:
    rule = ConsentRule("a programme", False, False, None, frozenset({"Y"}), frozenset({"N"}))
    own = replace(DIALECT, codes=replace(DIALECT.codes, consents={"PEER": rule}))
    body = message("A08", pid(), f"OBX|1|ST|PEER^Peer support^L||{answer}||||||F|||20260520")
    assert f"    OBX^1: {said}" in "\n".join(check(Frame(body), own, RULES, NOW).lines)


def test_what_would_be_refused_or_left_over_fails_and_a_warning_of_a_table_does_not() -> None:
    fails = {name: checked(body).fails for name, (body, _) in WRONG.items()}
    assert [name for name, each in fails.items() if not each] == ["a code that is not of its table"]


def test_nothing_that_names_a_person_is_said() -> None:
    said = "\n".join(line for body, _ in WRONG.values() for line in checked(body).lines)
    assert not {"Tester", "Tessie", "19950401"} & set(said.replace("^", " ").split())


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n"], ids=["CR", "LF", "CRLF"])
def test_a_file_may_hold_several_messages_with_any_line_ends(end: bytes) -> None:
    content = b"\xef\xbb\xbf" + (oru("M1") + b"\r" + oru("M2") + oru("M3")).replace(b"\r", end)
    assert [checked(frame.body).lines[0] for frame in frames_in(content)] == ["ORU^R01 M1", "ORU^R01 M2", "ORU^R01 M3"]


def test_a_file_may_hold_messages_as_they_go_over_mllp() -> None:
    content = framed(oru("M1")) + b"\r\n" + framed(oru("M2"))[:-1]
    assert [frame.body for frame in frames_in(content)] == [oru("M1"), oru("M2")]


@pytest.mark.parametrize("as_sent", [bytes, framed], ids=["plain", "over MLLP"])
def test_a_message_that_is_longer_than_is_taken_would_be_refused_and_those_behind_it_are_told_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, as_sent: Callable[[bytes], bytes]
) -> None:
    monkeypatch.setenv("PEER_REFERRAL_MLLP_LONGEST", "2000")
    file = tmp_path / "messages.hl7"
    long, longest = (oru(each) + b"NTE|1||" + b"x" * (size - len(oru(each)) - 8) + b"\r" for each, size in SIZES)
    file.write_bytes(as_sent(long) + as_sent(longest))
    outcome = CliRunner().invoke(application, ["hl7", "check", str(file)])
    assert outcome.output.count("would be refused (AR): The message is longer than is taken here.") == 1
    assert outcome.output.count("would be acknowledged AA") == 1
    assert outcome.output.splitlines()[-1] == "2 checked, 1 with something to mend."


def test_a_hospitals_own_words_count_for_it_alone() -> None:
    body = oru().replace(b"W1^^^HOSP&1.2.3&ISO^MR", b"W1^^^CLINIC^MR")
    own = replace(DIALECT, authorities={("CLINIC", ""): "https://clinic.example/mrn"})
    assert checked(body).fails
    assert not check(Frame(body), own, RULES, NOW).fails


def test_an_organisation_that_no_site_file_is_about_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "messages.hl7"
    file.write_bytes(oru("M1"))
    outcome = CliRunner().invoke(application, ["hl7", "check", str(file), "--organisation", "nobody"])
    assert outcome.exit_code == 2, outcome.output
    assert "No file in sites/ is about this organisation." in outcome.output


@pytest.mark.parametrize(
    ("content", "status", "said"),
    [
        (oru("M1"), 0, "1 checked, 0 with something to mend."),
        (oru("M1") + changed(oru("M2"), 11, "T"), 1, "2 checked, 1 with something to mend."),
        (b"nothing of the kind", 1, "The message does not begin with MSH."),
        (b"\r\n\r\n", 2, "There is no message in that file."),
    ],
)
def test_the_command_ends_with_a_status_that_a_script_can_use(
    tmp_path: Path, content: bytes, status: int, said: str
) -> None:
    file = tmp_path / "messages.hl7"
    file.write_bytes(content)
    outcome = CliRunner().invoke(application, ["hl7", "check", str(file)])
    assert outcome.exit_code == status, outcome.output
    assert said in outcome.output
