"""The last safe way to reach her is taken back after a programme was asked."""

from collections.abc import Callable

import pytest

from service.consent.safe_contact import SafeContact
from service.flow.answer import Accepted
from service.flow.received import Received
from service.flow.revise_referral import ReceivedRevision, revise_referral
from service.referrals.instruction import Order
from service.referrals.referral import ReferralState
from tests.flow.support import MINUTE, REACHABLE, UNREACHABLE, Family, Service, body, why


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
