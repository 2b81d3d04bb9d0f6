"""A programme reports contacts."""

from dataclasses import replace

import pytest

from service.flow.answer import Accepted, Repeated
from service.flow.received import Identifier
from service.referrals.contact import ContactOutcome, Engagement
from service.shared.caller import the_service
from tests.flow.support import HOUR, NOW, Service, why

NAME = Identifier("urn:programme", "contact-1")


def test_a_contact_is_counted_and_owed_to_the_record(service: Service) -> None:
    family, offer = service.supported()
    for outcome in ContactOutcome:
        assert isinstance(service.contact(family.community, offer, outcome), Accepted)
    service.contact(family.community, offer, started_at=NOW - 2 * HOUR)

    engagement = service.read(the_service(""), lambda tx: tx.contacts.engagements([offer])[offer.id])
    assert engagement == Engagement(attempts=4, sessions=2, last_contact=NOW - HOUR)
    (moved,) = service.offers(family.woman)
    assert ("Task", offer.id, moved.version) in service.owed(family.woman)
    assert moved == replace(offer, version=offer.version + 5)


def test_the_same_contact_again_is_counted_once(service: Service) -> None:
    family, offer = service.supported()
    first = service.contact(family.community, offer, ContactOutcome.ATTENDED, NAME, content=b"{}")
    again = service.contact(family.community, offer, ContactOutcome.ATTENDED, NAME, content=b"{}")
    conditional = service.contact(family.community, offer, ContactOutcome.ATTENDED, condition=NAME)

    assert isinstance(first, Accepted)
    assert again == conditional == Repeated("Encounter", first.id, 1)
    other = service.contact(family.community, offer, ContactOutcome.CANCELLED, NAME)
    assert why(other) == "different-under-same-identifier"
    assert len(service.rows("contact")) == 1


def test_a_contact_before_acceptance_or_after_a_withdrawal_is_refused(service: Service) -> None:
    family, offer = service.offered()
    assert why(service.contact(family.community, offer)) == "transition-not-allowed"
    service.update(family.community, offer.id, "accepted")
    assert why(service.contact(family.community, offer)) == "accepted"
    service.withdraw(family)
    assert why(service.contact(family.community, offer)) == "transition-not-allowed"


@pytest.mark.parametrize("status", ["completed", "failed"])
def test_a_session_may_be_reported_after_the_support_ended(service: Service, status: str) -> None:
    family, offer = service.supported()
    service.update(family.community, offer.id, status, "Over.")
    assert why(service.contact(family.community, offer)) == "accepted"


def test_only_a_planned_contact_that_was_cancelled_may_lie_ahead(service: Service) -> None:
    family, offer = service.supported()
    ahead = NOW + 24 * HOUR
    assert why(service.contact(family.community, offer, started_at=ahead)) == "in-the-future"
    assert why(service.contact(family.community, offer, ContactOutcome.CANCELLED, started_at=ahead)) == "accepted"


def test_handles_that_are_not_this_programmes_name_nobody(service: Service) -> None:
    family, offer = service.supported()
    other_family, other = service.supported()

    assert why(service.contact(other_family.community, offer)) == "subject-unknown"
    mixed = service.contact(family.community, offer, service_request=other.handles.service_request)
    assert why(mixed) == "subject-unknown"
    assert why(service.contact(family.community, offer, patient=family.woman)) == "subject-unknown"
    assert service.rows("contact") == []
