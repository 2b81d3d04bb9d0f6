"""The offer's machine, pair by pair, and that it stays within the edges of HL7 SDOH Clinical Care 3.0."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.consent.disclosure import ViewStage
from service.referrals.offer import (
    ACTIVE,
    LIVE,
    OFFER_ENDED,
    OFFER_TABLE,
    PAUSED,
    TAKES_A_PLACE,
    VIEW_STAGE,
    OfferState,
    OfferTrigger,
    as_programmes_see,
)

LIVE_TO_CANCELLED = dict.fromkeys(
    ("requested", "accepted", "in-progress", "held-by-programme", "held-by-service", "held-by-both"), "cancelled"
)
EXPECTED: dict[str, dict[str, str]] = {
    "programme-accepts": {"requested": "accepted"},
    "programme-rejects": {"requested": "rejected"},
    "programme-starts": {"accepted": "in-progress", "held-by-programme": "in-progress"},
    "programme-holds": {"accepted": "held-by-programme", "in-progress": "held-by-programme"},
    "programme-completes": {
        "accepted": "completed",
        "in-progress": "completed",
        "held-by-programme": "completed",
    },
    "programme-fails": {
        "accepted": "failed",
        "in-progress": "failed",
        "held-by-programme": "failed",
        "held-by-service": "failed",
        "held-by-both": "failed",
    },
    "programme-cancels": LIVE_TO_CANCELLED,
    "service-cancels": LIVE_TO_CANCELLED,
    "service-recalls": {"requested": "cancelled"},
    "service-holds": {
        "accepted": "held-by-service",
        "in-progress": "held-by-service",
        "held-by-programme": "held-by-both",
    },
    "service-resumes": {"held-by-service": "in-progress", "held-by-both": "held-by-programme"},
    "service-voids": {
        "requested": "entered-in-error",
        "accepted": "entered-in-error",
        "rejected": "entered-in-error",
        "in-progress": "entered-in-error",
        "held-by-programme": "entered-in-error",
        "held-by-service": "entered-in-error",
        "held-by-both": "entered-in-error",
        "completed": "entered-in-error",
        "failed": "entered-in-error",
        "cancelled": "entered-in-error",
    },
    "lapses": {"requested": "cancelled"},
}

# SDOH Clinical Care 3.0, ReferralTaskStateDiagram; draft is never seen here.
HL7: dict[str, set[str]] = {
    "requested": {"accepted", "rejected", "cancelled"},
    "accepted": {"in-progress", "on-hold", "completed", "failed", "cancelled"},
    "in-progress": {"on-hold", "completed", "failed", "cancelled"},
    "on-hold": {"in-progress", "completed", "failed", "cancelled"},
    "rejected": set(),
    "completed": set(),
    "failed": set(),
    "cancelled": set(),
    "entered-in-error": set(),
}
BY_THE_PROGRAMME = {"accepted", "rejected", "in-progress", "on-hold", "failed", "completed", "cancelled"}


def status(state: OfferState) -> str:
    """Task.status in the words of the standard, which do not tell one hold from the other."""
    return "on-hold" if state.value.startswith("held-by-") else state.value


@pytest.mark.parametrize(("state", "trigger"), list(product(OfferState, OfferTrigger)))
def test_every_pair_does_what_the_rules_say_or_is_refused(state: OfferState, trigger: OfferTrigger) -> None:
    assert OFFER_TABLE.get((state, trigger)) == EXPECTED[trigger].get(state)


def test_the_expected_table_names_every_trigger() -> None:
    assert set(EXPECTED) == set(OfferTrigger)


@pytest.mark.parametrize(("edge", "then"), list(OFFER_TABLE.items()))
def test_every_step_is_an_edge_of_the_published_machine(
    edge: tuple[OfferState, OfferTrigger], then: OfferState
) -> None:
    before, after = status(edge[0]), status(then)
    within_a_hold = before == after == "on-hold"
    assert after in HL7[before] or after == "entered-in-error" or within_a_hold


def test_a_programme_sets_what_the_standard_lets_it_set_and_each_of_those() -> None:
    by_programme = {status(then) for (_, trigger), then in OFFER_TABLE.items() if trigger.startswith("programme-")}
    assert by_programme == BY_THE_PROGRAMME


def test_a_hold_of_the_service_is_never_lifted_by_the_programme() -> None:
    by_programme = {
        then for (state, trigger), then in OFFER_TABLE.items() if state in PAUSED and trigger.startswith("programme-")
    }
    assert by_programme == {OfferState.CANCELLED, OfferState.FAILED}


def test_what_was_never_accepted_is_cancelled_and_not_held() -> None:
    assert (OfferState.REQUESTED, OfferTrigger.SERVICE_HOLDS) not in OFFER_TABLE
    assert OFFER_TABLE[OfferState.REQUESTED, OfferTrigger.SERVICE_CANCELS] is OfferState.CANCELLED


def test_every_state_is_reached_and_what_has_ended_only_turns_out_an_error() -> None:
    reached = {OfferState.REQUESTED}
    while more := {then for (state, _), then in OFFER_TABLE.items() if state in reached} - reached:
        reached |= more
    assert reached == {*OfferState}
    assert {then for (state, _), then in OFFER_TABLE.items() if state in OFFER_ENDED} == {OfferState.ENTERED_IN_ERROR}
    assert {*LIVE} | {*OFFER_ENDED} == {*OfferState}
    assert not {*LIVE} & {*OFFER_ENDED}


def test_the_service_can_cancel_or_void_whatever_is_live() -> None:
    for state in LIVE:
        assert OFFER_TABLE[state, OfferTrigger.SERVICE_CANCELS] is OfferState.CANCELLED
        assert OFFER_TABLE[state, OfferTrigger.SERVICE_VOIDS] is OfferState.ENTERED_IN_ERROR


def test_what_waits_for_its_answer_or_is_accepted_and_not_over_takes_a_place() -> None:
    assert {*TAKES_A_PLACE} == {*LIVE} == {*ACTIVE} | {OfferState.REQUESTED}


def test_a_programme_sees_a_hold_whoever_set_it_and_every_other_state_as_it_is() -> None:
    seen = {state: as_programmes_see(state) for state in OfferState}
    assert {state: other for state, other in seen.items() if other is not state} == {
        OfferState.HELD_BY_SERVICE: OfferState.HELD_BY_PROGRAMME,
        OfferState.HELD_BY_BOTH: OfferState.HELD_BY_PROGRAMME,
    }


def test_every_state_has_its_view() -> None:
    assert {*VIEW_STAGE} == {*OfferState}
    assert {state for state, stage in VIEW_STAGE.items() if stage is ViewStage.OFFERED} == {"requested"}
    assert {state for state, stage in VIEW_STAGE.items() if stage is ViewStage.SUPPORTING} == {
        "accepted",
        "in-progress",
        "held-by-programme",
        "held-by-service",
        "held-by-both",
    }


@given(st.lists(st.sampled_from(OfferTrigger), max_size=12))
def test_whatever_comes_each_hold_is_lifted_by_its_owner_alone(triggers: list[OfferTrigger]) -> None:
    state, by_programme, by_service = OfferState.ACCEPTED, False, False
    for trigger in triggers:
        moved = OFFER_TABLE.get((state, trigger))
        if moved is None:
            continue
        state = moved
        by_programme = trigger is OfferTrigger.PROGRAMME_HOLDS or (
            by_programme and trigger is not OfferTrigger.PROGRAMME_STARTS
        )
        by_service = trigger is OfferTrigger.SERVICE_HOLDS or (
            by_service and trigger is not OfferTrigger.SERVICE_RESUMES
        )
        if state in OFFER_ENDED:
            return
        assert (state in PAUSED) is by_service
        assert (state in (OfferState.HELD_BY_PROGRAMME, OfferState.HELD_BY_BOTH)) is by_programme
