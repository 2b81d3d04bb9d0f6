"""What is told of messages that cannot be read, by the codes of the hospital that sent them."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from service.hl7v2.dialect import ANY_ORDER
from service.hl7v2.frame import Fault, Frame, Framer, framed
from service.referrals.referral import ReferralTrigger
from service.screening.instrument import CodeUse, Role
from service.shared.caller import OrganisationKind
from service.shared.client import Client
from service.shared.ids import new_id
from tests.flow.support import Service
from tests.flow.test_review_alert import advanced
from tests.hl7v2.doors import MSH, PID, Hospital, changed
from tests.hl7v2.test_events import ITEM, PAUSED
from tests.hl7v2.ward import Ward, con, cx, message, pid

OWN = {f"Q-{number}": CodeUse("epds", Role.ITEM, number) for number in range(1, 11)}
RISK, NO_RISK = 3, 0
TOLD = {RISK: ["unreadable-risk"], NO_RISK: ["unreadable-result"]}


@pytest.fixture
def hospital(service: Service) -> Hospital:
    return Hospital(service, {"forms": {"SCREEN": OWN, ANY_ORDER: {}}, "panels": {"SCREEN": "epds"}})


@pytest.fixture
def ward(service: Service) -> Ward:
    return Ward(service)


@pytest.fixture
def bereaved(ward: Ward) -> Hospital:
    """One whose record tells of losses and of consent."""
    return ward.hospital


def own(tenth: int, control: str = "M1") -> bytes:
    """A form in the hospital's own codes, with this as its answer to the question about harm."""
    lines = [MSH.format(control=control), PID.format(woman="W1", born="19950401"), f"OBR|1||F-{control}|SCREEN^Form^L"]
    lines += [f"OBX|{n}|NM|Q-{n}^item^L||{tenth if n == 10 else 0}||||||F" for n in range(1, 11)]
    return "\r".join((*lines, "")).encode()


def batch(body: bytes) -> bytes:
    return b"FHS|^~\\&|EHR|MATERNITY\rBHS|^~\\&|EHR|MATERNITY\r" + body + b"BTS|1\rFTS|1\r"


SPOILT: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "a second message in the frame": (lambda body: body + own(NO_RISK, "M2"), "AR 100 E"),
    "behind another in the frame": (lambda body: own(NO_RISK, "M2") + body, "AR 100 E"),
    "a batch": (batch, "AR 100 E"),
    "delimiters that are one": (lambda body: body.replace(b"^~\\&", b"^^\\&", 1), "AR MSH^1^2 102 E"),
    "UTF-16 with its mark": (lambda body: body.decode().encode("utf-16"), "AR 100 E"),
    "UTF-16 without": (lambda body: body.decode().encode("utf-16-be"), "AR 100 E"),
    "no header": (lambda body: body.partition(b"\r")[2], "AR 100 E"),
    "an order that is no segment": (lambda body: body.replace(b"OBR|1", b"OBR 1"), "AR 100 E"),
}


@pytest.mark.parametrize("tenth", TOLD)
@pytest.mark.parametrize("spoilt", SPOILT)
def test_a_result_that_cannot_be_read_is_told_to_a_person_once(hospital: Hospital, spoilt: str, tenth: int) -> None:
    spoil, expected = SPOILT[spoilt]
    body = spoil(own(tenth))
    assert [hospital.told(body) for _ in range(2)] == [expected] * 2
    assert hospital.alerts() == TOLD[tenth]
    assert len(hospital.rows("unreadable_message")) == 1
    assert hospital.rows("screening_result") == []


@pytest.mark.parametrize("code", ["SCREEN", "Q-10"])
def test_the_hospitals_own_code_anywhere_in_what_has_no_segments_is_told(hospital: Hospital, code: str) -> None:
    assert hospital.told(f"result;{code};3".encode()) == "AR 100 E"
    assert hospital.alerts() == ["unreadable-result"]


@pytest.mark.parametrize("spoilt", ["a batch", "delimiters that are one", "UTF-16 with its mark", "no header"])
def test_what_speaks_of_no_form_calls_nobody(hospital: Hospital, spoilt: str) -> None:
    spoil, expected = SPOILT[spoilt]
    assert hospital.told(spoil(own(RISK).partition(b"OBR")[0])) == expected
    assert hospital.alerts() == []


@pytest.mark.parametrize("fault", [Fault.TOO_LONG, Fault.CUT_SHORT])
@pytest.mark.parametrize(
    ("type", "told"),
    [
        ("ORU^R01", ["unreadable-result"]),
        ("mdm^T02", ["unreadable-result"]),
        ("REF^I12", ["unreadable-result"]),
        ("ADT^A08", []),
    ],
)
def test_what_was_cut_may_have_held_a_result_behind_the_cut(
    hospital: Hospital, type: str, told: list[str], fault: Fault
) -> None:
    before, _, _ = own(RISK).partition(b"OBR")
    cut = Frame(changed(before, 9, type) + b"NTE|1||" + b"x" * 5_000, fault)
    for _ in range(2):
        assert hospital.told(cut).startswith("AR")
    assert hospital.alerts() == told


def test_a_risk_before_the_cut_is_told_as_a_risk(hospital: Hospital) -> None:
    assert hospital.told(Frame(own(RISK) + b"NTE|1||x", Fault.TOO_LONG)) == "AR 207 E"
    assert hospital.alerts() == ["unreadable-risk"]


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("tenth", TOLD)
def test_what_stands_behind_the_end_of_a_frame_is_kept_and_told_and_not_answered(
    hospital: Hospital, tenth: int, plain: bool
) -> None:
    names = Client(
        new_id(), hospital.caller.organisation_id, OrganisationKind.HOSPITAL, frozenset(), mllp_sender="EHR|MATERNITY"
    )
    hospital.service.run(hospital.caller, lambda tx: tx.access.add_client(names, hospital.service.now()))
    torn = own(tenth).replace(b"OBX|2|", b"NTE|1||a text\x1c\r with its end\rOBX|2|")
    framer = Framer()
    frames = [*framer.feed(framed(torn) * 2)]
    frames.append(framer.flush() or Frame(b""))
    assert [each.fault for each in frames] == [None, Fault.OUTSIDE] * 2
    for each in frames:
        (answers,) = hospital.answers(each, plain=plain)
        assert [b"MSA|AA|M1" in answer for answer in answers] == ([True] if each.fault is None else [])
    (kept,) = hospital.rows("unreadable_message")
    assert (kept["reason"], kept["type"]) == ("outside-frame", "ORU^R01")
    assert [each for each in hospital.alerts() if each.startswith("unreadable-")] == TOLD[tenth]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("DG1|1||O03.9^Miscarriage^I10||20260530", "unnamed-event"),
        ("CON|1|PEER^Peer support^L|||||||||R||20260520", "unnamed-refusal"),
    ],
    ids=["a loss", "a no"],
)
def test_what_is_told_behind_the_end_of_a_frame_reaches_a_person(ward: Ward, line: str, told: str) -> None:
    framer = Framer()
    whole = message("A08", pid(), "NTE|1||a text\x1c", " with its end", line)
    frames = [*framer.feed(framed(whole)), framer.flush() or Frame(b"")]
    assert [each.fault for each in frames] == [None, Fault.OUTSIDE]
    for each in frames:
        ward.hospital.answers(each)
    assert ward.alerts() == [told]


REFUSED: dict[str, tuple[Callable[[bytes], bytes | Frame], str]] = {
    "no control id": (lambda body: changed(body, 10, ""), "AR MSH^1^10 101 E"),
    "no type": (lambda body: changed(body, 9, ""), "AR MSH^1^9 101 E"),
    "no event": (lambda body: changed(body, 9, "ADT"), "AR MSH^1^9^1^2 201 E"),
    "an event that is not taken": (lambda body: changed(body, 9, "ADT^Z99"), "AR MSH^1^9^1^2 201 E"),
    "nothing of whether it is a test": (lambda body: changed(body, 11, ""), "AR MSH^1^11 202 E"),
    "neither care nor a test": (lambda body: changed(body, 11, "PROD"), "AR MSH^1^11 202 E"),
    "a version that there is not": (lambda body: changed(body, 12, "9.9"), "AR MSH^1^12 203 E"),
    "a character set that is not known": (lambda body: changed(body, 18, "KLINGON"), "AR MSH^1^18 103 E"),
    "a line that is no segment": (lambda body: body + b"and a line break\r", "AR 100 E"),
    "too long": (lambda body: Frame(body, Fault.TOO_LONG), "AR 207 E"),
    "a batch": (batch, "AR 100 E"),
}
LOSSES = {
    "a loss among the diagnoses": ("ADT^A08", "DG1|1||O03.9^Miscarriage^I10||20260530"),
    "a loss in a result": ("ORU^R01", "OBX|1|CWE|63893-2^Outcome^LN||237364002^Stillbirth^SCT||||||P"),
}


def telling(type: str, line: str, died: str = "") -> bytes:
    head = changed(MSH.format(control="M1").encode() + b"\r", 9, type).decode()
    return (head + PID.format(woman="W1", born="19950401") + "|" * 22 + died + f"\r{line}\r").encode()


@pytest.mark.parametrize(("type", "line"), LOSSES.values(), ids=LOSSES)
@pytest.mark.parametrize(("spoil", "expected"), REFUSED.values(), ids=REFUSED)
def test_a_loss_in_a_message_that_is_refused_is_urgent_and_names_the_number(
    bereaved: Hospital, spoil: Callable[[bytes], bytes | Frame], expected: str, type: str, line: str
) -> None:
    assert [bereaved.told(spoil(telling(type, line))) for _ in range(2)] == [expected] * 2
    told = bereaved.rows("alert", code="unnamed-event")
    assert [(each["priority"], each["topic"]) for each in told] == [("urgent", "W1 (HOSP)")]


def test_of_two_messages_without_a_header_that_differ_in_whose_they_are_both_are_told(bereaved: Hospital) -> None:
    hers = telling(*LOSSES["a loss among the diagnoses"]).partition(b"\r")[2]
    for body in (hers, hers.replace(b"W1", b"W2"), hers):
        assert bereaved.told(body) == "AR 100 E"
    assert [each["topic"] for each in bereaved.rows("alert", code="unnamed-event")] == ["W1 (HOSP)", "W2 (HOSP)"]


@pytest.mark.parametrize(("type", "line"), LOSSES.values(), ids=LOSSES)
@pytest.mark.parametrize(("spoil", "expected"), REFUSED.values(), ids=REFUSED)
def test_a_loss_of_a_woman_who_is_known_pauses_contact_though_its_message_is_refused(
    ward: Ward, spoil: Callable[[bytes], bytes | Frame], expected: str, type: str, line: str
) -> None:
    ward.supported()
    for control in ("M1", "M2"):
        assert ward.hospital.told(spoil(changed(telling(type, line), 10, control))) == expected
        assert ward.state() == PAUSED
    assert [each for each in ward.alerts() if each != "unreadable-result"] == ["safety-event"]


def test_a_death_in_a_message_that_is_refused_pauses_and_ends_contact_when_it_is_taken(ward: Ward) -> None:
    ward.supported()
    death = telling("ADT^A08", "PV1|1|I", died="Y")
    for version, expected, state in (("9.9", "AR MSH^1^12 203 E", PAUSED), ("2.5.1", "AA", ("closed", ["cancelled"]))):
        assert ward.hospital.told(changed(death, 12, version)) == expected
        assert ward.state() == state
    assert "unnamed-event" not in ward.alerts()


def test_her_death_in_a_message_that_is_refused_is_told_though_an_event_before_it_was_reviewed(ward: Ward) -> None:
    ward.supported()
    events = (("ZXX|1|CARE", ""), ("PV1|1|I", "Y"), (LOSSES["a loss among the diagnoses"][1], ""))
    for told, (line, died) in enumerate(events, 1):
        for control in ("M1", "M2"):
            refused = changed(telling("ADT^A08", line, died), 10, f"{control}-{told}")
            assert ward.hospital.told(changed(refused, 12, "9.9")).startswith("AR")
            assert ward.alerts() == ["safety-event"] * told
        assert ward.state() == PAUSED
        advanced(ward.service, ward.woman(), ReferralTrigger.RESUMED)


@pytest.mark.parametrize("line", ["PV1|1|I", "and a line|break", "pv1|1|I"], ids=["whole", "in a text", "miswritten"])
def test_a_death_behind_a_line_break_in_her_pid_pauses_contact(ward: Ward, line: str) -> None:
    ward.supported()
    death = telling("ADT^A08", line, died="Y").replace(b"Tessie", b"Tes\rsie Mary")
    assert ward.hospital.told(death) == "AR 100 E"
    assert (ward.state(), ward.alerts()) == (PAUSED, ["safety-event"])


STRANGER = PID.format(woman="W2", born="19950401")
LOSS_IN_A_RESULT = LOSSES["a loss in a result"][1]


@pytest.mark.parametrize(
    ("type", "lines", "fault", "told"),
    [
        pytest.param("ORU^R01", [STRANGER.replace("|", " ", 1), LOSS_IN_A_RESULT], None, "W1", id="a PID not read"),
        pytest.param("ORU^R01", [STRANGER, LOSS_IN_A_RESULT], None, "W2", id="of another, who is not known"),
        pytest.param("ADT^A08", [STRANGER, LOSSES["a loss among the diagnoses"][1]], None, "W1, W2", id="of two"),
        pytest.param("ADT^A08", [LOSSES["a loss among the diagnoses"][1]], Fault.OUTSIDE, "W1", id="outside a frame"),
    ],
)
def test_a_loss_in_a_refused_message_of_which_it_is_not_certain_whose_it_is_pauses_nobody(
    ward: Ward, type: str, lines: list[str], fault: Fault | None, told: str
) -> None:
    ward.supported()
    head, hers, *_ = telling(type, "ZZZ").decode().split("\r")
    order = ["OBR|1||F1|OTHER^Other^L", "OBX|1|ST|OTHER^Other^L||x||||||F"] if type == "ORU^R01" else []
    body = "\r".join((head, hers, *order, *lines, "")).encode()
    ward.hospital.answers(Frame(changed(body, 12, "9.9"), fault))
    assert ward.state() == ("supported", ["accepted"])
    assert [each["topic"].replace(" (HOSP)", "") for each in ward.rows("alert", code="unnamed-event")] == [told]


@pytest.mark.parametrize(
    ("born", "other_number", "paused"),
    [("19950401", "", True), ("", "", True), ("19850505", "", False), ("19950401", "W3", False)],
    ids=["hers", "none", "another's", "and a number of another woman"],
)
@pytest.mark.parametrize("told", [*LOSSES, "her death", "her baby's"])
def test_what_a_refused_message_tells_is_hers_only_where_it_does_not_contradict_what_is_known_of_her(
    ward: Ward, told: str, born: str, other_number: str, paused: bool
) -> None:
    ward.supported()
    ward.tells("A28", pid("W3", born="19850505"))
    numbers = "~".join(filter(None, (cx("W1"), other_number and cx(other_number))))
    type, line = LOSSES.get(told, ("ADT^A08", "PV1|1|I"))
    her = pid(_3=numbers, born=born, **({"_30": "Y"} if told == "her death" else {}))
    if told == "her baby's":
        her, paused = pid("B1", born="20260530", _21=numbers, _30="Y"), not other_number
    head = changed(MSH.format(control="M1").encode() + b"\r", 9, type).decode()
    body = "\r".join((head.strip(), her, "OBR|1||F1|OTHER^Other^L" if type == "ORU^R01" else line, line, "")).encode()
    assert ward.hospital.told(changed(body, 12, "9.9")) == "AR MSH^1^12 203 E"
    assert ward.state() == (PAUSED if paused else ("supported", ["accepted"]))
    codes = [each for each in ward.alerts() if each != "unreadable-result"]
    assert codes == ["safety-event" if paused else "unnamed-event"]


@pytest.mark.parametrize(("born", "hers"), [("19950401", True), ("", True), ("19850505", False)])
def test_a_no_of_a_woman_who_is_known_stops_contact_though_its_message_is_refused(
    ward: Ward, born: str, hers: bool
) -> None:
    ward.supported()
    for control in ("N1", "N2"):
        no = message("A08", pid(born=born), con("R"), control=control)
        assert ward.hospital.told(changed(no, 12, "9.9")) == "AR MSH^1^12 203 E"
        assert ward.state() == (PAUSED if hers else ("supported", ["accepted"]))
    assert ward.alerts() == (["unreadable-refusal"] if hers else ["unnamed-refusal"] * 2)
    assert ward.sends(message("A08", pid(), con("R"))) == "AA"
    assert ward.state() == ("closed", ["cancelled"])


@pytest.mark.parametrize(
    ("number", "value", "born", "hers"),
    [
        pytest.param(12, "9.9", "19950401", True, id="another version"),
        pytest.param(10, "USED", "19950401", True, id="the control id of another message"),
        pytest.param(18, "KLINGON", "19950401", True, id="another character set"),
        pytest.param(12, "9.9", "19850505", False, id="another birth date"),
        pytest.param(11, "T", "19950401", False, id="a test"),
    ],
)
def test_a_risk_of_a_woman_who_is_known_takes_back_what_nobody_answered_though_its_message_is_refused(
    ward: Ward, number: int, value: str, born: str, hers: bool
) -> None:
    ward.add_programme()
    ward.tells("A08", *ward.agrees())
    ward.positive()
    ward.hospital.told(message("A08", pid(), control="USED"))
    for _ in range(2):
        refused = changed(message("R01", pid(born=born), *ITEM, type="ORU"), number, value)
        assert ward.hospital.told(refused).startswith("AR MSH")
    assert ward.state() == (("in-review", ["cancelled"]) if hers else ("offered", ["requested"]))
    risks = [each["patient_id"] for each in ward.rows("alert") if each["code"] in ("self-harm-present", *TOLD[RISK])]
    assert set(risks) == {ward.woman() if hers else None}


def test_a_risk_is_told_as_one_though_nobody_can_find_out_whose_it_is(
    hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.hl7v2.refused.results_in", lambda *_: 1 / 0)
    assert hospital.told(changed(own(RISK), 12, "9.9")).startswith("AR")
    assert hospital.alerts() == ["unreadable-risk"]


def test_a_risk_of_a_woman_who_is_known_that_cannot_be_used_takes_back_what_nobody_answered(ward: Ward) -> None:
    ward.add_programme()
    ward.tells("A08", *ward.agrees())
    ward.positive()
    obr, obx = ITEM
    assert ward.tells("R01", pid(), obr.removesuffix("F") + "X", obx, type="ORU") == "AA OBR^1^25 102 W"
    assert ward.state() == ("in-review", ["cancelled"])
    assert ward.alerts() == ["self-harm-present"]


def test_a_no_that_was_taken_before_is_no_news_in_a_message_that_is_refused(ward: Ward) -> None:
    ward.add_programme()
    assert ward.tells("A08", pid(), con("R", "20260519")) == "AA"
    assert ward.tells("A08", *ward.agrees()) == "AA"
    ward.positive()
    assert ward.hospital.told(changed(message("A08", pid(), con("R", "20260519")), 12, "9.9")).startswith("AR")
    assert ward.state() == ("offered", ["requested"])
    assert ward.alerts() == []


def refused(body: bytes) -> bytes:
    return changed(body, 12, "9.9")


@pytest.mark.parametrize(
    ("said", "alerts"),
    [
        pytest.param([con("R", "20260519")], 0, id="older than her yes"),
        pytest.param([con("R", "20260521")], 1, id="newer"),
        pytest.param([con("R", "")], 1, id="of no time"),
        pytest.param(["OBX|1|ST|PHONE^Safe^L||N||||||F"], 1, id="to the way to reach her"),
    ],
)
def test_a_no_that_is_refused_again_and_again_pauses_contact_once_unless_she_has_agreed_since(
    ward: Ward, said: list[str], alerts: int
) -> None:
    ward.supported()
    for _ in range(2):
        assert ward.hospital.told(refused(message("A08", pid(), *said))).startswith("AR")
        assert ward.alerts() == ["unreadable-refusal"] * alerts
        if ward.state() == PAUSED:
            advanced(ward.service, ward.woman(), ReferralTrigger.RESUMED)
    assert ward.state()[0] == "supported"


def test_an_older_no_of_one_who_has_not_agreed_is_told(ward: Ward) -> None:
    ward.tells("A28", pid())
    assert ward.hospital.told(refused(message("A08", pid(), con("R", "20260519")))).startswith("AR")
    assert ward.alerts() == ["unreadable-refusal"]


@pytest.mark.parametrize("decided", ["", "20260521"], ids=["undated", "dated"])
@pytest.mark.parametrize(
    "no", [con("R", "{}"), "OBX|1|ST|PHONE^Safe^L||N||||||F|||{}"], ids=["to be referred", "to be rung"]
)
def test_a_refused_no_that_was_reviewed_is_told_again_only_when_it_is_another(
    ward: Ward, no: str, decided: str
) -> None:
    ward.supported()
    for told, said in (1, decided), (1, decided), (2, "20260522"), (2, decided), (2, "20260522"):
        ward.service.pass_time(timedelta(hours=1))
        control = new_id()
        order = message("O01", pid(), "ORC|NW", f"OBR|1|{control}", no.format(said), type="ORM", control=control[-20:])
        assert ward.hospital.told(changed(order, 7, f"{ward.service.now():%Y%m%d%H%M%S}+0000")).startswith("AR")
        assert ward.alerts() == ["unreadable-refusal"] * told
        if ward.state() == PAUSED:
            advanced(ward.service, ward.woman(), ReferralTrigger.RESUMED)
    ward.service.pass_time(timedelta(days=7))
    ward.hospital.told(refused(message("A08", pid(), no.format(decided))))
    assert ward.alerts() == ["unreadable-refusal"] * 3


@pytest.mark.parametrize("no", [con("R", ""), "OBX|1|ST|PHONE^Safe^L||N||||||F"], ids=["to be referred", "to be rung"])
def test_a_refused_no_that_was_reviewed_is_told_again_after_a_new_yes(ward: Ward, no: str) -> None:
    ward.supported()
    for told, number in (1, "900124"), (2, "900125"):
        assert ward.hospital.told(refused(message("A08", pid(), no))).startswith("AR")
        assert (ward.state(), ward.alerts()) == (PAUSED, ["unreadable-refusal"] * told)
        advanced(ward.service, ward.woman(), ReferralTrigger.RESUMED)
        phone = f"OBX|1|ST|PHONE^Safe^L||+44 7700 {number}||||||F|||2026052{told}"
        assert ward.tells("A08", pid(), con("A", f"2026052{told}"), phone) == "AA"


NO_TO_OTHERS = {
    "another that she was never asked about": ("ELSEWHERE", []),
    "everybody": ("ANYONE", ["unreadable-refusal"]),
    "one that nobody knows": ("CLOSED", ["unreadable-refusal"]),
}


@pytest.mark.parametrize("decided", ["", "20260521"], ids=["undated", "newer"])
@pytest.mark.parametrize(("code", "told"), NO_TO_OTHERS.values(), ids=NO_TO_OTHERS)
def test_a_refused_no_pauses_nobody_where_nothing_rests_on_whom_it_is_about(
    ward: Ward, code: str, told: list[str], decided: str
) -> None:
    ward.supported()
    for type in (9, "ORM^O01"), (12, "9.9"):
        assert ward.hospital.told(changed(message("A08", pid(), con("R", decided, code=code)), *type)).startswith("AR")
    assert (ward.state(), set(ward.alerts())) == (PAUSED if told else ("supported", ["accepted"]), set(told))


def test_a_refused_no_to_another_pauses_where_she_has_said_yes_to_that_one_or_to_nobody(ward: Ward) -> None:
    ward.tells("A28", pid("W2"))
    ward.supported()
    hers, _, phone = ward.agrees()
    assert ward.tells("A08", hers, con("A", code="ELSEWHERE"), phone) == "AA"
    for woman in ("W1", "W2"):
        no = con("R", "20260521", code="ELSEWHERE")
        assert ward.hospital.told(refused(message("A08", pid(woman), no))).startswith("AR")
    assert (ward.state(), ward.alerts()) == (PAUSED, ["unreadable-refusal"] * 2)


def test_a_risk_that_was_reviewed_is_told_again_by_a_message_that_is_refused_only_when_it_is_worse(ward: Ward) -> None:
    obr, obx = ITEM
    alerts = 0
    for value, taken, news in (("2", True, 1), ("2", False, 0), ("1", False, 0), ("3", False, 1), ("3", False, 0)):
        for beside in ("NTE|1||a", "NTE|1||b") if news == 0 and value != "3" else ("NTE|1||c",):
            body = message("R01", pid(), obr, obx.replace("||2|", f"||{value}|"), beside, type="ORU")
            assert ward.hospital.told(body if taken else refused(body)).startswith("AA" if taken else "AR")
        alerts += news
        assert ward.alerts() == ["self-harm-present"] * alerts


def test_a_risk_of_another_day_is_news_in_a_message_that_is_refused(ward: Ward) -> None:
    assert ward.tells("R01", pid(), *ITEM, type="ORU").startswith("AA")
    other = [each.replace("20260601110000", "20260531110000") for each in ITEM]
    assert ward.hospital.told(refused(message("R01", pid(), *other, type="ORU"))).startswith("AR")
    assert ward.alerts() == ["self-harm-present"] * 2


def test_a_death_and_a_no_in_a_message_that_is_refused_are_told(bereaved: Hospital) -> None:
    no = "CON|1|PEER^Peer support^L|||||||||R||20260520"
    assert bereaved.told(changed(telling("ADT^A08", no, died="Y"), 12, "9.9")) == "AR MSH^1^12 203 E"
    assert bereaved.alerts() == ["unnamed-event", "unnamed-refusal"]


IN_ANY_FORM: dict[str, Callable[[bytes], bytes]] = {
    "as it is": bytes,
    "with a line that is no segment": lambda body: body + b"and a line break\r",
    "a second message in the frame": lambda body: body + body,
    "a header in small letters": lambda body: b"msh" + body[3:],
    **{form: SPOILT[form][0] for form in SPOILT if "batch" in form or "UTF" in form or "delimiters" in form},
}


@pytest.mark.parametrize("processing", "TD")
@pytest.mark.parametrize("spoil", IN_ANY_FORM.values(), ids=IN_ANY_FORM)
def test_a_test_is_one_in_whatever_form_it_comes(ward: Ward, spoil: Callable[[bytes], bytes], processing: str) -> None:
    ward.supported()
    for lines in ([LOSSES["a loss among the diagnoses"][1]], [con("R")], ["OBR|1||F1|71354-5^EPDS^LN"]):
        assert ward.hospital.told(spoil(changed(message("A08", pid(), *lines), 11, processing))).startswith("AR")
    assert (ward.state(), ward.alerts()) == (("supported", ["accepted"]), [])


def test_a_loss_is_no_test_because_another_message_in_its_frame_is_one(ward: Ward) -> None:
    ward.supported()
    loss = message("A08", pid(), LOSSES["a loss among the diagnoses"][1])
    assert ward.hospital.told(changed(message("A08"), 11, "T") + loss) == "AR 100 E"
    assert ward.state() == PAUSED


NOT_TAKEN = ["ORM^O01", "SIU^S12", "DFT"]
TOLD_OF_HER = {
    "a loss": ("W1", {}, LOSSES["a loss among the diagnoses"][1], "safety-event"),
    "a loss in an order": ("W1", {}, LOSSES["a loss in a result"][1], "safety-event"),
    "her death": ("W1", {"_30": "Y"}, "PV1|1|O", "safety-event"),
    "her baby's death": ("B1", {"born": "20260530", "_21": cx("W1"), "_30": "Y"}, "PV1|1|O", "safety-event"),
    "a no": ("W1", {}, con("R"), "unreadable-refusal"),
}


@pytest.mark.parametrize("type", NOT_TAKEN)
@pytest.mark.parametrize("told", TOLD_OF_HER)
def test_what_a_message_of_a_type_that_is_not_taken_tells_of_a_woman_who_is_known_pauses_contact_once(
    ward: Ward, told: str, type: str
) -> None:
    ward.supported()
    number, fields, line, alert = TOLD_OF_HER[told]
    for _ in range(3):
        body = changed(message("A08", pid(number, **fields), "ORC|NW", "OBR|1|P1|F1|OTHER^Other^L", line), 9, type)
        assert ward.hospital.told(body) == "AR MSH^1^9^1^1 200 E"
    assert (ward.state(), ward.alerts()) == (PAUSED, [alert])


@pytest.mark.parametrize(
    ("lines", "told"), [([], []), (["OBX|1|NM|99046-5^EPDS total^LN||4||||||F"], ["unreadable-result"])]
)
def test_an_order_for_a_questionnaire_calls_nobody_and_what_is_answered_in_it_does(
    ward: Ward, lines: list[str], told: list[str]
) -> None:
    asked = message("O01", pid(), "ORC|NW|P1", "OBR|1|P1||71354-5^EPDS^LN", *lines, type="ORM")
    assert ward.hospital.told(asked) == "AR MSH^1^9^1^1 200 E"
    assert ward.alerts() == told


@pytest.mark.parametrize("told", TOLD_OF_HER)
def test_of_everybody_else_in_a_feed_that_is_not_taken_nobody_hears(ward: Ward, told: str) -> None:
    ward.supported()
    _, fields, line, _ = TOLD_OF_HER[told]
    for number, born in (("W2", "19950401"), ("W1", "19850505")):
        said = {"born": born, **fields, **({"_21": cx("W2")} if "_21" in fields else {})}
        ward.hospital.told(changed(message("A08", pid(number, **said), line), 9, "BAR^P01"))
    assert (ward.state(), ward.alerts()) == (("supported", ["accepted"]), [])


@pytest.mark.parametrize(("type", "told"), [("ADT_A08", 1), ("AD_A0A011", 1), ("x", 1), ("BAR^P01", 0)])
def test_what_is_of_no_type_that_there_is_may_have_been_of_one_that_is_taken(ward: Ward, type: str, told: int) -> None:
    loss = LOSSES["a loss among the diagnoses"][1]
    assert ward.hospital.told(changed(message("A08", pid("W1"), pid("W2"), loss), 9, type)).startswith("AR")
    assert ward.alerts() == ["unnamed-event"] * told


@pytest.mark.parametrize(
    ("number", "born", "told"),
    [
        ("W1", "19950401", "self-harm-present"),
        ("W1", "19850505", "unreadable-risk"),
        ("W2", "19950401", "unreadable-risk"),
    ],
)
def test_a_risk_in_a_message_of_a_type_that_is_not_taken_is_told_of_her_where_she_is_known(
    ward: Ward, number: str, born: str, told: str
) -> None:
    ward.supported()
    assert ward.hospital.told(message("R01", pid(number, born=born), *ITEM, type="OUL")) == "AR MSH^1^9^1^1 200 E"
    assert ward.alerts() == [told]


@pytest.mark.parametrize("order", ["OBR|1||F1|OTHER^Other^L|||20260601||||||||||||||||||P", ""], ids=["other", "none"])
@pytest.mark.parametrize(
    ("answer", "letter", "told"),
    [
        *((RISK, letter, ["self-harm-present"]) for letter in "PRSIFO"),
        *((RISK, letter, []) for letter in "DWX"),
        (NO_RISK, "P", []),
        (NO_RISK, "O", []),
        (NO_RISK, "F", ["unreadable-result"]),
    ],
)
def test_a_risk_that_stands_under_another_order_need_not_be_final_to_be_told(
    hospital: Hospital, order: str, answer: int, letter: str, told: list[str]
) -> None:
    obx = f"OBX|1|NM|Q-10^item^L||{answer}||||||{letter}|||20260601"
    lines = [MSH.format(control="M1"), PID.format(woman="W1", born="19950401"), order, obx]
    assert hospital.told("\r".join((*filter(None, lines), "")).encode()) == ("AA OBX^1^3 103 W" if told else "AA")
    assert [(each["code"], each["patient_id"] is not None) for each in hospital.rows("alert")] == [
        (c, True) for c in told
    ]
