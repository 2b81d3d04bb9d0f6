"""What comes of a frame: kept and acted on, kept and told of, or refused and kept (trust.md, E43 to E57)."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from service.delivery.words import alert_words
from service.flow.move_alert import move_alert
from service.hl7v2.frame import Fault, Frame
from service.hl7v2.read.message import READERS
from service.referrals.alert import AlertTrigger
from service.shared.caller import OrganisationKind
from service.shared.client import Client
from service.shared.code import LOINC
from service.shared.errors import Unavailable
from service.shared.ids import new_id
from tests.flow.support import DAY, Service, StillClock
from tests.hl7v2.doors import MSH, PID, Hospital, changed, group, oru, said

NAME = "EHR|MATERNITY"


@pytest.fixture
def hospital(service: Service) -> Hospital:
    return Hospital(service)


def test_a_result_is_kept_acted_on_and_acknowledged(hospital: Hospital) -> None:
    body = oru("M1", total=22)
    answer = hospital.send(body)
    assert [each.name for each in answer.segments] == ["MSH", "MSA"]
    assert [answer.segments[1].text(number) for number in (1, 2)] == ["AA", "M1"]
    (message,) = hospital.rows("inbound_message")
    assert (message["door"], message["type"], message["disposition"]) == ("hl7v2", "ORU^R01", "accepted")
    assert message["body"] == body
    (result,) = hospital.rows("screening_result")
    assert result["instrument_id"] == "epds"
    assert len(hospital.rows("patient")) == 1
    assert len(hospital.rows("referral")) == 1


def test_an_unknown_woman_is_registered_once_and_her_next_result_is_hers(hospital: Hospital) -> None:
    hospital.send(oru("M1"))
    assert hospital.told(oru("M2", total=5)) == "AA"
    assert len(hospital.rows("patient")) == 1


def test_a_known_woman_with_another_birth_date_gets_nothing_of_it_and_a_person_finds_out(hospital: Hospital) -> None:
    hospital.send(oru("M1"))
    assert hospital.told(oru("M2", total=22, born="19850102")) == "AA PID^1 204 W"
    assert len(hospital.rows("screening_result")) == 1
    assert hospital.alerts() == ["identity-conflict"]


@pytest.mark.parametrize(
    ("item", "total", "alert"), [("2", "22", "self-harm-present"), ("0", "15", "unreadable-result")]
)
@pytest.mark.parametrize("lines", ["taken back", "not written"])
def test_a_result_that_cannot_be_used_is_told_of_the_woman_also_when_she_was_not_known(
    hospital: Hospital, lines: str, item: str, total: str, alert: str
) -> None:
    msh, pid, obr, obx = oru("M1", total=int(total)).decode().rstrip("\r").split("\r")
    tenth = f"OBX|2|NM|44260-8^^LN||{item}||||||F|||20260601110000+0000"
    if lines == "taken back":
        body, told = [msh, pid, obr.removesuffix("F") + "X", obx, tenth], "AA OBR^1^25 102 W"
    else:
        body, told = [msh, pid, obr], "AA OBX^1 100 W"
        alert = "unreadable-result"
    assert hospital.told("\r".join((*body, "")).encode()) == told
    (woman,) = hospital.rows("patient")
    assert [(each["code"], each["patient_id"]) for each in hospital.rows("alert")] == [(alert, woman["id"])]
    assert hospital.rows("screening_result") == []


HEADERS = {
    "E47 two components": (9, "ORU^R01", "AA"),
    "E47 in lower case": (9, "oru^r01^oru_r01", "AA"),
    "E47 a structure of the sender's own": (9, "ORU^R01^ORU_X99", "AA"),
    "E48 a type that is not taken": (9, "DFT^P03", "AR MSH^1^9^1^1 200 E"),
    "E48 an event that is not taken": (9, "ORU^W99", "AR MSH^1^9^1^2 201 E"),
    "E48 no type": (9, "", "AR MSH^1^9 101 E"),
    "E49 a version that there is not": (12, "9.9", "AR MSH^1^12 203 E"),
    "E49 an older version": (12, "2.3", "AA"),
    "E49 a newer version": (12, "2.8.2", "AA"),
    "E49 no version": (12, "", "AA"),
    "E49 a version with its country": (12, "2.5^DEU", "AA"),
    "E50 no control id": (10, "", "AR MSH^1^10 101 E"),
    "E50 a control id that is taken away": (10, '""', "AR MSH^1^10 101 E"),
    "E52 a test": (11, "T", "AR MSH^1^11 202 E"),
    "E52 for debugging": (11, "D", "AR MSH^1^11 202 E"),
    "E52 no processing id": (11, "", "AR MSH^1^11 202 E"),
    "E52 with its mode": (11, "P^T", "AA"),
}


@pytest.mark.parametrize(("number", "value", "expected"), HEADERS.values(), ids=HEADERS)
def test_a_header_decides_whether_a_message_is_taken(
    hospital: Hospital, number: int, value: str, expected: str
) -> None:
    assert hospital.told(changed(oru(), number, value)) == expected
    taken = expected.startswith("AA")
    assert len(hospital.rows("inbound_message")) == taken
    assert len(hospital.rows("unreadable_message")) == (not taken)
    assert len(hospital.rows("screening_result")) == taken


def test_of_two_things_wrong_with_a_header_the_first_in_its_order_is_told(hospital: Hospital) -> None:
    assert hospital.told(changed(changed(oru(), 11, "T"), 9, "DFT^P03")) == "AR MSH^1^9^1^1 200 E"


def test_a_test_installation_takes_tests(service: Service) -> None:
    assert Hospital(service, {"tests_are_taken": True}).told(changed(oru(), 11, "T")) == "AA"


UNREADABLE: dict[str, tuple[bytes | Frame, str]] = {
    "E43 a framing byte inside": (Frame(oru().replace(b"Tester", b"Tes\x1cter"), Fault.EMBEDDED), "AR 102 E"),
    "E44 too long": (Frame(oru(), Fault.TOO_LONG), "AR 207 E"),
    "E42 cut short": (Frame(oru()[:-40], Fault.CUT_SHORT), "AR 100 E"),
    "E46 not in its own character set": (
        changed(oru(), 18, "UNICODE UTF-8").replace(b"Tester", b"T\xe9ster"),
        "AR MSH^1^18 102 E",
    ),
    "E46 a character set that is not known": (changed(oru(), 18, "KLINGON"), "AR MSH^1^18 103 E"),
    "a line that is no segment": (oru().replace(b"OBR|", b"and a line break\rOBR|"), "AR 100 E"),
    "delimiters that are one": (oru().replace(b"MSH|^~\\&", b"MSH|^^\\&"), "AR MSH^1^2 102 E"),
    "no header": (oru().replace(b"MSH|", b"XXX|"), "AR 100 E"),
}


@pytest.mark.parametrize(("frame", "expected"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read_is_refused_and_kept_and_a_person_told(
    hospital: Hospital, frame: bytes | Frame, expected: str
) -> None:
    body = frame.body if isinstance(frame, Frame) else frame
    assert hospital.told(frame) == expected
    (kept,) = hospital.rows("unreadable_message")
    assert body not in kept["sealed_body"]
    assert hospital.door.sealer.open(kept["sealed_body"], f"unreadable_message/{kept['id']}") == body
    assert hospital.alerts() == ["unreadable-result"]
    assert hospital.rows("screening_result") == []


def test_a_latin_1_message_that_names_no_character_set_is_read(hospital: Hospital) -> None:
    assert hospital.told(oru().replace(b"Tester", b"T\xe9ster")) == "AA"


@pytest.fixture
def risky(hospital: Hospital) -> bytes:
    """A message with an answer to a question about harm."""
    for instrument in hospital.service.rules.instruments.values():
        for item in instrument.items:
            code = next((each for each in item.codes if each.system == LOINC), None)
            if code is not None and item.least_harm_answer is not None:
                return oru() + f"OBX|2|NM|{code.code}^item^LN||{item.least_harm_answer}||||||F\r".encode()
    raise AssertionError("no question about harm has a LOINC code")


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda body: changed(body, 9, "DFT^P03"),
        lambda body: changed(body, 11, "T"),
        lambda body: changed(body, 18, "KLINGON"),
        lambda body: body.replace(b"Tester", b"T\r\nester"),
        lambda body: Frame(body.replace(b"Tester", b"\x1cTester"), Fault.EMBEDDED),
    ],
    ids=["E48", "E52", "E46", "a broken line", "E43"],
)
def test_a_risk_in_what_is_refused_is_told_to_a_clinician(hospital: Hospital, risky: bytes, spoilt: object) -> None:
    assert callable(spoilt)
    assert hospital.told(spoilt(risky)).startswith("AR")
    assert hospital.alerts() == ["unreadable-risk"]


@pytest.mark.parametrize(
    ("order", "answer", "alerts"),
    [
        pytest.param("P", "P", ["self-harm-present"], id="preliminary"),
        pytest.param("P", "", ["self-harm-present"], id="preliminary, as the order says"),
        pytest.param("F", "S", ["self-harm-present"], id="created, in a final order"),
        pytest.param("I", "I", ["self-harm-present"], id="registered"),
        pytest.param("P", "D", [], id="taken back"),
    ],
)
def test_an_answer_about_self_harm_that_is_not_final_reaches_a_clinician_and_refers_nobody(
    hospital: Hospital, order: str, answer: str, alerts: list[str]
) -> None:
    item = f"OBX|2|NM|44260-8^item 9^LN||2||||||{answer}|||20260601110000+0000"
    body = oru(total=22).replace(b"71354-5^EPDS", b"44249-1^PHQ-9").replace(b"99046-5^EPDS", b"44261-6^PHQ-9")
    body = body.replace(b"OTH|F", f"OTH|{order}".encode()).replace(b"||22||||||F", b"||22||||||P")
    assert hospital.told(body + item.encode() + b"\r") == "AA"
    assert hospital.alerts() == alerts
    assert hospital.rows("referral") == []


def test_a_test_that_holds_no_risk_calls_nobody(hospital: Hospital) -> None:
    hospital.send(changed(oru(), 11, "T"))
    assert hospital.alerts() == []


def test_the_same_message_again_gets_the_same_acknowledgement_and_has_no_effect(hospital: Hospital) -> None:
    """trust.md, E51."""
    body = oru(total=22)
    first, resent = hospital.answers(body)[0], changed(body, 7, "20260601130000+0000")
    assert hospital.answers(resent)[0] == first
    assert [row["disposition"] for row in hospital.rows("inbound_message")] == ["accepted", "repeated"]
    assert len(hospital.rows("screening_result")) == len(hospital.rows("referral")) == 1


def test_a_repeat_of_what_was_used_in_part_is_told_the_same_once_more(hospital: Hospital) -> None:
    body = oru().replace(b"W1^^^HOSP&1.2.3&ISO^MR", b"W1")
    first = hospital.answers(body)[0]
    assert b"|204^" in first[0]
    assert hospital.answers(body)[0] == first
    assert len(hospital.alerts()) == 1


def test_other_content_under_the_same_control_id_is_refused_and_kept_and_a_person_told(hospital: Hospital) -> None:
    """trust.md, E51."""
    hospital.send(oru("M1"))
    assert hospital.told(oru("M1", total=22)) == "AR MSH^1^10 207 E"
    assert hospital.alerts() == ["content-conflict"]
    assert [row["reason"] for row in hospital.rows("unreadable_message")] == ["control-id-reused"]
    assert len(hospital.rows("screening_result")) == 1


def test_a_risk_in_other_content_under_the_same_control_id_is_told_to_a_clinician(
    hospital: Hospital, risky: bytes
) -> None:
    hospital.send(oru("M1"))
    assert hospital.told(risky) == "AR MSH^1^10 207 E"
    assert hospital.alerts() == ["content-conflict", "self-harm-present"]


def test_after_seven_days_a_control_id_may_come_again(hospital: Hospital) -> None:
    hospital.send(oru("M1"))
    clock = hospital.service.clock
    assert isinstance(clock, StillClock)
    clock.pass_time(7 * DAY + timedelta(seconds=1))
    assert hospital.told(oru("M1", total=22, order="another")) == "AA"


def test_a_sender_that_never_got_its_acknowledgement_gets_it_when_it_sends_again(hospital: Hospital) -> None:
    """E57: the connection broke after the commit, which stands."""
    lost = hospital.answers(oru(total=22))[0]
    hospital.__dict__.pop("door")
    assert hospital.answers(oru(total=22))[0] == lost
    assert len(hospital.rows("referral")) == 1


def test_what_is_refused_again_and_again_is_kept_and_told_of_once(hospital: Hospital) -> None:
    refused = changed(oru(), 9, "DFT^P03")
    first = hospital.answers(refused)[0]
    assert [hospital.answers(refused)[0] for _ in range(3)] == [first] * 3
    assert len(hospital.rows("unreadable_message")) == len(hospital.alerts()) == 1


def test_what_was_refused_is_taken_when_it_comes_again_and_can_be(service: Service) -> None:
    strict = Hospital(service)
    strict.send(changed(oru(), 11, "T"))
    lenient = Hospital(service, {"tests_are_taken": True})
    lenient.caller = strict.caller
    assert lenient.told(changed(oru(), 11, "T")) == "AA"


def test_a_risk_in_a_result_that_is_refused_is_told_once_and_of_her(hospital: Hospital, risky: bytes) -> None:
    hospital.send(oru(total=15))
    ahead = changed(risky, 10, "M2").replace(b"20260601110000", b"20260601150000")
    assert [hospital.told(ahead) for _ in range(2)] == ["AA OBR^1 102 W"] * 2
    (alert,) = hospital.rows("alert", code="self-harm-present")
    (woman,) = hospital.rows("patient")
    assert alert["patient_id"] == woman["id"]
    assert hospital.rows("alert", code="unreadable-risk") == []


def test_each_group_has_an_outcome_of_its_own(hospital: Hospital) -> None:
    hospital.send(oru("M0", woman="W1"))
    lines = [
        MSH.format(control="M1"),
        *group(woman="W1", total=22, order="A", born="19700101"),
        *group(woman="W2", total=22, order="B"),
        "PID|3||nobody||Tester^Tilda||19950401|F",
        *group(woman="", total=22, order="C")[1:],
    ]
    assert hospital.told("\r".join(lines).encode()) == "AA PID^1 204 W PID^3^3 204 W"
    assert len(hospital.rows("referral")) == 1
    assert [row["disposition"] for row in hospital.rows("inbound_message")] == ["accepted", "partly"]
    assert hospital.alerts().count("unreadable-result") == 1
    assert "identity-conflict" in hospital.alerts()


@pytest.mark.parametrize(("left_out", "alert"), [("PID", "unreadable-risk"), ("OBX", "unreadable-result")])
def test_of_a_result_that_lacks_a_segment_nothing_is_lost_and_a_person_is_told(
    hospital: Hospital, left_out: str, alert: str
) -> None:
    """trust.md, E53: it is kept, so that it is AA with a warning; AE would ask for it again."""
    tenth = "OBX|2|NM|44260-8^^LN||2||||||F|||20260601110000+0000"
    lines = [*oru(total=22).decode().rstrip("\r").split("\r"), tenth]
    body = "\r".join(line for line in lines if not line.startswith(left_out)) + "\r"
    told = hospital.told(body.encode())
    assert (told[:2], " 100 W" in told) == ("AA", True)
    assert hospital.alerts() == [alert]
    assert hospital.rows("referral") == []


@pytest.mark.parametrize("type", ["ORU^R01^ORU_R01", "ADT^A08^ADT_A01"])
def test_the_numbers_of_two_women_in_one_pid_are_used_for_neither(hospital: Hospital, type: str) -> None:
    """trust.md, E53."""
    for number, woman in enumerate(("W1", "W2")):
        hospital.send(oru(f"M{number}", woman=woman, total=22))
    two = oru("M2", total=25).replace(b"W1^^^HOSP&1.2.3&ISO^MR", b"W1^^^HOSP&1.2.3&ISO^MR~W2^^^HOSP&1.2.3&ISO^MR")
    known = len(hospital.rows("screening_result"))
    if type.startswith("ADT"):
        two = b"\r".join(two.split(b"\r")[:2])
    assert hospital.told(changed(two, 9, type)) == "AA PID^1 204 W"

    assert hospital.alerts().count("identity-conflict") == 2
    assert [row["state"] for row in hospital.rows("referral")] == ["on-hold", "on-hold"]
    assert len(hospital.rows("screening_result")) == known


def test_a_result_of_a_man_is_not_used_for_the_woman_who_had_his_number(hospital: Hospital) -> None:
    hospital.send(oru("M0", total=22))
    assert hospital.told(oru("M1", total=0).replace(b"|F\r", b"|M\r", 1)) == "AA PID^1 204 W"
    assert [row["state"] for row in hospital.rows("referral")] == ["on-hold"]
    assert "identity-conflict" in hospital.alerts()


def test_a_message_of_which_nothing_could_be_used_says_why_in_its_disposition(hospital: Hospital) -> None:
    assert hospital.told(oru().replace(b"W1^^^HOSP&1.2.3&ISO^MR", b"W1")) == "AA PID^1^3 204 W"
    assert [row["disposition"] for row in hospital.rows("inbound_message")] == ["identifier-unusable"]
    assert hospital.alerts() == ["unreadable-result"]


@pytest.mark.parametrize(
    ("accept", "application", "codes"),
    [("AL", "AL", "CA AA"), ("AL", "NE", "CA"), ("NE", "AL", "AA"), ("NE", "NE", "")],
)
def test_in_enhanced_mode_a_sender_gets_what_it_asks_for(
    hospital: Hospital, accept: str, application: str, codes: str
) -> None:
    body = changed(changed(oru(), 15, accept), 16, application)
    for _ in ("first", "again"):
        answers = hospital.answers(body)[0]
        assert [each.split(b"\r")[1][4:6].decode() for each in answers] == codes.split()


def test_a_commit_says_nothing_of_what_was_made_of_the_message(hospital: Hospital) -> None:
    body = changed(changed(oru(), 15, "AL"), 16, "AL").replace(b"W1^^^HOSP&1.2.3&ISO^MR", b"W1")
    commit, application = hospital.answers(body)[0]
    assert b"ERR" not in commit
    assert b"ERR" in application


def test_an_acknowledgement_that_comes_in_is_kept_and_not_acknowledged(hospital: Hospital) -> None:
    assert hospital.answers(changed(oru(), 9, "ACK^R01"))[0] == ()
    assert [row["reason"] for row in hospital.rows("unreadable_message")] == ["type-unsupported"]


def test_noise_is_not_answered(hospital: Hospital) -> None:
    assert hospital.answers(Frame(b"", Fault.NOISE))[0] == ()


def test_while_nothing_can_be_kept_a_sender_is_asked_to_send_again(hospital: Hospital) -> None:
    hospital.send(oru("M0"))
    hospital.service.close()
    assert said(hospital.send(oru())) == "AE 207 E"


def test_while_nothing_can_be_kept_a_sender_that_would_not_send_again_gets_no_answer(service: Service) -> None:
    hospital = Hospital(service, {"closes_when_unavailable": True})
    hospital.send(oru("M0"))
    service.close()
    with pytest.raises(Unavailable):
        hospital.answers(oru())


@pytest.mark.parametrize(("commit", "application"), [("NE", "NE"), ("SU", "NE"), ("NE", "SU"), ("SU", "SU")])
def test_while_nothing_can_be_kept_silence_never_passes_for_kept(
    hospital: Hospital, commit: str, application: str
) -> None:
    hospital.send(oru("M0"))
    hospital.service.close()
    with pytest.raises(Unavailable):
        hospital.answers(changed(changed(oru(), 15, commit), 16, application))


def test_a_message_that_we_fail_at_is_refused_kept_and_told_of(
    hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> Iterator[None]:
        raise ZeroDivisionError

    monkeypatch.setitem(READERS, ("ORU", "R01"), fail)
    assert hospital.told(oru()) == "AR 207 E"
    assert [row["reason"] for row in hospital.rows("unreadable_message")] == ["defect"]
    assert hospital.alerts() == ["unreadable-result"]


def test_on_a_plain_connection_a_message_names_its_sender(hospital: Hospital) -> None:
    sender = Client(new_id(), hospital.caller.organisation_id, OrganisationKind.HOSPITAL, frozenset(), mllp_sender=NAME)
    hospital.service.run(hospital.caller, lambda tx: tx.access.add_client(sender, hospital.service.now()))
    assert hospital.told_plainly(oru("M1")) == "AA"
    assert [row["client_id"] for row in hospital.rows("inbound_message")] == [sender.id]
    assert hospital.told_plainly(changed(oru("M2"), 4, "ELSEWHERE")) == "AR MSH^1^3 204 E"
    assert len(hospital.rows("inbound_message")) == 1
    assert [row["reason"] for row in hospital.rows("unreadable_message")] == ["sender-unknown"]


@pytest.mark.parametrize(
    ("spoilt", "expected"),
    [
        (oru().replace(b"MSH|", b"XXX|"), "AR 100 E"),
        (b"FHS|^~\\&|EHR\rBHS|^~\\&|EHR\r" + oru(), "AR 100 E"),
        (oru().decode().encode("utf-16"), "AR 100 E"),
        (oru().replace(b"MSH|^~\\&", b"MSH|^^\\&"), "AR MSH^1^2 102 E"),
        (changed(oru(), 18, "KLINGON"), "AR MSH^1^3 204 E"),
    ],
    ids=["no header", "a batch", "UTF-16", "delimiters", "a header that names its sender"],
)
def test_on_a_plain_connection_what_names_no_sender_is_told_what_is_wrong_with_it(
    hospital: Hospital, spoilt: bytes, expected: str
) -> None:
    assert hospital.told_plainly(spoilt) == expected
    assert hospital.rows("unreadable_message") == []


def unlisted(control: str, authority: str = "ELSEWHERE", **said: Any) -> bytes:
    return oru(control, **said).replace(b"HOSP&1.2.3&ISO", authority.encode())


def test_of_an_authority_that_is_not_listed_a_person_is_told_once_until_it_is_seen(hospital: Hospital) -> None:
    for number in range(5):
        assert hospital.told(unlisted(f"M{number}", woman=f"W{number}")) == "AA PID^1^3 204 W"
    (alert,) = hospital.rows("alert")
    assert (alert["code"], alert["times"], alert["version"]) == ("unreadable-result", 5, 1)
    found = hospital.service.run(hospital.caller, lambda tx: tx.alerts.get(alert["id"]))
    assert "Messages: 5." in alert_words(found, hospital.service.rules)
    assert len(hospital.rows("inbound_message", disposition="identifier-unusable")) == 5

    hospital.told(unlisted("M5", "ANOTHER"))
    assert [row["times"] for row in hospital.rows("alert")] == [5, 1]

    hospital.service.run(
        hospital.caller,
        lambda tx: move_alert(tx, hospital.service.rules, found, AlertTrigger.ACKNOWLEDGE, hospital.service.now()),
    )
    hospital.told(unlisted("M6"))
    assert sorted(row["times"] for row in hospital.rows("alert")) == [1, 1, 5]


def test_a_risk_of_nobody_who_is_known_is_told_each_time(hospital: Hospital, risky: bytes) -> None:
    for control in ("M1", "M2"):
        hospital.told(changed(risky.replace(b"HOSP&1.2.3&ISO", b"ELSEWHERE"), 10, control))
    assert hospital.alerts() == ["unreadable-risk", "unreadable-risk"]


def test_what_is_wrong_with_each_message_about_one_woman_is_told_once_of_her(hospital: Hospital) -> None:
    for number, woman in enumerate(("W1", "W1", "W2")):
        assert hospital.told(oru(f"M{number}", woman=woman, total=0, born="yesterday")) == "AA PID^1^7 102 W"
    assert sorted((row["code"], row["times"]) for row in hospital.rows("alert")) == [
        ("not-all-used", 1),
        ("not-all-used", 2),
    ]


_TXA = b"TXA|1|%s|TX|20260601110000||||||||D1^EHR\r"
_ORDER = b"OBR|1|||71354-5^EPDS^LN\r"


def document(*segments: bytes) -> bytes:
    head = MSH.format(control="M1").replace("ORU^R01^ORU_R01", "MDM^T02").encode()
    return b"\r".join((head, PID.format(woman="W1", born="19950401").encode(), *segments))


def scored(tenth: int, finished: str, available: str) -> bytes:
    """A document whose lines are the answers of a PHQ-9 in codes that everybody knows, all of them final."""
    lines = [f"OBX|{n}|NM|{code}^item^LN||2||||||F\r" for n, code in enumerate(_ITEMS, 1)]
    lines.append(f"OBX|9|NM|44260-8^item^LN||{tenth}||||||F\r")
    txa = f"TXA|1|44249-1^PHQ-9^LN|TX|20260601110000||||||||D1^EHR|||||{finished}||{available}\r"
    return changed(document(txa.encode() + "".join(lines).encode()), 10, f"D-{finished}-{available}")


_ITEMS = ("44250-9", "44255-8", "44259-0", "44254-1", "44251-7", "44258-2", "44252-5", "44253-3")


@pytest.mark.parametrize(
    ("finished", "available", "decides"),
    [
        *((each, "", True) for each in ("AU", "LA", "DO", "")),
        ("AU", "AV", True),
        *((each, "AV", False) for each in ("DI", "IN", "IP", "PA")),
        ("AU", "CA", False),
        ("AU", "OB", False),
    ],
)
def test_a_document_decides_once_it_is_finished_and_while_it_stands(
    hospital: Hospital, finished: str, available: str, decides: bool
) -> None:
    assert hospital.told(scored(0, finished, available)) == "AA"
    assert [row["state"] for row in hospital.rows("referral")] == ["placing"] * decides
    assert [row["outcome"] for row in hospital.rows("screening_result")] == ["positive" if decides else None]


def test_a_risk_in_a_document_that_is_not_finished_is_heard_and_counts_once_it_is(hospital: Hospital) -> None:
    assert hospital.told(scored(2, "IP", "")) == "AA"
    assert (hospital.alerts(), hospital.rows("referral")) == (["self-harm-present"], [])
    assert hospital.told(scored(2, "AU", "")) == "AA"
    assert [row["state"] for row in hospital.rows("referral")] == ["in-review"]


def test_a_document_that_is_deleted_takes_back_what_it_said(hospital: Hospital) -> None:
    hospital.told(scored(0, "AU", ""))
    assert hospital.told(scored(0, "AU", "CA")) == "AA"
    assert [row["state"] for row in hospital.rows("referral")] == ["closed"]


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (document(_TXA % b"71354-5^EPDS^LN" + b"OBX|1|TX|^Body||EPDS 22, answer 10 was 3||||||F"), "OBX^1^5"),
        (oru().replace(b"NM|99046-5^EPDS total^LN||0|", b"TX|REPORT^x^L||EPDS 22|"), "OBX^1^5"),
        (document(_ORDER + _TXA % b"PN" + b"OBX|1|TX|X^^L||EPDS 22||||||F"), "OBX^1^5"),
        (document(b"ORC|RE\r" + _ORDER + _TXA % b"PN" + b"OBX|1|ED|X^^L||^AP^PDF^Base64^JVBERi0=||||||F"), "OBX^1^5"),
        (oru().replace(b"||0|", b"||thirteen|"), "OBX^1^5"),
    ],
    ids=["a letter", "words in a result", "a letter to an order", "a file to an order", "a word for a number"],
)
def test_of_what_has_no_score_a_clinician_is_told_at_once_and_once(hospital: Hospital, body: bytes, place: str) -> None:
    """trust.md, E54."""
    assert hospital.told(body) == f"AA {place} 102 W"
    ((patient_id, code),) = [(row["patient_id"], row["code"]) for row in hospital.rows("alert")]
    assert (code, [row["id"] for row in hospital.rows("patient")]) == ("unscorable", [patient_id])
    hospital.service.chase(timedelta(minutes=30))
    assert hospital.alerts() == ["unscorable"]
