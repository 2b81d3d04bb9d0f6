"""Contact pauses until a person has looked, for what is not certain: whom a message means, or what she has said."""

from datetime import datetime

from service.flow.advance import advance
from service.flow.ports import Transaction
from service.flow.raise_alert import alert_about
from service.flow.rules import Rules
from service.referrals.alert import AlertCode, AlertState
from service.referrals.referral import ReferralState, ReferralTrigger


def pause_until_seen(tx: Transaction, rules: Rules, patient_id: str, trigger: ReferralTrigger, now: datetime) -> None:
    """By the trigger that is called as its alert is. It is said once until somebody has seen it, however often it is
    sent."""
    patient, referral, code = tx.patients.lock(patient_id), tx.referrals.open_of(patient_id), AlertCode(trigger)
    alerts = (each for each in tx.alerts.unresolved_about(patient_id) if each.code is code)
    said = any(each.state is AlertState.OPEN for each in alerts)
    if referral is None:
        if not said:
            alert_about(tx, rules, code, patient, now)
    elif not (said and referral.state is ReferralState.ON_HOLD):
        advance(tx, rules, referral, trigger, now)
