"""Which alerts a referral answers by moving on, and what a decision about it has said of them."""

import pytest

from service.referrals.alert import ALERT_KINDS, AlertCode, AlertTask
from service.referrals.referral import REFERRAL_TABLE, ReferralState, ReferralTrigger
from service.referrals.review import ASKED_IN, ENDED_BY, HELD, REQUESTS, RISK, SAYS, may_be_answered

CLINICIAN = {
    "resumed": "suitable",
    "resumed-to-review": "suitable",
    "replaced": "suitable",
    "reviewed-not-suitable": "not-suitable",
    "referred-to-specialist": "refer-to-specialist",
    "closed-by-clinician": "close",
    "voided": "close",
}


def test_every_decision_of_a_clinician_comes_to_an_outcome_and_nothing_else_does() -> None:
    assert CLINICIAN == SAYS


@pytest.mark.parametrize(("left", "entered"), [(left, to) for left in ReferralState for to in ReferralState])
def test_a_request_answers_what_was_asked_where_it_was_and_is_not_asked_where_it_is(
    left: ReferralState, entered: ReferralState
) -> None:
    to_place = {"awaiting-consent", "placing"}
    expected: set[AlertCode] = set()
    if left in to_place and entered not in to_place:
        expected |= {*REQUESTS, AlertCode.CONSENT_CONTRADICTORY}
    if left == "on-hold" != entered:
        expected |= {*HELD}
    assert {*may_be_answered(ReferralTrigger.CONSENT_WITHDRAWN, left, entered)} == expected


def test_no_order_answers_a_risk_or_a_worry() -> None:
    answered = {*ASKED_IN, *ENDED_BY}
    assert not answered & {*RISK, AlertCode.ESCALATION, AlertCode.UNREADABLE_RISK, AlertCode.UNREADABLE_WORDS}


def test_whoever_leaves_a_hold_by_a_clinicians_word_has_said_what_becomes_of_it() -> None:
    by_itself = {"consent-refused", "consent-withdrawn", "consent-expired", "woman-died", "merged"}
    leaving = {
        trigger.value
        for (state, trigger), (then, _) in REFERRAL_TABLE.items()
        if state is ReferralState.ON_HOLD and then is not ReferralState.ON_HOLD
    }
    assert leaving == by_itself | {trigger.value for trigger in SAYS}
    assert all(ALERT_KINDS[code].task is AlertTask.REVIEW for code in HELD)
