"""A programme reports contacts."""

from dataclasses import replace
from typing import Any

import pytest

from service.flow.answer import Accepted, Repeated
from service.flow.received import Identifier
from service.referrals.contact import ContactOutcome, Engagement
from service.referrals.escalation import Concern, Said
from service.referrals.offer import Offer
from service.screening.instrument import Priority
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
    assert moved == replace(offer, version=offer.version + len(ContactOutcome) + 1)


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


def test_a_plan_may_lie_ahead_and_is_counted_when_it_was_kept(service: Service) -> None:
    family, offer = service.supported()
    ahead = NOW + 24 * HOUR
    planned = service.contact(family.community, offer, ContactOutcome.PLANNED, started_at=ahead)
    assert isinstance(planned, Accepted)
    assert engagement(service, offer) == Engagement(0, 0, None)
    service.pass_time(25 * HOUR)
    kept = service.contact(family.community, offer, target_id=planned.id, started_at=ahead)
    assert kept == Accepted("Encounter", planned.id, 2)
    assert engagement(service, offer) == Engagement(1, 1, ahead)


def engagement(service: Service, offer: Offer) -> Engagement:
    return service.read(the_service(""), lambda tx: tx.contacts.engagements([offer])[offer.id])


def test_its_programme_corrects_a_contact(service: Service) -> None:
    family, offer = service.supported()
    made = service.contact(family.community, offer, type="Procedure")
    assert isinstance(made, Accepted)
    assert why(service.contact(family.community, offer, target_id=made.id)) == "not-found"  # it is no Encounter
    change: dict[str, Any] = {"type": "Procedure", "target_id": made.id}
    stale = service.contact(family.community, offer, ContactOutcome.ATTEMPTED, expected_version=7, **change)
    assert why(stale) == "version-stale"
    changed = service.contact(family.community, offer, ContactOutcome.ATTEMPTED, content=b"{}", **change)
    assert changed == Accepted("Procedure", made.id, 2)
    again = service.contact(family.community, offer, ContactOutcome.ATTEMPTED, content=b"{}", **change)
    assert again == Repeated("Procedure", made.id, 2)
    assert engagement(service, offer) == Engagement(1, 0, NOW - HOUR)
    service.contact(family.community, offer, ContactOutcome.ENTERED_IN_ERROR, **change)
    assert engagement(service, offer) == Engagement(0, 0, None)


def test_a_contact_is_corrected_by_its_own_offers_programme_alone(service: Service) -> None:
    family, offer = service.supported()
    other_family, other = service.supported()
    made = service.contact(family.community, offer)
    assert isinstance(made, Accepted)
    assert why(service.contact(other_family.community, other, target_id=made.id)) == "not-found"
    assert engagement(service, offer).sessions == 1


SAID = Said(("She cried for an hour.",), called=Priority.ROUTINE)


def test_what_was_written_in_a_contact_is_heard_once(service: Service) -> None:
    family, offer = service.supported()
    made = service.contact(family.community, offer, said=SAID)
    assert isinstance(made, Accepted)
    assert service.alert(family.woman, "escalation")["priority"] == "routine"
    service.contact(family.community, offer, ContactOutcome.ATTEMPTED, target_id=made.id, said=SAID)
    assert service.alerts(family.woman) == ["escalation"]
    more = replace(SAID, concerns=frozenset({Concern.HARM_TO_SELF}))
    service.contact(family.community, offer, target_id=made.id, said=more)
    assert [row["priority"] for row in service.rows("alert", patient_id=family.woman)] == ["routine", "urgent"]


def test_what_was_written_in_a_refused_contact_is_heard_all_the_same(service: Service) -> None:
    family, offer = service.offered()
    assert why(service.contact(family.community, offer, said=SAID)) == "transition-not-allowed"
    assert service.alerts(family.woman) == ["escalation"]
    assert service.rows("contact") == []
