"""The referral's machine: every pair of state and trigger against a table written out from the rules, and what no row
may ever do."""

from itertools import product

import pytest

from service.referrals.alert import AlertCode
from service.referrals.referral import (
    BEFORE_ACCEPTANCE,
    OPEN,
    REFERRAL_ENDED,
    REFERRAL_TABLE,
    ReferralEffect,
    ReferralState,
    ReferralTrigger,
)

# trigger: {state: "next state, then effects in order"}; a state that is missing refuses.
PLACING = "placing place"
STILL_OPEN = ("in-review", "awaiting-consent", "placing", "offered", "supported", "on-hold")
CLOSES = dict.fromkeys(STILL_OPEN, "closed cancel-offers")
EXPECTED: dict[str, dict[str, str]] = {
    "opened": {"placing": PLACING},
    "offer-made": {"awaiting-consent": "offered", "placing": "offered"},
    "consent-needed": {"placing": "awaiting-consent consent-needed"},
    "consent-contradictory": {"placing": "awaiting-consent"},
    "nobody-fits": {"placing": "placing unplaced"},
    "no-safe-contact": {
        "awaiting-consent": "placing no-safe-contact",
        "placing": "placing no-safe-contact",
        "offered": "placing cancel-unanswered-offers place",
        "supported": "on-hold hold-offers safe-contact-withdrawn",
        "on-hold": "on-hold safe-contact-withdrawn",
    },
    "consent-given": {
        "in-review": "in-review",
        "awaiting-consent": PLACING,
        "placing": PLACING,
        "offered": "offered",
        "supported": "supported",
        "on-hold": "on-hold",
    },
    "tried-again": {"awaiting-consent": "awaiting-consent place", "placing": PLACING},
    "facts-changed": {"awaiting-consent": PLACING, "placing": PLACING},
    "programme-refused": {"awaiting-consent": PLACING, "placing": PLACING},
    "consent-refused": {
        "in-review": "closed",
        "awaiting-consent": "closed",
        "placing": "closed",
        "offered": "closed cancel-offers",
        "supported": "closed cancel-offers",
        "on-hold": "closed cancel-offers",
    },
    "consent-withdrawn": CLOSES,
    "consent-expired": {
        "offered": "closed cancel-offers",
        "supported": "closed cancel-offers",
        "on-hold": "closed cancel-offers",
    },
    "offer-accepted": {"offered": "supported"},
    "offer-declined": {"offered": PLACING},
    "offer-returned": {
        "offered": "on-hold returned",
        "supported": "on-hold returned",
        "on-hold": "on-hold returned",
    },
    "offer-completed": {"supported": "completed"},
    "self-harm-present": {
        "in-review": "in-review self-harm-present",
        "awaiting-consent": "in-review cancel-unanswered-offers self-harm-present",
        "placing": "in-review cancel-unanswered-offers self-harm-present",
        "offered": "in-review cancel-unanswered-offers self-harm-present",
        "supported": "supported self-harm-present",
        "on-hold": "on-hold self-harm-present",
        "completed": "completed self-harm-present",
        "closed": "closed self-harm-present",
        "entered-in-error": "entered-in-error self-harm-present",
    },
    "self-harm-unknown": {
        "in-review": "in-review self-harm-unknown",
        "awaiting-consent": "in-review cancel-unanswered-offers self-harm-unknown",
        "placing": "in-review cancel-unanswered-offers self-harm-unknown",
        "offered": "in-review cancel-unanswered-offers self-harm-unknown",
        "supported": "supported self-harm-unknown",
        "on-hold": "on-hold self-harm-unknown",
        "completed": "completed self-harm-unknown",
        "closed": "closed self-harm-unknown",
        "entered-in-error": "entered-in-error self-harm-unknown",
    },
    "old-self-harm-present": {
        "in-review": "in-review old-self-harm-present",
        "awaiting-consent": "in-review cancel-unanswered-offers old-self-harm-present",
        "placing": "in-review cancel-unanswered-offers old-self-harm-present",
        "offered": "in-review cancel-unanswered-offers old-self-harm-present",
        "supported": "supported old-self-harm-present",
        "on-hold": "on-hold old-self-harm-present",
        "completed": "completed old-self-harm-present",
        "closed": "closed old-self-harm-present",
        "entered-in-error": "entered-in-error old-self-harm-present",
    },
    "risk-not-reviewed": dict.fromkeys(
        ("awaiting-consent", "placing", "offered"), "in-review cancel-unanswered-offers"
    ),
    "no-longer-positive": {
        "in-review": "closed cancel-offers",
        "awaiting-consent": "closed cancel-offers",
        "placing": "closed cancel-offers",
        "offered": "closed cancel-offers",
        "supported": "on-hold hold-offers result-corrected",
        "on-hold": "on-hold result-corrected",
    },
    "safety-event": dict.fromkeys(STILL_OPEN, "on-hold cancel-unanswered-offers hold-offers safety-event"),
    "identity-conflict": dict.fromkeys(STILL_OPEN, "on-hold cancel-unanswered-offers hold-offers identity-conflict"),
    "unreadable-refusal": dict.fromkeys(STILL_OPEN, "on-hold cancel-unanswered-offers hold-offers unreadable-refusal"),
    "woman-died": CLOSES,
    "merged": CLOSES,
    "reviewed-suitable": {"in-review": PLACING},
    "reviewed-not-suitable": CLOSES,
    "referred-to-specialist": {**CLOSES, "supported": "supported"},
    "closed-by-clinician": CLOSES,
    "held-by-clinician": dict.fromkeys(STILL_OPEN, "on-hold cancel-unanswered-offers hold-offers"),
    "resumed": {"on-hold": "supported resume-offers"},
    "resumed-to-review": {"on-hold": "in-review"},
    "replaced": {"placing": "placing cancel-offers place", "on-hold": "placing cancel-offers place"},
    "voided": {
        "in-review": "entered-in-error void-offers",
        "awaiting-consent": "entered-in-error void-offers",
        "placing": "entered-in-error void-offers",
        "offered": "entered-in-error void-offers",
        "supported": "entered-in-error void-offers",
        "on-hold": "entered-in-error void-offers",
        "completed": "entered-in-error void-offers",
        "closed": "entered-in-error void-offers",
    },
}

_S, _T = ReferralState, ReferralTrigger
HEARD_IN_EVERY_STATE = (_T.SELF_HARM_PRESENT, _T.SELF_HARM_UNKNOWN)
BY_A_CLINICIAN = (
    _T.REVIEWED_SUITABLE,
    _T.RESUMED,
    _T.RESUMED_TO_REVIEW,
    _T.REPLACED,
    _T.CLOSED_BY_CLINICIAN,
    _T.HELD_BY_CLINICIAN,
)


@pytest.mark.parametrize(("state", "trigger"), list(product(ReferralState, ReferralTrigger)))
def test_every_pair_does_what_the_rules_say_or_is_refused(state: ReferralState, trigger: ReferralTrigger) -> None:
    step = REFERRAL_TABLE.get((state, trigger))
    said = None if step is None else " ".join([step[0], *step[1]])
    assert said == EXPECTED[trigger].get(state)


def test_the_expected_table_names_only_states_and_triggers_that_exist() -> None:
    assert set(EXPECTED) == set(ReferralTrigger)
    assert {state for row in EXPECTED.values() for state in row} == set(ReferralState)


def test_open_and_ended_are_all_states_and_exclude_each_other() -> None:
    assert {*OPEN} | {*REFERRAL_ENDED} == {*ReferralState}
    assert not {*OPEN} & {*REFERRAL_ENDED}
    assert {*REFERRAL_ENDED} == {_S.COMPLETED, _S.CLOSED, _S.ENTERED_IN_ERROR}
    assert {*OPEN} - {*BEFORE_ACCEPTANCE} == {_S.SUPPORTED, _S.ON_HOLD}


@pytest.mark.parametrize("state", OPEN)
@pytest.mark.parametrize("trigger", [_T.CONSENT_WITHDRAWN, _T.WOMAN_DIED, _T.CONSENT_REFUSED])
def test_from_every_open_state_withdrawal_and_death_close_it_and_leave_no_offer(
    state: ReferralState, trigger: ReferralTrigger
) -> None:
    then, effects = REFERRAL_TABLE[state, trigger]
    assert then is _S.CLOSED
    # A refusal finds no offer where none can have been made yet.
    no_offer_yet = trigger is _T.CONSENT_REFUSED and state in (_S.IN_REVIEW, _S.AWAITING_CONSENT, _S.PLACING)
    assert effects == (() if no_offer_yet else (ReferralEffect.CANCEL_OFFERS,))


@pytest.mark.parametrize("state", OPEN)
@pytest.mark.parametrize(
    ("trigger", "alert"),
    [(_T.SAFETY_EVENT, AlertCode.SAFETY_EVENT), (_T.IDENTITY_CONFLICT, AlertCode.IDENTITY_CONFLICT)],
)
def test_loss_and_doubt_about_identity_hold_it_in_every_open_state_and_alert(
    state: ReferralState, trigger: ReferralTrigger, alert: AlertCode
) -> None:
    then, effects = REFERRAL_TABLE[state, trigger]
    assert then is _S.ON_HOLD
    assert {ReferralEffect.CANCEL_UNANSWERED_OFFERS, ReferralEffect.HOLD_OFFERS, alert} == {*effects}


@pytest.mark.parametrize(("state", "trigger"), list(product(ReferralState, HEARD_IN_EVERY_STATE)))
def test_risk_is_heard_in_every_state_and_always_alerts(state: ReferralState, trigger: ReferralTrigger) -> None:
    then, effects = REFERRAL_TABLE[state, trigger]
    assert any(isinstance(effect, AlertCode) for effect in effects)
    assert then in (state, _S.IN_REVIEW)
    # What a volunteer reports, and what a result says, never ends or interrupts support that has begun.
    assert state is not _S.SUPPORTED or then is _S.SUPPORTED


def test_every_state_but_the_first_ones_can_be_reached_and_every_trigger_does_something() -> None:
    reached = {_S.IN_REVIEW, _S.PLACING}
    while more := {then for (state, _), (then, _) in REFERRAL_TABLE.items() if state in reached} - reached:
        reached |= more
    assert reached == {*ReferralState}
    assert {trigger for _, trigger in REFERRAL_TABLE} == {*ReferralTrigger}


def test_every_open_state_can_be_left() -> None:
    for state in OPEN:
        assert any(then is not state for (origin, _), (then, _) in REFERRAL_TABLE.items() if origin is state)


def test_what_has_ended_never_opens_again() -> None:
    onward = {
        (state, then)
        for (state, _), (then, _) in REFERRAL_TABLE.items()
        if state in REFERRAL_ENDED and then is not state
    }
    assert onward == {(_S.COMPLETED, _S.ENTERED_IN_ERROR), (_S.CLOSED, _S.ENTERED_IN_ERROR)}


def test_only_placing_makes_offers_and_trying_again_while_her_word_on_others_is_awaited() -> None:
    places = {pair: then for pair, (then, effects) in REFERRAL_TABLE.items() if ReferralEffect.PLACE in effects}
    assert places.pop((_S.AWAITING_CONSENT, _T.TRIED_AGAIN)) is _S.AWAITING_CONSENT
    assert {*places.values()} == {_S.PLACING}
    waits = {_S.PLACING, _S.AWAITING_CONSENT}
    assert {state for state, trigger in REFERRAL_TABLE if trigger is _T.OFFER_MADE} == waits
    assert {state for (state, _), (then, _) in REFERRAL_TABLE.items() if then is _S.OFFERED} == waits | {_S.OFFERED}


def test_support_begins_by_acceptance_or_by_a_clinician_and_in_no_other_way() -> None:
    into = {trigger for (state, trigger), (then, _) in REFERRAL_TABLE.items() if then is _S.SUPPORTED is not state}
    assert into == {_T.OFFER_ACCEPTED, _T.RESUMED}


@pytest.mark.parametrize("state", [_S.IN_REVIEW, _S.ON_HOLD])
def test_what_waits_for_a_clinician_goes_on_only_by_a_clinician(state: ReferralState) -> None:
    onward = {
        trigger
        for (origin, trigger), (then, _) in REFERRAL_TABLE.items()
        if origin is state and then in OPEN and then is not state
    }
    assert onward <= {*BY_A_CLINICIAN, _T.SAFETY_EVENT, _T.IDENTITY_CONFLICT, _T.UNREADABLE_REFUSAL}


def test_after_acceptance_a_correction_never_closes_it_by_itself() -> None:
    for state in (_S.SUPPORTED, _S.ON_HOLD):
        assert REFERRAL_TABLE[state, _T.NO_LONGER_POSITIVE][0] is _S.ON_HOLD
    # Given back by its programme it has been accepted: the same holds there.
    assert REFERRAL_TABLE[_S.SUPPORTED, _T.OFFER_RETURNED][0] is _S.ON_HOLD


def test_leaving_the_states_with_offers_says_what_becomes_of_them() -> None:
    about_offers = {*ReferralEffect} - {ReferralEffect.PLACE}
    settled_by_the_programme = {_T.OFFER_ACCEPTED, _T.OFFER_DECLINED, _T.OFFER_RETURNED, _T.OFFER_COMPLETED}
    for (state, trigger), (then, effects) in REFERRAL_TABLE.items():
        if state in (_S.OFFERED, _S.SUPPORTED) and then is not state and trigger not in settled_by_the_programme:
            assert about_offers & {*effects}, (state, trigger)
