"""Whatever we send is what the standard says: hl7apy judges each kind of it as it leaves us, to the last byte."""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import product

import pytest
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.exceptions import HL7apyException, ValidationError
from hl7apy.parser import parse_message

from service.hl7v2.acknowledge import MOST_ERRORS, Error, Verdict, acknowledge
from service.hl7v2.answer_referral import Answered
from service.hl7v2.awaited import Awaited
from service.hl7v2.errors import MEANINGS
from service.hl7v2.frame import Frame
from service.hl7v2.segments import header_of, read
from service.hl7v2.shapes import VERSIONS
from service.hl7v2.write.outbound import Version
from tests.flow.support import Service
from tests.hl7v2.doors import changed
from tests.hl7v2.test_referrals import CLINICIAN, PHONE, PROGRAMME, rf1
from tests.hl7v2.ward import Ward, con, message, pid
from tests.hl7v2.write.support import OUTBOUND, PARCELS, written

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
HEADER = "MSH|^~\\&|EHR^1.2^ISO|MATERNITY|PR|PEER|20260601||ORU^R01^ORU_R01|M1|P|{version}||||||UNICODE UTF-8"
# hl7apy has no 2.9, puts the fields of ERR from 2.7 on into other places than the standard, and before 2.3.1 takes the
# event of an ACK for a part of the name of its structure.
JUDGED_AS = {
    **dict.fromkeys(VERSIONS[: VERSIONS.index("2.3.1")], "2.4"),
    **dict.fromkeys(VERSIONS[VERSIONS.index("2.7") :], "2.6"),
}
PLACES = ("PID^1^3", "OBX^2^3^1^1", "OBR^1", "")
EACH = [Error(what, PLACES[number % len(PLACES)]) for number, what in enumerate(MEANINGS)]


def judge(message: bytes) -> None:
    """Raises hl7apy's errors when something is wrong with it."""
    text = message.decode()
    mark = text[3]
    fields = text.partition("\r")[0].split(mark)
    fields[8] = fields[8].replace("ACK^R01", "ACK^R01^ACK") if fields[8] == "ACK^R01" else fields[8]
    fields[11] = JUDGED_AS.get(fields[11], fields[11])
    judged = mark.join(fields) + "\r" + text.partition("\r")[2]
    assert parse_message(judged, VALIDATION_LEVEL.STRICT, find_groups=True).validate() is True


@pytest.mark.parametrize("version", VERSIONS)
def test_an_acknowledgement_in_either_mode_with_and_without_a_problem(version: str) -> None:
    header = header_of(HEADER.format(version=version).encode())
    for letter, verdict, errors in product("AC", Verdict, ([], EACH[:1], EACH[:3])):
        judge(acknowledge(header, letter, verdict, errors, now=NOW))


@pytest.mark.parametrize("version", ["2.4", "2.5"])
def test_an_acknowledgement_with_every_problem_that_there_is(version: str) -> None:
    header = header_of(HEADER.format(version=version).encode())
    for errors in (EACH[:MOST_ERRORS], EACH[MOST_ERRORS:]):
        judge(acknowledge(header, "A", Verdict.ACCEPT, errors, now=NOW))


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(HEADER.format(version="9.9"), id="a version that there is not"),
        pytest.param(HEADER.format(version="2.5.1").translate(str.maketrans("|^~&", "$%*@")), id="other delimiters"),
    ],
)
def test_an_acknowledgement_of_a_header_that_is_not_the_usual(header: str) -> None:
    answer = acknowledge(header_of(header.encode()), "A", Verdict.REJECT, EACH[:3], now=NOW)
    judge(answer.replace(b"|9.9", b"|2.5.1"))


@pytest.mark.parametrize("header", ["", "MSH|^~\\&|||||||||P"], ids=["no header", "nothing in it"])
def test_of_a_message_without_a_control_id_an_acknowledgement_lacks_that_and_nothing_else(header: str) -> None:
    answer = acknowledge(header_of(header.encode()), "A", Verdict.REJECT, EACH[:3], now=NOW)
    with pytest.raises(ValidationError, match=r"MSA\.MSA_2$"):
        judge(answer)
    judge(answer.replace(b"MSA|AR|", b"MSA|AR|M1"))


def test_the_commit_that_a_receivers_own_answer_asks_for() -> None:
    answer = "MSH|^~\\&|E|H|PR|PEER|20260601||ACK^R01^ACK|E1|P|2.5.1|||AL\rMSA|AA|M1\r"
    _, commit = Awaited("M1", application=True, now=NOW).hear(Frame(answer.encode()))
    assert commit is not None
    judge(commit)


@pytest.mark.parametrize("version", ["2.3.1", "2.4", "2.5", "2.5.1", "2.6"])
def test_an_answer_to_a_referral(service: Service, version: str) -> None:
    ward, told = Ward(service), set[str]()
    for event, lines in product(("I12", "I13", "I14"), ((con("A"), PHONE), (con("A", code="WHAT"),))):
        for woman in (pid(), pid(born="20260530")):
            request = message(event, rf1(), CLINICIAN, PROGRAMME, woman, *lines, type="REF")
            (answers,) = ward.hospital.answers(changed(request, 12, version))
            judge(answers[-1])
            told |= {each.text(1) for each in read(answers[-1]).named("RF1")}
    assert told == {*Answered}


@pytest.mark.parametrize("version", Version)
@pytest.mark.parametrize("kind", PARCELS)
def test_what_a_hospital_is_owed(version: Version, kind: str) -> None:
    judge(written(PARCELS[kind], replace(OUTBOUND, version=version)))


@pytest.mark.parametrize(
    ("spoilt", "by"), [(b"MSA|AR|M1", b"MSA||M1"), (b"MSA|AR|M1", b"MSA|AR|"), (b"\rMSA|", b"\rZSA|")]
)
def test_what_is_wrong_is_found(spoilt: bytes, by: bytes) -> None:
    answer = acknowledge(header_of(HEADER.format(version="2.5.1").encode()), "A", Verdict.REJECT, EACH[:3], now=NOW)
    judge(answer)
    with pytest.raises(HL7apyException):
        judge(answer.replace(spoilt, by))
