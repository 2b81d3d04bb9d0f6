"""What a decision asks for, cell by cell of the table of outcomes and self-harm judgements."""

from itertools import product

import pytest

from service.referrals.alert import ALERT_KINDS, AlertCode
from service.referrals.opening import CONSEQUENCES, CONSEQUENCES_WHEN_OLD
from service.referrals.referral import REFERRAL_TABLE, ReferralState
from service.screening.decide import Outcome, SelfHarm

# (alert, state in which a referral opens, what an open one is told)
URGENT, NOTHING = ("self-harm-present", None, "self-harm-present"), (None, None, None)
EXPECTED: dict[str, dict[str, tuple[str | None, str | None, str | None]]] = {
    "positive": {
        "present": ("self-harm-present", "in-review", "self-harm-present"),
        "unknown": ("self-harm-unknown", "in-review", "self-harm-unknown"),
        "absent": (None, "placing", None),
        "not-asked": (None, "placing", None),
    },
    "repeat": {
        "present": URGENT,
        "unknown": ("self-harm-not-seen", None, None),
        "absent": ("repeat-screening", None, None),
        "not-asked": ("repeat-screening", None, None),
    },
    "negative": {
        "present": URGENT,
        "unknown": ("self-harm-not-seen", None, None),
        "absent": NOTHING,
        "not-asked": NOTHING,
    },
    "unscorable": {
        "present": URGENT,
        "unknown": ("unscorable", None, None),
        "absent": ("unscorable", None, None),
        "not-asked": ("unscorable", None, None),
    },
}
OLD_RISK = ("old-self-harm-present", None, "old-self-harm-present")
OLD_POSITIVE = ("old-positive", None, None)
# Of an old result only this differs.
EXPECTED_WHEN_OLD: dict[str, dict[str, tuple[str | None, str | None, str | None]]] = {
    "positive": {"present": OLD_RISK, "unknown": OLD_POSITIVE, "absent": OLD_POSITIVE, "not-asked": OLD_POSITIVE},
    **{outcome: {**EXPECTED[outcome], "present": OLD_RISK} for outcome in ("repeat", "negative", "unscorable")},
}
PAIRS = list(product(Outcome, SelfHarm))
TABLES = {"new": CONSEQUENCES, "old": CONSEQUENCES_WHEN_OLD}


@pytest.mark.parametrize(("outcome", "self_harm"), PAIRS)
def test_every_pair_asks_for_what_the_table_says(outcome: Outcome, self_harm: SelfHarm) -> None:
    found = CONSEQUENCES[outcome, self_harm]
    assert (found.alert, found.opens, found.tells) == EXPECTED[outcome][self_harm]
    old = CONSEQUENCES_WHEN_OLD[outcome, self_harm]
    assert (old.alert, old.opens, old.tells) == EXPECTED_WHEN_OLD[outcome][self_harm]


@pytest.mark.parametrize("age", TABLES)
@pytest.mark.parametrize("outcome", Outcome)
def test_present_self_harm_is_an_urgent_alert_whatever_the_total_says(outcome: Outcome, age: str) -> None:
    alert = TABLES[age][outcome, SelfHarm.PRESENT].alert
    assert alert is not None
    assert ALERT_KINDS[alert].priority == "urgent"


@pytest.mark.parametrize("self_harm", [SelfHarm.PRESENT, SelfHarm.UNKNOWN])
def test_no_programme_is_asked_while_self_harm_is_present_or_unknown(self_harm: SelfHarm) -> None:
    assert {CONSEQUENCES[outcome, self_harm].opens for outcome in Outcome} <= {ReferralState.IN_REVIEW, None}


@pytest.mark.parametrize("age", TABLES)
@pytest.mark.parametrize(("outcome", "self_harm"), PAIRS)
def test_an_open_referral_that_is_told_raises_the_same_alert(outcome: Outcome, self_harm: SelfHarm, age: str) -> None:
    consequence = TABLES[age][outcome, self_harm]
    if consequence.tells is not None:
        for state in ReferralState:
            alerts = {each for each in REFERRAL_TABLE[state, consequence.tells][1] if isinstance(each, AlertCode)}
            assert alerts == {consequence.alert}
