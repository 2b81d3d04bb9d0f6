"""A referral begins as far as what is known of her allows, whatever opens it."""

import pytest

from service.flow.doubt_identity import doubt_identity
from service.flow.hear_event import pause
from service.flow.received import Identifier, Received, Reference
from service.flow.request_referral import ReceivedRequest, request_referral
from service.referrals.alert import ReviewOutcome
from tests.flow.support import DAY, Family, Service, body, piece, scores, why
from tests.flow.test_review_alert import review

LOSS, DOUBT, RISK = "safety-event", "identity-conflict", "self-harm-present"


def told(service: Service, family: Family, before: set[str]) -> None:
    """What is heard of her while she has no referral."""
    if LOSS in before:
        service.run(family.hospital, lambda tx: pause(tx, service.rules, family.woman, service.now()))
    if DOUBT in before:
        service.run(family.hospital, lambda tx: doubt_identity(tx, service.rules, family.woman, service.now()))
    if RISK in before:
        service.result(family.hospital, family.woman, piece(3, scores(3, 2)), effective=service.now() - DAY)


@pytest.mark.parametrize(
    ("before", "harm", "state", "alerts"),
    [
        (set(), 0, "offered", []),
        (set(), 2, "in-review", [RISK]),
        ({LOSS}, 0, "on-hold", [LOSS]),
        ({LOSS}, 2, "on-hold", [LOSS, RISK]),
        ({DOUBT}, 0, "on-hold", [DOUBT]),
        ({DOUBT}, 2, "on-hold", [DOUBT, RISK]),
        ({DOUBT, LOSS}, 0, "on-hold", [DOUBT, LOSS]),
        ({RISK}, 0, "in-review", [RISK]),
        ({RISK, LOSS}, 0, "on-hold", [RISK, LOSS]),
    ],
)
def test_neither_a_loss_nor_a_doubt_who_she_is_is_passed_over_whatever_the_risk(
    service: Service, before: set[str], harm: int, state: str, alerts: list[str]
) -> None:
    family = service.family()
    told(service, family, before)
    service.result(family.hospital, family.woman, piece(15, scores(15, harm)))

    assert service.states(family.woman) == (state, ["requested"] if state == "offered" else [])
    assert service.alerts(family.woman) == alerts
    about = {row["referral_id"] for row in service.rows("alert", patient_id=family.woman)}
    assert about == ({service.referral(family.woman).id} if alerts else set())


@pytest.mark.parametrize("before", [LOSS, DOUBT])
def test_what_held_it_is_answered_after_the_risk_before_anything_is_offered(service: Service, before: str) -> None:
    family = service.family()
    told(service, family, {before})
    service.result(family.hospital, family.woman, piece(15, scores(15, 2)))

    assert why(review(service, family, before)) == "review-outdated"
    assert why(review(service, family, RISK, ReviewOutcome.SUITABLE)) == "accepted"
    assert service.states(family.woman) == ("on-hold", [])
    assert why(review(service, family, before)) == "accepted"
    assert service.states(family.woman) == ("offered", ["requested"])


@pytest.mark.parametrize(("before", "state"), [(set[str](), "offered"), ({LOSS}, "on-hold"), ({RISK, LOSS}, "on-hold")])
def test_the_word_of_a_clinician_passes_over_no_loss_either(service: Service, before: set[str], state: str) -> None:
    family = service.family()
    told(service, family, before)
    received = Received("ServiceRequest", body(), (Identifier("urn:requests", "1"),))
    message = ReceivedRequest(received, Reference("Patient", family.woman))
    service.run(family.hospital, lambda tx: request_referral(tx, service.rules, message, service.now()))
    assert service.states(family.woman)[0] == state
