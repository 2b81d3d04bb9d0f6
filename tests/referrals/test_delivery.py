"""The delivery's machine, pair by pair: nothing whose answer was lost is sent again blindly."""

from itertools import product

import pytest

from service.referrals.delivery import DELIVERY_TABLE, DeliveryState, DeliveryTrigger, Lane

EXPECTED: dict[str, dict[str, str]] = {
    "claimed": {"ready": "leased", "unknown": "leased"},
    "taken": {"leased": "done"},
    "try-again": {"leased": "ready"},
    "answer-lost": {"leased": "unknown"},
    "refused-for-good": {"leased": "dead"},
    "no-longer-wanted": {"leased": "superseded"},
    "overtaken": {"ready": "superseded"},
    "lease-expired": {"leased": "ready"},
    "retried-by-person": {"dead": "ready", "unknown": "ready"},
}

_S, _T = DeliveryState, DeliveryTrigger


@pytest.mark.parametrize(("state", "trigger"), list(product(DeliveryState, DeliveryTrigger)))
def test_every_pair_does_what_the_rules_say_or_is_refused(state: DeliveryState, trigger: DeliveryTrigger) -> None:
    assert DELIVERY_TABLE.get((state, trigger)) == EXPECTED[trigger].get(state)


def test_every_state_is_reached() -> None:
    reached = {_S.READY}
    while more := {then for (state, _), then in DELIVERY_TABLE.items() if state in reached} - reached:
        reached |= more
    assert reached == {*DeliveryState}


def test_what_was_sent_without_an_answer_goes_on_only_by_a_lease_or_a_person() -> None:
    assert {trigger for state, trigger in DELIVERY_TABLE if state is _S.UNKNOWN} == {_T.CLAIMED, _T.RETRIED_BY_PERSON}
    # What was sent cannot be called back: a newer status does not unsay it.
    assert (_S.UNKNOWN, _T.OVERTAKEN) not in DELIVERY_TABLE


def test_done_and_superseded_are_the_end_and_only_a_person_wakes_the_dead() -> None:
    assert not [state for state, _ in DELIVERY_TABLE if state in (_S.DONE, _S.SUPERSEDED)]
    assert [trigger for state, trigger in DELIVERY_TABLE if state is _S.DEAD] == [_T.RETRIED_BY_PERSON]


def test_nothing_is_sent_or_settled_without_a_lease() -> None:
    sent = (_S.DONE, _S.UNKNOWN, _S.DEAD)
    assert {state for (state, _), then in DELIVERY_TABLE.items() if then in sent} == {_S.LEASED}


def test_alerts_are_claimed_first_and_of_them_the_urgent_ones() -> None:
    assert sorted(Lane) == [Lane.URGENT, Lane.ROUTINE, Lane.STATUS]
