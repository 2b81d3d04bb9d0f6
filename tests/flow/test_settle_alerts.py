"""What becomes of a referral answers the alerts that asked just that, in the name of whoever decided."""

from functools import partial

import pytest

from service.flow.advance import advance
from service.flow.answer_alert import ReceivedAnswer, answer_alert
from service.flow.instruct import ReceivedInstruction, instruct
from service.flow.received import Received
from service.referrals.alert import AlertState, Practitioner
from service.referrals.instruction import Instruction, Order
from service.referrals.referral import ReferralTrigger
from service.shared.caller import the_service
from service.shared.ids import new_id
from service.store.unit_of_work import UnitOfWork
from tests.flow.support import MINUTE, Family, Service, body, piece, scores, why

MARLOW = ("Test Midwife Marlow", "Midwife")


def returned(service: Service) -> Family:
    family, offer = service.supported()
    service.update(family.community, offer.id, "failed", "She has moved.")
    return family


def happened(service: Service, trigger: ReferralTrigger = ReferralTrigger.SAFETY_EVENT) -> Family:
    """Something is heard of a woman who is supported."""
    family, _ = service.supported()

    def hear(tx: UnitOfWork) -> None:
        tx.patients.lock(family.woman)
        referral = tx.referrals.open_of(family.woman)
        assert referral is not None
        advance(tx, service.rules, referral, trigger, service.now())

    service.run(the_service(new_id()), hear)
    return family


def acknowledge(service: Service, family: Family, code: str) -> None:
    id = service.alert(family.woman, code)["id"]
    seen = ReceivedAnswer(
        Received("Task", body(), target_id=id), id, AlertState.ACKNOWLEDGED, Practitioner("M. Test", "Doctor")
    )
    assert why(service.run(family.hospital, lambda tx: answer_alert(tx, service.rules, seen, service.now()))) == (
        "accepted"
    )


def order(service: Service, family: Family, order: Order) -> None:
    assert why(service.tell(family.hospital, service.referral(family.woman).id, order)) == "accepted"


@pytest.mark.parametrize(
    ("said", "outcome", "state"),
    [
        (Order.RESUME, "suitable", "placing"),
        (Order.CLOSE, "close", "closed"),
        (Order.VOID, "close", "entered-in-error"),
    ],
)
def test_what_was_handed_back_is_answered_by_the_order_that_says_what_becomes_of_it(
    service: Service, said: Order, outcome: str, state: str
) -> None:
    family = returned(service)
    order(service, family, said)
    alert = service.alert(family.woman, "returned")
    assert (alert["state"], alert["review_outcome"], alert["reviewed_at"]) == ("resolved", outcome, service.now())
    assert (alert["reviewed_by"], alert["reviewed_by_role"]) == MARLOW
    assert (alert["acknowledged_by"], alert["acknowledged_by_role"]) == MARLOW
    assert ("AlertTask", alert["id"], 2) in service.owed(family.woman)
    assert service.referral(family.woman).state == state


def test_whoever_saw_it_first_stays_who_saw_it(service: Service) -> None:
    family = returned(service)
    acknowledge(service, family, "returned")
    order(service, family, Order.RESUME)
    alert = service.alert(family.woman, "returned")
    assert (alert["acknowledged_by"], alert["reviewed_by"]) == ("M. Test", MARLOW[0])


def test_a_hold_says_nothing_of_what_becomes_of_it(service: Service) -> None:
    family = returned(service)
    order(service, family, Order.HOLD)
    assert service.alert(family.woman, "returned")["state"] == "open"


def test_an_order_in_which_nobody_is_named_ends_it_and_is_no_review(service: Service) -> None:
    family = returned(service)
    id = service.referral(family.woman).id
    unnamed = ReceivedInstruction(
        Received("ServiceRequest", body(), target_id=id), id, Instruction(Order.CLOSE, service.now())
    )
    follow = partial(instruct, rules=service.rules, message=unnamed, now=service.now())
    assert why(service.run(family.hospital, follow)) == "accepted"
    alert = service.alert(family.woman, "returned")
    assert (alert["state"], alert["review_outcome"], alert["reviewed_by"]) == ("resolved", None, None)


def test_her_withdrawal_leaves_nothing_to_decide(service: Service) -> None:
    family = returned(service)
    service.withdraw(family)
    alert = service.alert(family.woman, "returned")
    assert (alert["state"], alert["review_outcome"]) == ("resolved", None)


@pytest.mark.parametrize("trigger", [ReferralTrigger.SAFETY_EVENT, ReferralTrigger.IDENTITY_CONFLICT])
@pytest.mark.parametrize(("said", "outcome"), [(Order.RESUME, "suitable"), (Order.CLOSE, "close")])
def test_what_happened_to_her_must_have_been_seen_before_an_order_answers_it(
    service: Service, trigger: ReferralTrigger, said: Order, outcome: str
) -> None:
    unseen, seen = happened(service, trigger), happened(service, trigger)
    acknowledge(service, seen, trigger)
    for family in (unseen, seen):
        order(service, family, said)
    assert service.alert(unseen.woman, trigger)["state"] == "open"
    alert = service.alert(seen.woman, trigger)
    assert (alert["state"], alert["review_outcome"], alert["reviewed_by"]) == ("resolved", outcome, MARLOW[0])


@pytest.mark.parametrize(("said", "state"), [(Order.RESUME, "resolved"), (Order.CLOSE, "open"), (Order.HOLD, "open")])
def test_nobody_is_to_ring_about_a_pause_that_is_over(service: Service, said: Order, state: str) -> None:
    family, _ = service.supported()
    order(service, family, Order.HOLD)
    service.chase(30 * MINUTE)
    assert service.alert(family.woman, "hold-not-seen")["state"] == "open"
    service.tell(family.hospital, service.referral(family.woman).id, said, text="Another reason.")
    alert = service.alert(family.woman, "hold-not-seen")
    assert (alert["state"], alert["review_outcome"]) == (state, None)
    assert alert["acknowledged_by"] == (MARLOW[0] if state == "resolved" else None)


@pytest.mark.parametrize("said", [Order.HOLD, Order.CLOSE, Order.VOID])
def test_what_the_clinic_was_asked_for_is_asked_no_more(service: Service, said: Order) -> None:
    family = service.family()
    service.withdraw(family)
    service.result(family.hospital, family.woman, piece(15, scores(15)))
    assert service.alert(family.woman, "consent-needed")["state"] == "open"
    order(service, family, said)
    assert service.alert(family.woman, "consent-needed")["state"] == "resolved"
