"""A body that could not be understood is kept; what a programme wrote in it is heard by a person all the same."""

import pytest

from service.flow.answer_alert import ReceivedAnswer, answer_alert
from service.flow.keep_unreadable import Heard, Recognised, Unreadable, Words, keep_unreadable
from service.flow.received import Received, Reference
from service.referrals.alert import AlertState, Practitioner
from service.referrals.offer import Offer
from service.shared.caller import Caller
from service.shared.ids import new_id
from tests.flow.support import Service, body

NOTE: dict[str, object] = {"text": "She sounded very low today."}


def keep(service: Service, caller: Caller, words: Words | None, recognised: Recognised = Recognised.NOTHING) -> Heard:
    unreadable = Unreadable(new_id(), b"sealed", "structure", recognised, words)
    return service.run(caller, lambda tx: keep_unreadable(tx, service.rules, unreadable, service.now()))


def naming(offer: Offer) -> dict[str, list[Reference]]:
    return {
        "the Task": [Reference("Task", offer.id)],
        "her Patient": [Reference("Organization", offer.tenant_id), Reference("Patient", offer.handles.patient)],
        "the request": [Reference("Task", "unknown"), Reference("ServiceRequest", offer.handles.service_request)],
    }


@pytest.mark.parametrize("by", ["the Task", "her Patient", "the request"])
def test_what_a_programme_wrote_is_an_alert_to_the_hospital_of_the_offer(service: Service, by: str) -> None:
    family, offer = service.supported()
    assert keep(service, family.community, Words([NOTE], naming(offer)[by])) is Heard.A_CLINICIAN
    alert = service.alert(family.woman, "unreadable-words")
    assert (alert["tenant_id"], alert["priority"], alert["referral_id"]) == (
        family.hospital.organisation_id,
        "urgent",
        offer.referral_id,
    )
    assert ("Communication", alert["id"], 1) in service.owed(family.woman)
    assert len(service.rows("unreadable_message", tenant_id=family.community.organisation_id)) == 1


def test_what_was_heard_before_is_not_said_anew(service: Service) -> None:
    family, offer = service.supported()
    about = [Reference("Task", offer.id)]
    service.update(family.community, offer.id, "in-progress", notes=(NOTE,))
    assert keep(service, family.community, Words([NOTE], about)) is Heard.NOBODY
    assert keep(service, family.community, Words([NOTE, {"text": "More."}], about)) is Heard.A_CLINICIAN
    assert service.alerts(family.woman) == ["escalation", "unreadable-words"]


def test_one_alert_stands_for_all_that_comes_until_somebody_has_seen_it(service: Service) -> None:
    family, offer = service.supported()
    words = Words([NOTE], [Reference("Task", offer.id)])
    assert [keep(service, family.community, words) for _ in range(3)] == [Heard.A_CLINICIAN] * 3
    alert = service.alert(family.woman, "unreadable-words")
    seen = ReceivedAnswer(
        Received("Task", body(), target_id=alert["id"]), alert["id"], AlertState.ACKNOWLEDGED, Practitioner("A. Test")
    )
    service.run(family.hospital, lambda tx: answer_alert(tx, service.rules, seen, service.now()))
    keep(service, family.community, words)
    assert service.alerts(family.woman) == ["unreadable-words"] * 2


def test_what_names_no_offer_of_the_sender_is_for_the_operator(service: Service) -> None:
    family, offer = service.supported()
    for about in ([], [Reference("Task", new_id())], [Reference("Task", offer.id, "https://elsewhere.example")]):
        assert keep(service, family.community, Words([NOTE], about)) is Heard.THE_OPERATOR_MUST_BE
    stranger = service.community()
    assert keep(service, stranger, Words([NOTE], naming(offer)["the Task"])) is Heard.THE_OPERATOR_MUST_BE
    assert service.alerts(family.woman) == []


def test_a_body_in_which_nobody_wrote_anything_alerts_nobody(service: Service) -> None:
    family, _ = service.supported()
    assert keep(service, family.community, None) is Heard.NOBODY
    assert keep(service, family.hospital, Words([NOTE], [])) is Heard.NOBODY
    assert service.rows("alert", tenant_id=family.hospital.organisation_id) == []


@pytest.mark.parametrize(
    ("recognised", "code"),
    [(Recognised.AN_INSTRUMENT, "unreadable-result"), (Recognised.A_CRITICAL_ANSWER, "unreadable-risk")],
)
def test_a_hospital_hears_of_a_result_that_could_not_be_read(
    service: Service, recognised: Recognised, code: str
) -> None:
    hospital = service.hospital()
    assert keep(service, hospital, None, recognised) is Heard.A_CLINICIAN
    assert [row["code"] for row in service.rows("alert", tenant_id=hospital.organisation_id)] == [code]
