"""Words that name two women are told to nobody, by whichever door they come, and each of their clinics hears of it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from service.flow.answer import Accepted, Answer, Reason, Refused, Repeated, Told
from service.flow.keep_reports import STATUS_REASON, Reported
from service.flow.receive_update import receive_update
from service.flow.received import Naming, Received
from service.flow.received_update import ReceivedUpdate
from service.referrals.contact import ContactOutcome
from service.referrals.escalation import Said
from service.referrals.offer import Offer, OfferState, display_of
from service.shared.caller import Caller
from service.shared.ids import new_id
from tests.flow.support import DAY, Family, Service, body, second_woman, why

WORDS = "She hurt herself, her name is Anna."
SEVERAL, TOLD = Told.SEVERAL_CLINICS, Told.HER_CLINICIAN_ALL_THE_SAME
NUMBER = "+44 20 7946 0000"


@pytest.fixture
def service(shared_service: Service) -> Service:
    """On each database in turn: whom words name is asked of it in statements of its own."""
    return shared_service


def by_handle(offer: Offer) -> Naming:
    return Naming(displays=frozenset({display_of(offer.id)}))


def by_id(offer: Offer) -> Naming:
    return Naming(frozenset({offer.id}))


def note(service: Service, family: Family, offer: Offer, naming: Naming, status: str = "accepted") -> Answer:
    return service.update(family.community, offer.id, status, notes=({"text": WORDS},), naming=naming)


def contact(service: Service, family: Family, offer: Offer, naming: Naming, **named: Any) -> Answer:
    return service.contact(family.community, offer, said=Said((WORDS,)), naming=naming, **named)


def escalations(service: Service, *offers: Offer) -> list[Any]:
    return [row for each in offers for row in service.rows("escalation", offer_id=each.id)]


Send = Callable[[Service, Family, Offer, Offer], Answer]
DOORS: dict[str, Send] = {
    "a Task that is taken": lambda service, family, offer, other: note(service, family, offer, by_handle(other)),
    "a Task that is refused": lambda service, family, offer, other: note(
        service, family, offer, by_id(other), "requested"
    ),
    "a Task that is not there": lambda service, family, offer, other: service.update(
        family.community, new_id(), "accepted", notes=({"text": WORDS},), naming=by_id(other) | by_id(offer)
    ),
    "a contact that is taken": lambda service, family, offer, other: contact(service, family, offer, by_handle(other)),
    "a contact that is refused": lambda service, family, offer, other: contact(
        service, family, offer, by_id(other), outcome=ContactOutcome.ATTENDED, started_at=service.now() + DAY
    ),
    "a contact of two": lambda service, family, offer, other: contact(
        service, family, offer, by_id(other) | by_id(offer), service_request=other.handles.service_request
    ),
    "a contact of two, the other way": lambda service, family, offer, other: contact(
        service, family, offer, by_id(other) | by_id(offer), patient=other.handles.patient
    ),
}


@pytest.mark.parametrize("door", DOORS)
def test_each_clinic_is_asked_to_ring_and_the_answer_says_so(service: Service, door: str) -> None:
    family, offer = service.supported(telephone=NUMBER)
    hospital, woman, other = second_woman(service, family)
    answer = DOORS[door](service, family, offer, other)
    assert answer.told is SEVERAL, answer
    assert isinstance(answer, Refused) is ("taken" not in door)
    for caller, her in ((family.hospital, family.woman), (hospital, woman)):
        alert = service.alert(her, "unreadable-words")
        assert (alert["tenant_id"], alert["telephone"]) == (caller.organisation_id, NUMBER)
    assert escalations(service, offer, other) == []
    assert service.alerts(family.woman) == service.alerts(woman) == ["unreadable-words"]


def test_what_is_withheld_is_told_once_and_kept_where_no_hospital_reads(service: Service) -> None:
    family, offer = service.supported()
    _, woman, other = second_woman(service, family)
    assert isinstance(note(service, family, offer, by_handle(other)), Accepted)
    again = note(service, family, offer, by_handle(other))
    assert (isinstance(again, Repeated), again.told) == (True, SEVERAL)
    assert service.alerts(woman) == service.alerts(family.woman) == ["unreadable-words"]
    shown = service.read(family.hospital, lambda tx: tx.offers.reports([offer.id], "note"))
    assert shown == {}
    # Said of one woman alone it is heard.
    alone = note(service, family, offer, Naming())
    assert (isinstance(alone, Accepted), alone.told) == (True, None)
    assert service.alerts(family.woman) == ["unreadable-words", "escalation"]
    assert service.alerts(woman) == ["unreadable-words"]


def test_a_reason_that_names_two_women_is_not_what_the_hospital_reads_beside_the_status(service: Service) -> None:
    family, offer = service.supported()
    _, woman, other = second_woman(service, family)
    reason = Reported(STATUS_REASON, {"text": WORDS}, Said((WORDS,)), by_handle(other))

    def fail(expected_version: int | None) -> Answer:
        received = Received("Task", body(), target_id=offer.id, expected_version=expected_version)
        message = ReceivedUpdate(received, offer.id, None, OfferState.FAILED, WORDS, WORDS, (), (reason,))
        return service.run(family.community, lambda tx: receive_update(tx, service.rules, message, service.now()))

    stale = fail(99)
    assert (why(stale), stale.told) == ("version-stale", SEVERAL)
    moved = fail(None)
    assert (isinstance(moved, Accepted), moved.told) == (True, SEVERAL)
    ended = service.read(family.community, lambda tx: tx.offers.get(offer.id))
    assert (ended.state, ended.status_reason, ended.business_status) == (OfferState.FAILED, None, None)
    assert service.alerts(woman).count("unreadable-words") >= 1
    assert escalations(service, offer, other) == []


def test_an_earlier_message_and_a_contact_name_their_woman(service: Service) -> None:
    family, offer = service.supported()
    _, woman, other = second_woman(service, family)
    service.update(family.community, other.id, "accepted")
    made = service.contact(family.community, other)
    assert isinstance(made, Accepted)
    assert note(service, family, offer, Naming(frozenset({made.id}))).told is SEVERAL
    assert service.alerts(woman) == ["unreadable-words"]


@pytest.mark.parametrize("named", [True, False])
def test_a_worry_about_a_task_that_is_not_there_is_heard(service: Service, named: bool) -> None:
    family, offer = service.supported()
    naming = Naming(frozenset({offer.handles.service_request})) if named else Naming()

    def send(caller: Caller, labels: tuple[str, ...] = (), **sent: Any) -> Answer:
        return service.update(caller, new_id(), "accepted", naming=naming, labels=labels, **sent)

    answer = send(family.community, notes=({"text": WORDS},))
    assert (why(answer), answer.told) == (Reason.NOT_FOUND, TOLD if named else Told.THE_ONE_HOSPITAL)
    code = "escalation" if named else "unnamed-words"
    (alert,) = service.rows("alert", code=code, tenant_id=family.hospital.organisation_id)
    assert (alert["priority"], alert["patient_id"]) == ("urgent", family.woman if named else None)
    (kept,) = service.rows("escalation", alert_id=alert["id"])
    assert (kept["type"], kept["said"]["texts"]) == ("Task" if named else "Communication", [WORDS])
    # A program alone says nothing, and whoever works with nobody has to be told of by the operator.
    assert send(family.community, labels=("Walk",)).told is None
    assert send(service.community(), notes=({"text": WORDS},)).told is Told.THE_OPERATOR_MUST_BE


def test_words_in_a_contact_of_nobody_are_put_to_the_hospital_it_may_be_about(service: Service) -> None:
    family, offer = service.supported()
    answer = contact(service, family, offer, Naming(), patient=new_id(), service_request=new_id())
    assert (why(answer), answer.told) == (Reason.SUBJECT_UNKNOWN, Told.THE_ONE_HOSPITAL)
    assert len(service.rows("alert", code="unnamed-words", tenant_id=family.hospital.organisation_id)) == 1


def test_two_that_name_each_other_at_once_lock_their_women_in_one_order(service: Service) -> None:
    family, offer = service.supported()
    _, woman, other = second_woman(service, family)
    service.update(family.community, other.id, "accepted")
    both = ((offer, other), (other, offer))

    def send(number: int) -> Answer:
        one, two = both[number % 2]
        return note(service, family, one, by_id(two))

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, range(24)))
    assert {answer.told for answer in answers} == {SEVERAL}
    for her in (family.woman, woman):
        assert set(service.alerts(her)) == {"unreadable-words"}
