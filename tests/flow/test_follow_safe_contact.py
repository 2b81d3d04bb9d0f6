"""The last safe way to reach her is taken back, or ends with time, after a programme was asked."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import pytest

from service.consent.safe_contact import SafeContact
from service.flow.advance import advance
from service.flow.answer import Accepted, Answer, Reason, Refused
from service.flow.answer_alert import ReceivedAnswer
from service.flow.answer_in_copy import answer_in_copy
from service.flow.received import Received
from service.flow.revise_referral import ReceivedRevision, revise_referral
from service.referrals.alert import AlertState, Practitioner, ReviewOutcome
from service.referrals.instruction import Order
from service.referrals.referral import ReferralState, ReferralTrigger
from service.screening.instrument import Approval
from service.store.unit_of_work import UnitOfWork
from tests.flow.support import DAY, HOUR, MINUTE, NOW, REACHABLE, UNREACHABLE, Family, Service, body, why

MIDWIFE = Practitioner("M. Test", "Midwife")


def say(service: Service, family: Family, safe_contact: SafeContact) -> None:
    """In her Consent, as its hospital puts it back."""
    service.pass_time(MINUTE)
    answer = service.consent(
        family.hospital, family.woman, family.community, target_id=family.consent, safe_contact=safe_contact
    )
    assert isinstance(answer, Accepted)


def revise(service: Service, family: Family, safe_contact: SafeContact) -> None:
    """On the referral."""
    service.pass_time(MINUTE)
    referral = service.referral(family.woman)
    message = ReceivedRevision(
        Received("ServiceRequest", body(), target_id=referral.id),
        referral.id,
        frozenset(ReferralState),
        safe_contact,
        None,
    )
    answer = service.run(family.hospital, lambda tx: revise_referral(tx, service.rules, message, service.now()))
    assert isinstance(answer, Accepted)


Tell = Callable[[Service, Family, SafeContact], None]


@pytest.mark.parametrize("tell", [say, revise])
def test_support_is_held_by_the_service_and_a_clinician_alone_lets_it_go_on(service: Service, tell: Tell) -> None:
    family, offer = service.supported()
    tell(service, family, UNREACHABLE)
    assert service.states(family.woman) == ("on-hold", ["held-by-service"])
    assert service.alert(family.woman, "safe-contact-withdrawn")["priority"] == "urgent"
    assert [row["offer_id"] for row in service.rows("unseen_change")] == [offer.id]

    tell(service, family, UNREACHABLE)
    assert service.alerts(family.woman) == ["safe-contact-withdrawn"]
    tell(service, family, REACHABLE)
    assert service.states(family.woman) == ("on-hold", ["held-by-service"])
    assert why(service.tell(family.hospital, service.referral(family.woman).id, Order.RESUME)) == "accepted"
    assert service.states(family.woman) == ("supported", ["in-progress"])


def review(service: Service, family: Family, code: str) -> Answer:
    """Found suitable, in the copy that its record has of the alert."""
    alert = service.alert(family.woman, code)
    received = Received("Task", body(), target_id=alert["id"])
    message = ReceivedAnswer(received, alert["id"], AlertState.RESOLVED, MIDWIFE, ReviewOutcome.SUITABLE)
    return service.run(
        family.hospital, lambda tx: answer_in_copy(tx, service.rules, message, body().hex(), service.now())
    )


def resume(service: Service, family: Family, code: str) -> Answer:
    return service.tell(family.hospital, service.referral(family.woman).id, Order.RESUME)


@pytest.mark.parametrize("let_go_on", [review, resume])
def test_nothing_goes_on_while_no_safe_way_to_reach_her_is_known(
    service: Service, let_go_on: Callable[[Service, Family, str], Answer]
) -> None:
    family, _ = service.supported()
    say(service, family, UNREACHABLE)
    refused = let_go_on(service, family, "safe-contact-withdrawn")
    assert refused == Refused(Reason.NO_SAFE_CONTACT, "status")
    assert service.states(family.woman) == ("on-hold", ["held-by-service"])
    assert service.alert(family.woman, "safe-contact-withdrawn")["state"] == "open"

    say(service, family, REACHABLE)
    assert why(let_go_on(service, family, "safe-contact-withdrawn")) == "accepted"
    assert service.states(family.woman) == ("supported", ["in-progress"])


def test_the_record_reads_why_the_review_in_its_copy_was_not_taken(service: Service) -> None:
    family, _ = service.supported()
    say(service, family, UNREACHABLE)
    review(service, family, "safe-contact-withdrawn")
    alert = service.alert(family.woman, "safe-contact-withdrawn")
    assert alert["copy_refusal"] == "no-safe-contact"
    assert ("AlertTask", alert["id"], alert["version"]) in service.owed(family.woman)


def test_whatever_was_reviewed_last_support_does_not_go_on_while_she_cannot_be_reached(service: Service) -> None:
    family, _ = service.supported()
    say(service, family, UNREACHABLE)
    service.run(family.hospital, lambda tx: hear_safety_event(tx, service, family))
    assert why(review(service, family, "safe-contact-withdrawn")) == "accepted"
    assert why(review(service, family, "safety-event")) == "no-safe-contact"
    assert service.states(family.woman) == ("on-hold", ["held-by-service"])


def hear_safety_event(tx: UnitOfWork, service: Service, family: Family) -> None:
    tx.patients.lock(family.woman)
    referral = tx.referrals.open_of(family.woman)
    assert referral is not None
    assert advance(tx, service.rules, referral, ReferralTrigger.SAFETY_EVENT, service.now())


@pytest.mark.parametrize("let_go_on", [review, resume])
def test_a_site_that_offers_as_recorded_lets_it_go_on(
    service: Service, let_go_on: Callable[[Service, Family, str], Answer]
) -> None:
    family, _ = service.supported()
    say(service, family, UNREACHABLE)
    approved = replace(
        service.rules.policies["default"], as_recorded_safe_contact=Approval("A. Lead", date(2026, 1, 1))
    )
    service.rules = replace(service.rules, policies={"default": approved})
    assert why(let_go_on(service, family, "safe-contact-withdrawn")) == "accepted"
    assert service.states(family.woman) == ("supported", ["in-progress"])


def test_an_offer_that_nobody_has_accepted_is_taken_back_and_made_again_when_a_way_is_known(service: Service) -> None:
    family, _ = service.offered()
    say(service, family, UNREACHABLE)
    assert service.states(family.woman) == ("placing", ["cancelled"])
    assert service.alerts(family.woman) == ["no-safe-contact"]
    say(service, family, REACHABLE)
    assert service.states(family.woman) == ("offered", ["cancelled", "requested"])


def test_what_is_held_for_another_reason_is_told_too(service: Service) -> None:
    family, _ = service.supported()
    service.tell(family.hospital, service.referral(family.woman).id, Order.HOLD)
    say(service, family, UNREACHABLE)
    assert service.states(family.woman) == ("on-hold", ["held-by-service"])
    assert service.alerts(family.woman) == ["safe-contact-withdrawn"]


# She may be reached up to the end of this day.
THE_DAY = NOW.date() + timedelta(days=1)
FOR_NOW = replace(REACHABLE, review_by=THE_DAY)


@pytest.mark.parametrize("tell", [say, revise])
def test_a_way_that_ends_with_time_pauses_support_once_as_one_that_she_takes_back(service: Service, tell: Tell) -> None:
    family, offer = service.supported()
    tell(service, family, FOR_NOW)
    service.chase(35 * HOUR)
    assert service.now().date() == THE_DAY
    assert service.states(family.woman) == ("supported", ["accepted"])
    service.chase(HOUR)
    assert service.states(family.woman) == ("on-hold", ["held-by-service"])
    assert service.alert(family.woman, "safe-contact-withdrawn")["priority"] == "urgent"
    assert [row["offer_id"] for row in service.rows("unseen_change")] == [offer.id]
    service.chase()
    assert service.alerts(family.woman) == ["safe-contact-withdrawn"]

    assert why(resume(service, family, "")) == "no-safe-contact"
    tell(service, family, replace(FOR_NOW, review_by=THE_DAY + timedelta(days=1)))
    assert service.states(family.woman) == ("on-hold", ["held-by-service"])
    assert why(resume(service, family, "")) == "accepted"
    assert service.states(family.woman) == ("supported", ["in-progress"])
    service.chase(DAY)
    assert service.states(family.woman) == ("on-hold", ["held-by-service"])
    assert len(service.rows("alert", code="safe-contact-withdrawn")) == 2


@pytest.mark.parametrize("tell", [say, revise])
def test_an_offer_is_taken_back_when_the_way_ends_and_made_again_when_it_is_renewed(
    service: Service, tell: Tell
) -> None:
    family, _ = service.offered()
    tell(service, family, FOR_NOW)
    service.chase(36 * HOUR)
    assert service.states(family.woman) == ("placing", ["cancelled"])
    assert service.alerts(family.woman) == ["no-safe-contact"]
    tell(service, family, replace(FOR_NOW, review_by=THE_DAY + timedelta(days=9)))
    assert service.states(family.woman) == ("offered", ["cancelled", "requested"])


def test_the_end_of_what_she_has_said_anew_since_ends_nothing(service: Service) -> None:
    family, _ = service.supported()
    say(service, family, FOR_NOW)
    revise(service, family, REACHABLE)
    service.chase(36 * HOUR)
    assert service.states(family.woman) == ("supported", ["accepted"])
    assert service.alerts(family.woman) == []


def test_a_day_without_end_is_no_due_time(service: Service) -> None:
    family, _ = service.supported()
    say(service, family, replace(REACHABLE, review_by=date.max))
    service.chase(999 * DAY)
    assert service.states(family.woman)[0] == "supported"
