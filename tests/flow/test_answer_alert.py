"""A hospital answers an alert: seen, or dealt with."""

from typing import Any

import pytest

from service.flow.answer import Accepted, Answer, Reason, Refused, Repeated
from service.flow.answer_alert import ReceivedAnswer, answer_alert
from service.flow.received import Identifier, Received, Reference
from service.referrals.alert import NOBODY_NAMED, AlertState, Practitioner
from service.shared.caller import Caller
from service.shared.ids import new_id
from tests.flow.support import DAY, FACTS, Service, body, piece, scores, why

STATES = {"requested": AlertState.OPEN, "accepted": AlertState.ACKNOWLEDGED, "completed": AlertState.RESOLVED}


MIDWIFE = Practitioner("Test Midwife Marlow", "Midwife")


def answer(
    service: Service,
    caller: Caller,
    id: str,
    status: str,
    expected_version: int | None = None,
    by: Practitioner = MIDWIFE,
    subject: Reference | None = None,
    referral: Reference | None = None,
) -> Answer:
    received = Received("Task", body(), target_id=id, expected_version=expected_version)
    message = ReceivedAnswer(received, id, STATES.get(status), by, subject=subject, referral=referral)
    return service.run(caller, lambda tx: answer_alert(tx, service.rules, message, service.now()))


def alerted(service: Service, code: str) -> tuple[Caller, str, dict[str, Any]]:
    """A hospital, a woman of its, and the alert raised for her."""
    family = service.family(places=0 if code == "unplaced" else 5)
    service.result(family.hospital, family.woman, piece(15, scores(15, 0 if code == "unplaced" else 1)))
    return family.hospital, family.woman, service.alert(family.woman, code)


def test_an_alert_that_was_seen_does_not_climb_and_can_then_be_dealt_with(service: Service) -> None:
    hospital, woman, alert = alerted(service, "unplaced")
    assert answer(service, hospital, alert["id"], "accepted") == Accepted("Task", alert["id"], 2)
    service.chase(DAY)
    assert service.alert(woman, "unplaced")["rung"] == 0
    assert answer(service, hospital, alert["id"], "accepted") == Repeated("Task", alert["id"], 2)
    assert answer(service, hospital, alert["id"], "completed", expected_version=2) == Accepted("Task", alert["id"], 3)
    assert service.alert(woman, "unplaced")["state"] == "resolved"
    assert why(answer(service, hospital, alert["id"], "accepted")) == "already-answered"


def test_what_is_no_review_and_was_seen_by_a_link_does_not_climb(service: Service) -> None:
    hospital, woman, alert = alerted(service, "unplaced")
    received = Received("Task", body(), target_id=alert["id"])
    message = ReceivedAnswer(received, alert["id"], AlertState.ACKNOWLEDGED, MIDWIFE, until=service.now())
    service.run(hospital, lambda tx: answer_alert(tx, service.rules, message, service.now()))
    service.chase(DAY)
    assert service.alert(woman, "unplaced")["rung"] == 0


@pytest.mark.parametrize("status", ["accepted", "completed"])
def test_nobody_answers_without_a_name_and_whoever_is_named_then_is_heard(service: Service, status: str) -> None:
    hospital, woman, alert = alerted(service, "unplaced")
    nameless = answer(service, hospital, alert["id"], status, by=Practitioner(None, "Midwife"))
    assert nameless == Refused(Reason.PRACTITIONER_REQUIRED, "output")
    unanswered = service.alert(woman, "unplaced")
    assert (unanswered["state"], unanswered["acknowledged_at"], unanswered["version"]) == ("open", None, 1)
    assert why(answer(service, hospital, alert["id"], status)) == "accepted"
    assert service.alert(woman, "unplaced")["acknowledged_by"] == MIDWIFE.name


def test_what_somebody_has_acknowledged_is_dealt_with_by_the_status_alone(service: Service) -> None:
    hospital, woman, alert = alerted(service, "unplaced")
    answer(service, hospital, alert["id"], "accepted")
    assert why(answer(service, hospital, alert["id"], "completed", by=NOBODY_NAMED)) == "accepted"
    assert service.alert(woman, "unplaced")["acknowledged_by"] == MIDWIFE.name


def test_a_review_is_not_over_by_a_status_alone(service: Service) -> None:
    hospital, woman, alert = alerted(service, "self-harm-present")
    assert why(answer(service, hospital, alert["id"], "accepted")) == "accepted"
    assert why(answer(service, hospital, alert["id"], "completed")) == "review-outcome-required"
    assert service.alert(woman, "self-harm-present")["state"] == "acknowledged"
    assert service.states(woman) == ("in-review", [])


@pytest.mark.parametrize("status", ["rejected", "cancelled", "draft", "in-progress", ""])
def test_anything_else_is_refused(service: Service, status: str) -> None:
    hospital, woman, alert = alerted(service, "unplaced")
    assert why(answer(service, hospital, alert["id"], status)) == "transition-not-allowed"
    assert service.alert(woman, "unplaced")["version"] == 1


def test_an_answer_about_another_woman_is_refused(service: Service) -> None:
    hospital, woman, alert = alerted(service, "unplaced")
    other = service.woman(hospital)
    refused = answer(service, hospital, alert["id"], "accepted", subject=Reference("Patient", other))
    assert refused == Refused(Reason.ELEMENT_FIXED, "for")
    assert why(answer(service, hospital, alert["id"], "accepted", subject=Reference("Patient", woman))) == "accepted"


def test_an_answer_about_another_womans_referral_is_refused(service: Service) -> None:
    hospital, woman, alert = alerted(service, "unplaced")
    other = service.woman(hospital)
    service.result(hospital, other, piece(15, scores(15)))
    (theirs,) = service.rows("referral", patient_id=other)
    (hers,) = service.rows("referral", patient_id=woman)
    refused = answer(service, hospital, alert["id"], "accepted", referral=Reference("ServiceRequest", theirs["id"]))
    assert refused == Refused(Reason.ELEMENT_FIXED, "focus")
    for named, status in ((new_id(), "accepted"), (hers["id"], "completed")):  # an id that is none of ours says nothing
        taken = answer(service, hospital, alert["id"], status, referral=Reference("ServiceRequest", named))
        assert why(taken) == "accepted"


def test_a_stale_answer_is_refused(service: Service) -> None:
    hospital, _, alert = alerted(service, "unplaced")
    answer(service, hospital, alert["id"], "accepted")
    assert why(answer(service, hospital, alert["id"], "completed", expected_version=1)) == "version-stale"


def test_an_alert_is_there_for_its_own_hospital_alone(service: Service) -> None:
    _, woman, alert = alerted(service, "unplaced")
    for stranger in (service.hospital(), service.community()):
        assert why(answer(service, stranger, alert["id"], "accepted")) == "not-found"
    assert service.alert(woman, "unplaced")["state"] == "open"


def test_an_offer_is_not_the_hospitals_to_answer(service: Service) -> None:
    family, offer = service.offered()
    assert why(answer(service, family.hospital, offer.id, "accepted")) == "not-the-owner"
    assert why(service.update(family.hospital, offer.id, "accepted")) == "not-the-owner"
    assert why(service.contact(family.hospital, offer)) == "subject-unknown"
    assert service.states(family.woman) == ("offered", ["requested"])


def test_a_request_for_consent_that_is_dealt_with_without_a_consent_leaves_the_referral_waiting_unasked(
    service: Service,
) -> None:
    hospital, community = service.hospital(), service.community()
    service.programme(community)
    woman = service.woman(hospital)
    service.result(hospital, woman, piece(15, scores(15)))
    alert = service.alert(woman, "consent-needed")
    assert why(answer(service, hospital, alert["id"], "completed")) == "accepted"

    assert service.chase(30 * DAY) == 0
    assert service.states(woman) == ("awaiting-consent", [])
    service.result(hospital, woman, piece(16, scores(16), source="another"))
    assert service.alerts(woman) == ["consent-needed"]

    service.consent(hospital, woman, community)
    assert service.states(woman) == ("offered", ["requested"])


def test_what_is_learnt_of_her_asks_for_consent_anew_once_the_request_was_dealt_with(service: Service) -> None:
    hospital, community = service.hospital(), service.community()
    service.programme(community)
    name = Identifier("urn:hospital", "woman-1")
    made = service.register(hospital, FACTS, name)
    assert isinstance(made, Accepted)
    service.result(hospital, made.id, piece(15, scores(15)))
    answer(service, hospital, service.alert(made.id, "consent-needed")["id"], "completed")

    service.register(hospital, FACTS._replace(language="pl"), name, updates=True, condition=name)
    service.register(hospital, FACTS, name, updates=True, condition=name)
    assert service.alerts(made.id).count("consent-needed") == 2
