"""Two words of hers on one organisation differ and are of the same instant: neither counts, and the clinic is asked."""

from datetime import UTC, datetime

from service.flow.ports import Transaction
from service.flow.raise_alert import alert_about_referral
from service.flow.rules import Rules
from service.referrals.alert import AlertCode
from service.referrals.referral import Referral


def ask_which_counts(
    tx: Transaction, rules: Rules, referral: Referral, organisation_id: str, said_at: datetime, now: datetime
) -> None:
    """Once for each instant, however many words there are of it, and how often the referral is placed.

    The caller holds the lock on the woman.
    """
    code = AlertCode.CONSENT_CONTRADICTORY
    topic = "|".join((referral.id, organisation_id, said_at.astimezone(UTC).isoformat()))
    if tx.alerts.was_raised(referral.tenant_id, code, topic):
        return
    theirs = tuple(each.id for each in tx.programmes.all() if each.organisation_id == organisation_id)
    named = theirs[: rules.policy(referral.tenant_id).consent_request_names]
    alert_about_referral(tx, rules, code, referral, now, programmes=named, topic=topic)
