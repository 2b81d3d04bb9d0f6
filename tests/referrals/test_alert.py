"""The alert's machine, pair by pair, and what each kind of alert asks of whom."""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import product

import pytest

from service.referrals.alert import (
    ALERT_KINDS,
    ALERT_TABLE,
    NOBODY_NAMED,
    Alert,
    AlertCode,
    AlertEffect,
    AlertState,
    AlertTrigger,
)
from service.referrals.referral import REFERRAL_TABLE
from service.screening.instrument import Priority

NOW = datetime(2026, 11, 23, tzinfo=UTC)

EXPECTED: dict[str, dict[str, str]] = {
    "acknowledge": {"open": "acknowledged"},
    "resolve": {"open": "resolved", "acknowledged": "resolved"},
    "overdue": {"open": "open climb-the-ladder", "acknowledged": "acknowledged climb-the-ladder"},
    "no-longer-needed": {"open": "resolved", "acknowledged": "resolved"},
}

# code: task, priority ("site": the site's policy says), and whether it is announced or waits on the clinic's worklist.
KINDS = {
    "self-harm-present": "clear-review urgent announced",
    "self-harm-unknown": "clear-review site announced",
    "self-harm-not-seen": "clear-review routine worklist",
    "old-self-harm-present": "clear-review urgent announced",
    "old-positive": "acknowledge-alert routine announced",
    "unscorable": "clear-review site announced",
    "score-mismatch": "clear-review routine announced",
    "repeat-screening": "acknowledge-alert routine worklist",
    "consent-needed": "obtain-consent routine announced",
    "consent-contradictory": "obtain-consent routine announced",
    "unplaced": "acknowledge-alert routine announced",
    "no-safe-contact": "acknowledge-alert routine announced",
    "safe-contact-withdrawn": "clear-review urgent announced",
    "returned": "clear-review routine announced",
    "result-corrected": "clear-review urgent announced",
    "safety-event": "clear-review urgent announced",
    "escalation": "clear-review urgent announced",
    "hold-not-seen": "acknowledge-alert urgent announced",
    "contact-while-paused": "acknowledge-alert urgent announced",
    "contact-once-called-off": "acknowledge-alert urgent announced",
    "delivery-stuck": "acknowledge-alert urgent announced",
    "identity-conflict": "clear-review urgent announced",
    "unreadable-refusal": "clear-review urgent announced",
    "content-conflict": "acknowledge-alert urgent announced",
    "unreadable-result": "acknowledge-alert urgent announced",
    "unreadable-risk": "clear-review urgent announced",
    "unreadable-words": "clear-review urgent announced",
    "unnamed-words": "acknowledge-alert urgent announced",
    "unnamed-event": "acknowledge-alert urgent announced",
    "unnamed-refusal": "acknowledge-alert urgent announced",
    "not-all-used": "acknowledge-alert routine announced",
    "records-merged": "acknowledge-alert routine announced",
}


@pytest.mark.parametrize(("state", "trigger"), list(product(AlertState, AlertTrigger)))
def test_every_pair_does_what_the_rules_say_or_is_refused(state: AlertState, trigger: AlertTrigger) -> None:
    step = ALERT_TABLE.get((state, trigger))
    said = None if step is None else " ".join([step[0], *step[1]])
    assert said == EXPECTED[trigger].get(state)


def test_every_state_is_reached_and_resolved_is_the_end() -> None:
    reached = {AlertState.OPEN}
    while more := {then for (state, _), (then, _) in ALERT_TABLE.items() if state in reached} - reached:
        reached |= more
    assert reached == {*AlertState}
    assert not [state for state, _ in ALERT_TABLE if state is AlertState.RESOLVED]


def test_only_what_nobody_has_acknowledged_or_a_review_that_was_seen_by_a_link_climbs_the_ladder() -> None:
    climbs = {state for (state, _), (_, effects) in ALERT_TABLE.items() if AlertEffect.CLIMB_THE_LADDER in effects}
    assert climbs == {AlertState.OPEN, AlertState.ACKNOWLEDGED}
    review = Alert("a", 1, "x", None, None, AlertCode.ESCALATION, Priority.URGENT, AlertState.OPEN, NOW, NOW)
    seen = [review.seen_by(NOBODY_NAMED, NOW, until) for until in (None, NOW)]
    assert [replace(each, state=AlertState.ACKNOWLEDGED).climbs for each in seen] == [False, True]
    assert not replace(seen[1], state=AlertState.RESOLVED).climbs


@pytest.mark.parametrize("code", AlertCode)
def test_every_code_has_its_kind(code: AlertCode) -> None:
    kind = ALERT_KINDS[code]
    said = f"{kind.task} {kind.priority or 'site'} {'announced' if kind.announced else 'worklist'}"
    assert said == KINDS[code]


def test_no_alert_is_a_task_to_fulfil() -> None:
    assert all(kind.task.value != "fulfill" for kind in ALERT_KINDS.values())


def test_what_a_referral_raises_is_always_announced() -> None:
    raised = {effect for _, effects in REFERRAL_TABLE.values() for effect in effects if isinstance(effect, AlertCode)}
    assert raised
    assert all(ALERT_KINDS[code].announced for code in raised)
