"""What a programme wrote in a body that is refused is heard by a person all the same, once."""

import pytest

from service.flow.keep_unreadable import Unreadable
from service.flow.receive_communication import Told
from service.flow.receive_unreadable import UnreadableWords, receive_refused
from service.flow.received import Reference
from service.referrals.escalation import Said
from service.referrals.offer import Offer, display_of
from service.shared.caller import Caller
from service.shared.ids import new_id
from tests.flow.support import Service

WORDS = "She sounded very low today."
TOLD, UNREAD = Told.HER_CLINICIAN_OF_A_REFUSAL, Told.HER_CLINICIAN_UNREAD


def refuse(
    service: Service,
    caller: Caller,
    *about: Reference,
    address: Reference | None = None,
    texts: tuple[str, ...] = (WORDS,),
    displays: frozenset[str] = frozenset(),
    is_json: bool = True,
) -> Told | None:
    unreadable = Unreadable(new_id(), b"sealed", new_id(), "structure", type="Task")
    message = UnreadableWords(unreadable, about, displays, Said(texts), "|".join(texts), is_json, address)
    return service.run(caller, lambda tx: receive_refused(tx, service.rules, message, service.now()))


def naming(offer: Offer) -> dict[str, list[Reference]]:
    return {
        "the Task": [Reference("Task", offer.id)],
        "her Patient": [Reference("Organization", offer.tenant_id), Reference("Patient", offer.handles.patient)],
        "the request": [Reference("Task", "unknown"), Reference("ServiceRequest", offer.handles.service_request)],
    }


@pytest.mark.parametrize("by", ["the Task", "her Patient", "the request"])
def test_what_names_one_offer_goes_to_her_clinician_with_its_words(service: Service, by: str) -> None:
    family, offer = service.supported()
    assert refuse(service, family.community, *naming(offer)[by]) is TOLD
    alert = service.alert(family.woman, "escalation")
    assert (alert["tenant_id"], alert["priority"]) == (family.hospital.organisation_id, "urgent")
    (kept,) = service.rows("escalation", alert_id=alert["id"])
    assert (kept["type"], kept["said"]["texts"]) == ("Task", [WORDS])
    assert len(service.rows("unreadable_message", tenant_id=family.community.organisation_id)) == 1


def test_what_was_heard_is_not_said_anew_and_what_is_new_is(service: Service) -> None:
    family, offer = service.supported()
    service.update(family.community, offer.id, "in-progress", notes=({"text": WORDS},))
    task = Reference("Task", offer.id)
    for texts in ((WORDS,), (WORDS, "More."), (WORDS, "More."), ("Other.",)):
        assert refuse(service, family.community, address=task, texts=texts) is TOLD
    said = sorted(each["said"]["texts"] for each in service.rows("escalation", offer_id=offer.id))
    assert said == [["More."], ["Other."], [WORDS]]
    assert service.alerts(family.woman) == ["escalation"] * 3


def test_what_its_sender_was_shown_is_no_word_of_its_own(service: Service) -> None:
    family, offer = service.supported()
    for texts in ((), (display_of(offer.id),)):
        assert refuse(service, family.community, address=Reference("Task", offer.id), texts=texts) is None
    assert service.alerts(family.woman) == []


@pytest.mark.parametrize("is_json", [True, False])
def test_a_task_that_it_was_sent_to_says_whose_it_is(service: Service, is_json: bool) -> None:
    family, offer = service.supported()
    _, other = service.supported()
    sent = {"address": Reference("Task", offer.id), "is_json": is_json}
    assert refuse(service, family.community, Reference("Task", other.id), **sent) is TOLD  # type: ignore[arg-type]
    assert service.alerts(family.woman) == ["escalation"]


def test_of_what_is_no_json_an_id_alone_passes_no_word_on(service: Service) -> None:
    family, offer = service.supported()
    assert refuse(service, family.community, *naming(offer)["the Task"], is_json=False) is UNREAD
    assert service.alerts(family.woman) == ["unreadable-words"]
    assert service.rows("escalation", offer_id=offer.id) == []


def test_what_names_nobody_is_put_to_the_hospital_it_may_be_about_once_a_day(service: Service) -> None:
    family, offer = service.supported()
    for about in ((), (Reference("Task", new_id()),), (Reference("Task", offer.id, "https://elsewhere.example"),)):
        assert refuse(service, family.community, *about) is Told.THE_ONE_HOSPITAL
    assert len(service.rows("alert", code="unnamed-words", tenant_id=family.hospital.organisation_id)) == 1
    stranger = service.community()
    assert refuse(service, stranger, *naming(offer)["the Task"]) is Told.THE_OPERATOR_MUST_BE
    assert service.alerts(family.woman) == []
