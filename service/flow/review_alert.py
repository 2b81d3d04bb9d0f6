"""A named clinician has reviewed what held a referral back: keep the review, and lead the referral where it says."""

from dataclasses import replace
from datetime import datetime

from service.flow.advance import advance
from service.flow.move_alert import move_alert
from service.flow.open_referral import open_referral
from service.flow.ports import Transaction
from service.flow.rules import Rules
from service.referrals.alert import Alert, AlertTrigger, Practitioner, Review, ReviewOutcome
from service.referrals.offer import PAUSED
from service.referrals.referral import Referral, ReferralState, ReferralTrigger
from service.referrals.review import leads_to, needs_another_first, opens_a_referral, settled_with


def review_alert(
    tx: Transaction, rules: Rules, alert: Alert, outcome: ReviewOutcome, practitioner: Practitioner, now: datetime
) -> Alert | None:
    """The reviewed alert; None when another of her alerts has to be reviewed first, nothing changed.

    The caller holds the lock on the woman and has seen that the result reviewed is the newest.
    """
    others = _others(tx, alert)
    if needs_another_first(alert, outcome, others):
        return None
    settled = settled_with(alert, others)
    review = Review(outcome, practitioner, now)
    for each in settled:
        _resolve(tx, rules, each, review, now)
    reviewed = _resolve(tx, rules, alert, review, now)
    stay = [each for each in others if each not in settled]
    if alert.patient_id is not None:
        _lead(tx, rules, alert, alert.patient_id, outcome, practitioner, stay, now)
    return reviewed


def _others(tx: Transaction, alert: Alert) -> list[Alert]:
    """Her other alerts that nobody has resolved; of a message about no known woman there are none."""
    if alert.patient_id is None:
        return []
    return [each for each in tx.alerts.unresolved_about(alert.patient_id) if each.id != alert.id]


def _resolve(tx: Transaction, rules: Rules, alert: Alert, review: Review, now: datetime) -> Alert:
    seen = replace(alert.seen_by(review.practitioner, now), review=review)
    resolved = move_alert(tx, rules, seen, AlertTrigger.RESOLVE, now)
    assert resolved is not None  # noqa: S101 - the caller has only what is unresolved
    return resolved


def _lead(
    tx: Transaction,
    rules: Rules,
    alert: Alert,
    patient_id: str,
    outcome: ReviewOutcome,
    practitioner: Practitioner,
    stay: list[Alert],
    now: datetime,
) -> None:
    referral = _referral(tx, alert, patient_id)
    if referral is None:
        if opens_a_referral(alert, outcome, stay):
            opened = open_referral(tx, rules, alert.tenant_id, patient_id, ReferralState.PLACING, now)
            advance(tx, rules, opened, ReferralTrigger.OPENED, now)
        return
    waits = any(each.state in PAUSED for each in tx.offers.of_referral(referral.id))
    trigger = leads_to(alert, outcome, referral.state, stay, offer_waits=waits)
    if trigger is not None:
        advance(tx, rules, referral, trigger, now, by=practitioner)


def _referral(tx: Transaction, alert: Alert, patient_id: str) -> Referral | None:
    """Her open one: what was raised about an earlier referral, ended since, says nothing of a later one."""
    referral = tx.referrals.open_of(patient_id)
    about_another = referral is not None and alert.referral_id not in (None, referral.id)
    return None if about_another else referral
