"""A programme tells a clinician that it is worried: in any state, once, and to one hospital only."""

import hashlib
from typing import Any

import pytest

from service.flow.answer import Accepted, Repeated
from service.flow.answer_alert import ReceivedAnswer, answer_alert
from service.flow.receive_communication import Kept, ReceivedCommunication, Told, receive_communication
from service.flow.received import Identifier, Received, Reference
from service.referrals.alert import AlertState, Practitioner
from service.referrals.escalation import Concern, Said
from service.referrals.offer import Offer
from service.screening.instrument import Priority
from service.shared.caller import Caller, the_service
from service.shared.ids import new_id
from tests.flow.support import DAY, HOUR, Family, Service, body, piece, scores

WORDS = Said(("She sounded very low today.",))
NAME = Identifier("urn:programme", "message-1")


def tell(
    service: Service,
    caller: Caller,
    *about: Reference,
    said: Said = WORDS,
    names: tuple[Identifier, ...] = (),
    content: bytes | None = None,
) -> Kept:
    content = content or body()
    fingerprint = hashlib.sha256(content).hexdigest()
    message = ReceivedCommunication(Received("Communication", content, names), about, said, fingerprint)
    return service.run(caller, lambda tx: receive_communication(tx, service.rules, message, service.now()))


def task(offer: Offer) -> Reference:
    return Reference("Task", offer.id)


def acknowledge(service: Service, family: Family, alert_id: str, role: str | None = "Midwife") -> None:
    seen = ReceivedAnswer(
        Received("Task", body(), target_id=alert_id), alert_id, AlertState.ACKNOWLEDGED, Practitioner(None, role)
    )
    answer = service.run(family.hospital, lambda tx: answer_alert(tx, service.rules, seen, service.now()))
    assert isinstance(answer, Accepted)


def told_of(service: Service, offer: Offer) -> list[Any]:
    found = service.read(the_service(""), lambda tx: tx.escalations.answered([offer.id]))
    return found.get(offer.id, [])


@pytest.mark.parametrize("by", ["Task", "Patient", "ServiceRequest", "Consent", "Observation"])
def test_what_is_told_is_an_urgent_alert_to_the_hospital_of_the_offer(service: Service, by: str) -> None:
    family, offer = service.supported()
    handles = offer.handles
    ids = {
        "Task": offer.id,
        "Patient": handles.patient,
        "ServiceRequest": handles.service_request,
        "Consent": handles.consent,
        "Observation": handles.observation,
    }
    kept = tell(service, family.community, Reference("Organization", offer.tenant_id), Reference(by, ids[by]))
    assert isinstance(kept.answer, Accepted)
    assert kept.told is Told.HER_CLINICIAN
    alert = service.alert(family.woman, "escalation")
    assert (alert["tenant_id"], alert["priority"], alert["referral_id"]) == (
        family.hospital.organisation_id,
        "urgent",
        offer.referral_id,
    )
    assert ("Communication", alert["id"], 1) in service.owed(family.woman)
    ((escalation, raised),) = told_of(service, offer)
    assert (escalation.id, escalation.said, raised.id) == (kept.answer.id, WORDS, alert["id"])


STATES = {
    "offered": (),
    "rejected": ("rejected",),
    "accepted": ("accepted",),
    "in-progress": ("accepted", "in-progress"),
    "on-hold": ("accepted", "on-hold"),
    "completed": ("accepted", "completed"),
    "failed": ("accepted", "failed"),
    "cancelled": ("accepted", "cancelled"),
}


@pytest.mark.parametrize("state", STATES)
def test_it_is_heard_in_every_state_of_the_offer(service: Service, state: str) -> None:
    family, offer = service.offered()
    for status in STATES[state]:
        service.update(family.community, offer.id, status, "As agreed.")
    before = service.alerts(family.woman).count("escalation")
    assert tell(service, family.community, task(offer)).told is Told.HER_CLINICIAN
    assert service.alerts(family.woman).count("escalation") == before + 1


def test_it_is_heard_after_a_withdrawal_and_when_its_tombstone_is_gone(service: Service) -> None:
    family, offer = service.supported()
    service.withdraw(family)
    assert tell(service, family.community, task(offer)).told is Told.HER_CLINICIAN
    service.pass_time(400 * DAY)
    service.run(the_service(new_id()), lambda tx: tx.tidy(service.now(), service.rules))
    assert service.poll(family.community) == []
    assert tell(service, family.community, Reference("Patient", offer.handles.patient)).told is Told.HER_CLINICIAN
    service.update(family.community, offer.id, "completed", notes=({"text": "She rang me again."},))
    assert service.alerts(family.woman).count("escalation") == 3


@pytest.mark.parametrize(
    ("said", "priority"),
    [
        (Said(("x",)), "urgent"),
        (Said(("x",), called=Priority.ROUTINE), "routine"),
        (Said(("x",), called=Priority.URGENT), "urgent"),
        (Said((), frozenset({Concern.OUTSIDE_ROLE})), "routine"),
        (Said((), frozenset({Concern.OUTSIDE_ROLE, Concern.GETTING_WORSE})), "urgent"),
        (Said((), frozenset({Concern.HARM_TO_SELF}), Priority.ROUTINE), "urgent"),
        (Said(), "urgent"),
    ],
)
def test_the_alert_is_as_urgent_as_what_was_said(service: Service, said: Said, priority: str) -> None:
    family, offer = service.supported()
    tell(service, family.community, task(offer), said=said)
    alert = service.alert(family.woman, "escalation")
    minutes = service.rules.policy(offer.tenant_id).acknowledge_within_minutes[Priority(priority)]
    assert (alert["priority"], (alert["due_at"] - alert["raised_at"]).total_seconds()) == (priority, minutes * 60)


def test_the_same_message_is_told_once(service: Service) -> None:
    family, offer = service.supported()
    first = tell(service, family.community, task(offer), names=(NAME,))
    again = tell(service, family.community, task(offer), names=(NAME,))  # the same words in other bytes
    assert again.answer == Repeated("Communication", first.answer.id, 1)
    unnamed = tell(service, family.community, task(offer), content=b'{"no": "name"}')
    assert tell(service, family.community, task(offer), content=b'{"no": "name"}').answer == Repeated(
        "Communication", unnamed.answer.id, 1
    )
    assert service.alerts(family.woman) == ["escalation"] * 2


def test_the_same_bytes_without_a_name_are_heard_anew_on_another_day(service: Service) -> None:
    family, offer = service.supported()
    tell(service, family.community, task(offer), content=b'{"no": "name"}')
    service.pass_time(DAY + HOUR)
    assert isinstance(tell(service, family.community, task(offer), content=b'{"no": "name"}').answer, Accepted)
    assert service.alerts(family.woman) == ["escalation"] * 2


def test_other_words_under_a_known_identifier_are_heard_all_the_same(service: Service) -> None:
    family, offer = service.supported()
    first = tell(service, family.community, task(offer), names=(NAME,))
    other = tell(service, family.community, task(offer), names=(NAME,), said=Said(("Now she is worse.",)))
    assert (other.identifier_taken, isinstance(other.answer, Accepted)) == (True, True)
    assert other.answer.id != first.answer.id
    assert len(told_of(service, offer)) == 2


def second_woman(service: Service, family: Family) -> tuple[Caller, str, Offer]:
    """Of another hospital, offered to the same programme."""
    hospital, (district,) = service.hospital(), family.programme.districts
    woman = service.woman(hospital, district=district)
    service.consent(hospital, woman, family.community)
    service.result(hospital, woman, piece(15, scores(15)))
    (offer,) = service.offers(woman)
    return hospital, woman, offer


def test_what_names_two_women_is_told_to_both_clinics_without_a_word_of_it(service: Service) -> None:
    family, offer = service.supported()
    hospital, woman, other = second_woman(service, family)
    kept = tell(service, family.community, task(offer), Reference("Patient", other.handles.patient))
    assert (kept.told, isinstance(kept.answer, Accepted)) == (Told.SEVERAL_CLINICS, True)
    for caller, her in ((family.hospital, family.woman), (hospital, woman)):
        assert service.alert(her, "unreadable-words")["tenant_id"] == caller.organisation_id
    assert service.rows("escalation") == []


def test_a_woman_of_another_programme_is_not_this_ones_to_name(service: Service) -> None:
    family, offer = service.supported()
    other_family, other = service.supported()
    assert tell(service, family.community, task(offer), task(other)).told is Told.HER_CLINICIAN
    assert service.alerts(other_family.woman) == []


def test_what_names_no_offer_of_the_caller_is_kept_for_the_operator(service: Service) -> None:
    family, offer = service.supported()
    elsewhere = Reference("Task", offer.id, "https://elsewhere.example/fhir")
    for about in ((), (Reference("Task", new_id()),), (elsewhere,), (Reference("Patient", family.woman),)):
        kept = tell(service, family.community, *about)
        assert (kept.told, isinstance(kept.answer, Accepted)) == (Told.THE_OPERATOR_MUST_BE, True)
        assert service.rows("resource_version", type="Communication", id=kept.answer.id) != []
    assert tell(service, service.community(), task(offer)).told is Told.THE_OPERATOR_MUST_BE
    assert service.alerts(family.woman) == []


def test_an_answer_to_an_earlier_message_is_about_the_same_woman(service: Service) -> None:
    family, offer = service.supported()
    first = tell(service, family.community, task(offer))
    assert tell(service, family.community, Reference("Communication", first.answer.id)).told is Told.HER_CLINICIAN
    stranger = tell(service, service.community(), Reference("Communication", first.answer.id))
    assert stranger.told is Told.THE_OPERATOR_MUST_BE


def test_what_became_of_it_shows_on_the_task_and_brings_it_to_the_next_poll(service: Service) -> None:
    family, offer = service.supported()
    tell(service, family.community, task(offer))
    (seen,) = service.poll(family.community)
    assert seen.version == offer.version + 1
    service.pass_time(HOUR)
    acknowledge(service, family, service.alert(family.woman, "escalation")["id"])
    (answered,) = service.poll(family.community)
    assert answered.version == seen.version + 1
    ((_, alert),) = told_of(service, offer)
    assert (alert.acknowledged_at, alert.acknowledged_by_role) == (service.now(), "Midwife")


def test_an_alert_that_no_programme_raised_moves_no_task_when_it_is_answered(service: Service) -> None:
    family, offer = service.supported()
    service.update(family.community, offer.id, "cancelled", "We have nobody.")
    (before,) = service.poll(family.community)
    acknowledge(service, family, service.alert(family.woman, "returned")["id"])
    assert service.poll(family.community) == [before]


def test_whoever_acknowledged_first_stays_the_one_who_did(service: Service) -> None:
    family, offer = service.supported()
    tell(service, family.community, task(offer))
    alert_id = service.alert(family.woman, "escalation")["id"]
    acknowledge(service, family, alert_id, "Midwife")
    before = service.now()
    service.pass_time(HOUR)
    alert = service.read(the_service(""), lambda tx: tx.alerts.get(alert_id))
    assert alert.seen_by(Practitioner(None, "Consultant"), service.now()) == alert
    assert (alert.acknowledged_by_role, alert.acknowledged_at) == ("Midwife", before)
