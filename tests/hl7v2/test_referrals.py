"""A hospital refers by itself: REF^I12, and the RRI^I12 that answers it (v2.5.1, chapter 11)."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from service.hl7v2.segments import Message
from service.referrals.instruction import Order
from service.referrals.referral import ReferralTrigger
from tests.flow.support import Service
from tests.flow.test_review_alert import advanced
from tests.hl7v2.doors import changed
from tests.hl7v2.ward import Ward, con, message, pid

PHONE = "OBX|1|ST|PHONE^Safe^L||+44 7700 900123||||||F"
CLINICIAN = "PRD|RP|Tester^Morgan|||||C1^NHS"
PROGRAMME = "PRD|RT||||||PROGRAMME^L"


def rf1(number: str = "REF-1", **fields: str) -> str:
    """RF1; `fields` as `_8="…"`."""
    values = {1: "P", 6: f"{number}^EHR" if number else ""} | {int(place[1:]): each for place, each in fields.items()}
    return "|".join(["RF1", *(values.get(place, "") for place in range(1, max(values) + 1))])


def refer(*lines: str, number: str = "REF-1", event: str = "I12", woman: str = "W1") -> bytes:
    return message(event, rf1(number), CLINICIAN, PROGRAMME, pid(woman), *lines, type="REF")


def status(answer: Message) -> tuple[str, str, str]:
    """MSH-9, MSA-1 and RF1-1."""
    request = answer.first("RF1")
    return answer.header.raw(9), answer.segments[1].text(1), request.text(1) if request else ""


@pytest.fixture
def ward(service: Service) -> Ward:
    ward = Ward(service)
    ward.add_programme()
    return ward


def test_a_clinicians_own_word_refers_a_woman_who_has_agreed(ward: Ward) -> None:
    assert status(ward.answer(refer(con("A"), PHONE))) == ("RRI^I12^RRI_I12", "AA", "P")
    assert ward.state() == ("offered", ["requested"])


def test_without_her_yes_nothing_is_offered(ward: Ward) -> None:
    assert status(ward.answer(refer())) == ("RRI^I12^RRI_I12", "AA", "P")
    assert ward.state() == ("awaiting-consent", [])
    assert ward.alerts() == ["consent-needed"]


def test_a_yes_to_the_programme_asked_for_is_one_to_that_programme(ward: Ward) -> None:
    ward.answer(refer(con("A", code="THIS-ONE"), PHONE))
    assert ward.state() == ("offered", ["requested"])


@pytest.mark.parametrize("taken_back", [False, True])
def test_a_yes_to_another_programme_of_the_same_time_leaves_the_first_as_it_is(ward: Ward, taken_back: bool) -> None:
    other, codes = ward.service.community().organisation_id, ward.hospital.habits["codes"]
    ward.hospital.habits["codes"] = replace(codes, programmes={**codes.programmes, "OTHER": other})
    ward.answer(refer(con("A", code="THIS-ONE"), PHONE))
    asks = "PRD|RT||||||OTHER^L"
    ward.answer(message("I12", rf1("REF-2"), asks, pid(), con("A", code="THIS-ONE"), PHONE, type="REF"))
    if taken_back:
        ward.answer(message("I12", rf1("REF-2"), asks, pid(), con("X", code="THIS-ONE"), type="REF"))
    assert ward.state() == ("offered", ["requested"])
    said = {each["recipient_id"]: each["withdrawn_at"] is None for each in ward.rows("consent")}
    assert said == {ward.community.organisation_id: True, other: not taken_back}


@pytest.mark.parametrize(
    "programme",
    [
        "PRD|RT||||||PROGRAMME^L",
        "PRD|RT||||||1234567893^NPI|20260101||Riverside Peers^L^^^^^^^^PROGRAMME",
        "PRD|RT|||||||||Riverside Peers^L^PROGRAMME",
        "PRD|RT|||||||||PROGRAMME",
        "PRD|RT|||||||||Elsewhere~Riverside Peers^L^^^^^^^^PROGRAMME",
    ],
)
def test_a_programme_is_named_by_an_identifier_or_as_an_organisation(ward: Ward, programme: str) -> None:
    yes = con("A", code="THIS-ONE")
    answer = ward.answer(message("I12", rf1(), CLINICIAN, programme, pid(), yes, PHONE, type="REF"))
    assert [each.text(3) for each in answer.named("NTE")] == []
    assert ward.state() == ("offered", ["requested"])


@pytest.mark.parametrize(
    ("programme", "places"),
    [
        ("PRD|RT|||||||||SOMEBODY^L", ["PRD^1^10", "CON^1^13"]),
        ("PRD|RT||||||1^L|||SOMEBODY", ["PRD^1^7", "CON^1^13"]),
        ("PRD|RT|||||||PROGRAMME", ["PRD^1^7"]),
        (CLINICIAN, ["PRD^1"]),
    ],
    ids=["by an organisation that is not mapped", "by neither", "in the place of a date", "by no segment"],
)
def test_a_programme_that_nobody_can_tell_is_none(ward: Ward, programme: str, places: list[str]) -> None:
    answer = ward.answer(message("I12", rf1(), programme, pid(), con("A", code="THIS-ONE"), PHONE, type="REF"))
    assert [each.text(3).partition(":")[0] for each in answer.named("NTE")] == places
    assert ward.state() == ("awaiting-consent", [])


def test_a_yes_to_a_programme_that_is_not_mapped_is_none(ward: Ward) -> None:
    body = message("I12", rf1(), "PRD|RT||||||SOMEBODY^L", pid(), con("A", code="THIS-ONE"), PHONE, type="REF")
    answer = ward.answer(body)
    assert status(answer)[2] == "P"
    assert [each.text(3).partition(":")[0] for each in answer.named("NTE")] == ["PRD^1^7", "CON^1^13"]
    assert ward.state() == ("awaiting-consent", [])


def test_a_risk_in_the_same_message_is_reviewed_before_anything_is_offered(ward: Ward) -> None:
    items = [f"OBX|{n}|NM|EPDS{n}^i^L||{2 if n < 10 else 1}||||||F|||20260601110000+0000" for n in range(1, 11)]
    order = "OBR|1||F1^MAT|71354-5^EPDS^LN|||20260601110000+0000||||||||||||||||||F"
    ward.answer(refer(con("A"), PHONE, order, *items))
    assert ward.state() == ("in-review", [])
    assert ward.alerts() == ["self-harm-present"]


def test_a_risk_that_waits_for_review_keeps_a_later_referral_waiting(ward: Ward) -> None:
    order = "OBR|1||F1^MAT|71354-5^EPDS^LN|||20260601110000+0000||||||||||||||||||F"
    low = [f"OBX|{n}|NM|EPDS{n}^i^L||{0 if n < 10 else 1}||||||F|||20260601110000+0000" for n in range(1, 11)]
    assert ward.tells("R01", pid(), order, *low, type="ORU") == "AA"
    assert ward.rows("referral") == []
    ward.answer(refer(con("A"), PHONE))
    assert ward.state() == ("in-review", [])


def test_after_a_loss_a_clinician_decides_before_anything_is_offered(ward: Ward) -> None:
    ward.tells("A08", pid(), "DG1|1||O03.9^Miscarriage^I10||20260530")
    ward.answer(refer(con("A"), PHONE))
    assert ward.state() == ("on-hold", [])
    assert ward.alerts() == ["safety-event"]


@pytest.mark.parametrize("event", ["I12", "I13"])
def test_a_referral_that_is_sent_again_or_changed_is_one(ward: Ward, event: str) -> None:
    ward.answer(refer())
    assert status(ward.answer(refer(con("A"), PHONE, event=event))) == (f"RRI^{event}^RRI_I12", "AA", "P")
    assert ward.state() == ("offered", ["requested"])
    assert len(ward.rows("referral")) == 1


def test_of_a_woman_who_is_referred_already_the_open_referral_answers(ward: Ward) -> None:
    ward.positive()
    ward.answer(refer())
    assert len(ward.rows("referral")) == 1
    assert status(ward.answer(refer(event="I14"))) == ("RRI^I14^RRI_I12", "AA", "P")
    assert ward.state() == ("closed", [])


def test_a_cancellation_ends_it_once_and_is_kept_as_the_hospitals_word(ward: Ward) -> None:
    ward.answer(refer(con("A"), PHONE))
    for _ in range(2):
        assert status(ward.answer(refer(event="I14"))) == ("RRI^I14^RRI_I12", "AA", "P")
    assert ward.state() == ("closed", ["cancelled"])
    (told,) = ward.service.rows("instruction")
    assert (told["order"], told["practitioner"]) == ("close", "Morgan Tester")


@pytest.mark.parametrize("event", ["I12", "I13"])
def test_after_its_end_a_referral_is_not_opened_again_by_its_own_number(ward: Ward, event: str) -> None:
    ward.answer(refer())
    ward.answer(refer(event="I14"))
    answer = ward.answer(refer(con("A"), PHONE, event=event))
    assert status(answer) == (f"RRI^{event}^RRI_I12", "AA", "R")
    assert [each.text(3) for each in answer.named("NTE")] == ["RF1^1: Kept, but not used: this cannot be done now."]
    assert [row["state"] for row in ward.rows("referral")] == ["closed"]
    assert ward.alerts() == ["consent-needed", "not-all-used"]
    assert status(ward.answer(refer(number="REF-2", event=event)))[2] == "P"
    assert [row["state"] for row in ward.rows("referral")] == ["closed", "offered"]


def test_a_birth_date_that_cannot_be_read_does_not_make_it_a_no(ward: Ward) -> None:
    answer = ward.answer(message("I12", rf1(), pid(born="unknown"), con("A"), PHONE, type="REF"))
    assert status(answer)[1:] == ("AA", "P")
    assert [each.text(3).partition(":")[0] for each in answer.named("NTE")] == ["PID^1^7"]
    assert ward.state() == ("offered", ["requested"])


@pytest.mark.parametrize(
    ("body", "place"),
    [
        pytest.param(refer(event="I14"), "RF1^1", id="a cancellation of what was never referred"),
        pytest.param(refer(number=""), "RF1^1^6", id="no number"),
        pytest.param(message("I12", rf1(_8="20260501"), pid(), type="REF"), "RF1^1", id="a referral that is over"),
        pytest.param(message("I12", rf1(_8="01/05/2027"), pid(), type="REF"), "RF1^1^8", id="one that may be over"),
        pytest.param(message("I12", rf1(_7="20190101"), pid(), type="REF"), "RF1^1", id="one of years ago"),
        pytest.param(message("I12", rf1(_7="20270601"), pid(), type="REF"), "RF1^1", id="one of next year"),
        pytest.param(message("I12", rf1(_7="2019-01-01"), pid(), type="REF"), "RF1^1^7", id="one of nobody knows when"),
        pytest.param(message("I12", rf1(_1="R"), pid(), type="REF"), "RF1^1", id="one that was rejected"),
        pytest.param(message("I12", rf1(_1="E^Expired"), pid(), type="REF"), "RF1^1", id="one that has expired"),
        pytest.param(message("I12", rf1(_1="CLOSED"), pid(), type="REF"), "RF1^1^1", id="one that may be an end"),
        pytest.param(message("I12", rf1(), "PID|1||1", type="REF"), "PID^1^3", id="nobody"),
        pytest.param(message("I12", rf1(), pid(born="20260530"), type="REF"), "PID^1", id="a baby"),
        pytest.param(message("I12", rf1(), pid(_30="Y"), type="REF"), "RF1^1", id="a woman who has died"),
        pytest.param(message("I12", rf1(), type="REF"), "PID^1", id="no PID"),
    ],
)
def test_what_cannot_be_acted_on_is_answered_no_and_kept(ward: Ward, body: bytes, place: str) -> None:
    answer = ward.answer(body)
    assert status(answer)[1:] == ("AA", "R")
    assert next(each.text(3).partition(":")[0] for each in answer.named("NTE")) == place
    assert ward.rows("referral") == []
    assert ward.alerts() == ["not-all-used"]


@pytest.mark.parametrize("status_told", ["R", "E"])
def test_a_request_that_has_become_rejected_or_expired_ends_its_referral(ward: Ward, status_told: str) -> None:
    ward.answer(refer(con("A"), PHONE))
    answer = ward.answer(message("I13", rf1(_1=status_told, _8="20260501"), CLINICIAN, pid(), type="REF"))
    assert status(answer)[1:] == ("AA", "P")
    assert ward.state() == ("closed", ["cancelled"])


def test_a_number_that_was_taken_back_before_it_came_opens_nothing(ward: Ward) -> None:
    """The cancellation overtakes the request where that was to be sent again, or on another connection."""
    ward.answer(refer(event="I14"))
    for event in ("I12", "I13"):
        assert status(ward.answer(refer(con("A"), PHONE, event=event)))[1:] == ("AA", "R")
    assert status(ward.answer(refer(event="I14")))[2] == "R"
    assert ward.rows("referral") == []
    assert status(ward.answer(refer(con("A"), PHONE, number="REF-2")))[2] == "P"
    assert ward.state() == ("offered", ["requested"])


def test_an_old_request_is_answered_for_by_the_referral_that_is_open(ward: Ward) -> None:
    ward.positive()
    assert status(ward.answer(message("I13", rf1(_7="20190101"), pid(), type="REF")))[2] == "P"
    assert len(ward.rows("referral")) == 1


def test_another_womans_number_is_not_hers_and_nobody_knows_whom_its_end_means(ward: Ward) -> None:
    ward.answer(refer())
    answer = ward.answer(refer(event="I14", woman="W2"))
    assert status(answer)[2] == "R"
    assert [row["state"] for row in ward.rows("referral")] == ["on-hold"]
    assert "identity-conflict" in ward.alerts()


def test_a_message_that_is_not_taken_gets_a_plain_acknowledgement(ward: Ward) -> None:
    answer = ward.answer(changed(refer(), 11, "T"))
    assert status(answer) == ("ACK^I12^ACK", "AR", "")


@pytest.mark.parametrize(
    ("commit", "application", "types"),
    [("", "", ["RRI"]), ("AL", "AL", ["ACK", "RRI"]), ("AL", "NE", ["ACK"]), ("NE", "AL", ["RRI"])],
)
def test_the_answer_stands_in_the_place_of_the_applications_acknowledgement(
    ward: Ward, commit: str, application: str, types: list[str]
) -> None:
    body = changed(changed(refer(), 15, commit), 16, application)
    (answers,) = ward.hospital.answers(body)
    assert [each.split(b"|")[8].split(b"^")[0].decode() for each in answers] == types


PAUSED = ("on-hold", ["held-by-service"])


def test_an_end_under_a_number_that_is_not_known_pauses_contact_with_her_once(ward: Ward) -> None:
    ward.supported()
    answer = ward.answer(refer(number="REF-9", event="I14"))
    assert status(answer) == ("RRI^I14^RRI_I12", "AA", "R")
    assert ward.state() == PAUSED
    assert ward.alerts() == ["not-all-used", "unreadable-refusal"]

    ward.service.tell(ward.hospital.caller, ward.service.referral(ward.woman()).id, Order.RESUME)
    assert ward.state() == ("supported", ["in-progress"])
    ward.answer(refer(number="REF-9", event="I14"))
    assert ward.state() == ("supported", ["in-progress"])


def test_an_end_under_another_womans_number_pauses_contact_with_both(ward: Ward) -> None:
    for woman in ("W1", "W2"):
        ward.answer(refer(number=f"REF-{woman}", woman=woman))
    ward.answer(refer(number="REF-W1", event="I14", woman="W2"))
    assert [ward.state(each)[0] for each in ("W1", "W2")] == ["on-hold", "on-hold"]
    assert ward.alerts().count("identity-conflict") == 2


UNFIT = {
    "without a number": message("I14", rf1(""), pid(), type="REF"),
    "without RF1": message("I14", pid(), type="REF"),
    "without a number of hers": message("I14", rf1(), "PID|1||1", type="REF"),
    "without PID": message("I14", rf1(), type="REF"),
    "of two": message("I14", rf1(), pid(), pid("W9"), type="REF"),
    "by a status that is not known": message("I13", rf1(_1="CLOSED"), pid(), type="REF"),
}


@pytest.mark.parametrize("body", UNFIT.values(), ids=UNFIT)
def test_an_end_that_does_not_fit_pauses_contact_once(ward: Ward, body: bytes) -> None:
    ward.supported()
    ward.answer(refer())
    for control in ("E1", "E2"):
        assert ward.answer(changed(body, 10, control)).segments[1].text(1) == "AA"
        assert ward.alerts().count("unreadable-refusal") == 1
        if control == "E1":
            assert ward.state() == PAUSED
            advanced(ward.service, ward.woman(), ReferralTrigger.RESUMED)
    assert ward.state()[0] == "supported"


@pytest.mark.parametrize("born", ["19850505", "20260530"])
def test_an_end_of_one_who_may_be_another_is_told_beside_the_doubt(ward: Ward, born: str) -> None:
    ward.supported()
    ward.answer(refer())
    assert status(ward.answer(message("I14", rf1(), pid(born=born), type="REF")))[1:] == ("AA", "R")
    assert ward.state() == PAUSED
    assert set(ward.alerts()) - {"not-all-used"} == {"identity-conflict", "unreadable-refusal"}


@pytest.mark.parametrize("request_", [rf1(_8="20260501"), rf1(_8="01/05/2027")], ids=["is over", "may be over"])
def test_what_says_until_when_a_referral_may_be_taken_up_ends_none(ward: Ward, request_: str) -> None:
    ward.supported()
    ward.answer(refer())
    assert status(ward.answer(message("I13", request_, pid(), type="REF")))[2] == "R"
    assert (ward.state()[0], ward.alerts()) == ("supported", ["not-all-used"])


def test_an_end_under_the_number_of_a_referral_is_of_its_woman_though_its_message_is_refused(ward: Ward) -> None:
    ward.supported()
    ward.answer(refer())
    for control in ("E1", "E2"):
        end = changed(changed(refer(event="I14", woman="W9"), 10, control), 12, "9.9")
        assert ward.hospital.told(end).startswith("AR")
        assert ward.alerts() == ["unreadable-refusal"]
        if control == "E1":
            assert ward.state() == PAUSED
            advanced(ward.service, ward.woman(), ReferralTrigger.RESUMED)
    assert ward.state()[0] == "supported"


def test_an_end_of_nothing_that_is_open_wakes_nobody(ward: Ward) -> None:
    ward.answer(refer(event="I14"))
    assert ward.alerts() == ["not-all-used"]


ENDS = {
    "I14": refer(event="I14"),
    "a status": message("I13", rf1("REF-9", _1="E"), pid(), type="REF"),
    "without a number": message("I14", pid(), type="REF"),
}


@pytest.mark.parametrize("body", ENDS.values(), ids=ENDS)
@pytest.mark.parametrize(
    "spoil",
    [lambda body: changed(body, 12, "9.9"), lambda body: body + b"no segment\r", lambda body: b"BHS|^~\\&\r" + body],
    ids=["another version", "a line that is no segment", "a batch"],
)
def test_an_end_in_a_message_that_is_refused_pauses_contact(
    ward: Ward, body: bytes, spoil: Callable[[bytes], bytes]
) -> None:
    ward.supported()
    assert ward.hospital.told(spoil(body)).startswith("AR")
    assert ward.state() == PAUSED
    assert ward.alerts() == ["unreadable-refusal"]


def test_an_end_in_a_message_that_is_refused_of_nobody_who_is_known_is_told(ward: Ward) -> None:
    assert ward.hospital.told(changed(ENDS["I14"], 12, "9.9")).startswith("AR")
    assert ward.alerts() == ["unnamed-refusal"]


@pytest.mark.parametrize(("number", "value"), [(9, "REF^I12"), (11, "T")], ids=["a request", "a test"])
def test_what_ends_nothing_pauses_nothing(ward: Ward, number: int, value: str) -> None:
    ward.supported()
    refused = changed(changed(ENDS["I14"], number, value), 12, "9.9")
    assert ward.hospital.told(refused).startswith("AR")
    assert (ward.state(), ward.alerts()) == (("supported", ["accepted"]), [])
