"""A named clinician has reviewed what held a referral back: keep the review, and lead the referral where it says."""

from dataclasses import replace
from datetime import datetime

from service.flow.advance import advance
from service.flow.answer import Reason
from service.flow.follow_safe_contact import is_reachable
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
) -> Alert | Reason:
    """The reviewed alert, or why it cannot be reviewed so now, nothing changed: another of her alerts has to be first,
    or support would go on though nobody knows a safe way to reach her.

    The caller holds the lock on the woman and has seen that the result reviewed is the newest.
    """
    others = _others(tx, alert)
    if needs_another_first(alert, outcome, others):
        return Reason.REVIEW_OUTDATED
    settled = settled_with(alert, others)
    stay = [each for each in others if each not in settled]
    referral = _referral(tx, alert)
    trigger = _told(tx, referral, alert, outcome, stay) if referral else None
    if referral and trigger is ReferralTrigger.RESUMED and not is_reachable(tx, rules, referral, now):
        return Reason.NO_SAFE_CONTACT
    review = Review(outcome, practitioner, now)
    for each in settled:
        _resolve(tx, rules, each, review, now)
    reviewed = _resolve(tx, rules, alert, review, now)
    if referral is not None and trigger is not None:
        advance(tx, rules, referral, trigger, now, by=practitioner)
    elif referral is None and alert.patient_id is not None and opens_a_referral(alert, outcome, stay):
        result_id = alert.result.id if alert.result else None
        open_referral(tx, rules, alert.tenant_id, alert.patient_id, ReferralState.PLACING, now, result_id)
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


def _told(
    tx: Transaction, referral: Referral, alert: Alert, outcome: ReviewOutcome, stay: list[Alert]
) -> ReferralTrigger | None:
    waits = any(each.state in PAUSED for each in tx.offers.of_referral(referral.id))
    return leads_to(alert, outcome, referral.state, stay, offer_waits=waits)


def _referral(tx: Transaction, alert: Alert) -> Referral | None:
    """Her open one: what was raised about an earlier referral, ended since, says nothing of a later one."""
    referral = None if alert.patient_id is None else tx.referrals.open_of(alert.patient_id)
    about_another = referral is not None and alert.referral_id not in (None, referral.id)
    return None if about_another else referral
