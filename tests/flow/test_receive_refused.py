"""What a programme wrote in a body that is refused is heard by a person all the same, once."""

import pytest

from service.flow.answer import Told
from service.flow.hear_words import Words
from service.flow.keep_unreadable import Unreadable
from service.flow.receive_unreadable import UnreadableWords, receive_refused
from service.flow.received import Naming
from service.referrals.escalation import Said
from service.referrals.offer import Offer, display_of
from service.shared.caller import Caller
from service.shared.ids import new_id
from tests.flow.support import Service, second_woman

WORDS = "She sounded very low today."
TOLD, UNREAD = Told.HER_CLINICIAN_ALL_THE_SAME, Told.HER_CLINICIAN_UNREAD


def refuse(
    service: Service,
    caller: Caller,
    *ids: str,
    address: str | None = None,
    texts: tuple[str, ...] = (WORDS,),
    displays: frozenset[str] = frozenset(),
    is_json: bool = True,
) -> Told | None:
    unreadable = Unreadable(new_id(), b"sealed", new_id(), "structure", type="Task")
    words = Words("Task", Said(texts), Naming(frozenset(ids), displays), "|".join(texts))
    message = UnreadableWords(unreadable, words, is_json, address)
    return service.run(caller, lambda tx: receive_refused(tx, service.rules, message, service.now()))


def naming(offer: Offer) -> dict[str, list[str]]:
    return {
        "the Task": [offer.id],
        "her Patient": [offer.tenant_id, offer.handles.patient],
        "the request": ["unknown", offer.handles.service_request],
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
    task = offer.id
    for texts in ((WORDS,), (WORDS, "More."), (WORDS, "More."), ("Other.",)):
        assert refuse(service, family.community, address=task, texts=texts) is TOLD
    said = sorted(each["said"]["texts"] for each in service.rows("escalation", offer_id=offer.id))
    assert said == [["More."], ["Other."], [WORDS]]
    assert service.alerts(family.woman) == ["escalation"] * 3


def test_what_its_sender_was_shown_is_no_word_of_its_own(service: Service) -> None:
    family, offer = service.supported()
    for texts in ((), (display_of(offer.id),)):
        assert refuse(service, family.community, address=offer.id, texts=texts) is None
    assert service.alerts(family.woman) == []


@pytest.mark.parametrize("is_json", [True, False])
def test_a_task_that_it_was_sent_to_says_whose_it_is(service: Service, is_json: bool) -> None:
    family, offer = service.supported()
    _, strangers = service.supported()
    assert refuse(service, family.community, strangers.id, address=offer.id, is_json=is_json) is TOLD
    assert service.alerts(family.woman) == ["escalation"]


@pytest.mark.parametrize("is_json", [True, False])
@pytest.mark.parametrize("by_address", [True, False])
def test_of_what_names_two_women_each_clinic_is_asked_to_ring_and_told_no_word(
    service: Service, is_json: bool, by_address: bool
) -> None:
    family, offer = service.supported()
    hospital, woman, other = second_woman(service, family)
    ids, address = ((), offer.id) if by_address else ((offer.handles.patient,), None)
    for _ in range(2):
        told = refuse(service, family.community, *ids, other.id, address=address, is_json=is_json)
        assert told is Told.SEVERAL_CLINICS
    for caller, her in ((family.hospital, family.woman), (hospital, woman)):
        alert = service.alert(her, "unreadable-words")
        assert (alert["tenant_id"], alert["priority"]) == (caller.organisation_id, "urgent")
    assert service.rows("escalation") == []
    # What its sender had read itself is nobody's word.
    assert refuse(service, family.community, *ids, other.id, address=address, texts=(display_of(other.id),)) is None


def test_of_what_is_no_json_an_id_alone_passes_no_word_on(service: Service) -> None:
    family, offer = service.supported()
    assert refuse(service, family.community, *naming(offer)["the Task"], is_json=False) is UNREAD
    assert service.alerts(family.woman) == ["unreadable-words"]
    assert service.rows("escalation", offer_id=offer.id) == []


def test_what_names_nobody_is_put_to_the_hospital_it_may_be_about_once_a_day(service: Service) -> None:
    family, offer = service.supported()
    for about in ((), (new_id(),), ("unknown",)):
        assert refuse(service, family.community, *about) is Told.THE_ONE_HOSPITAL
    assert len(service.rows("alert", code="unnamed-words", tenant_id=family.hospital.organisation_id)) == 1
    stranger = service.community()
    assert refuse(service, stranger, *naming(offer)["the Task"]) is Told.THE_OPERATOR_MUST_BE
    assert service.alerts(family.woman) == []
