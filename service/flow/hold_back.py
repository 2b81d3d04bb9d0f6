"""What a clinician has still to see of a woman holds for a referral that has not heard of it."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from service.flow.advance import advance
from service.flow.owe import owe_alert
from service.flow.ports import Transaction
from service.flow.rules import Rules
from service.referrals.alert import Alert, AlertCode
from service.referrals.referral import Referral, ReferralTrigger
from service.referrals.review import HELD, RISK


def hold_back(
    tx: Transaction, rules: Rules, referral: Referral, asked: Iterable[Alert], now: datetime, *, event: bool
) -> Referral | None:
    """The referral after that, None where nothing keeps it from going on.

    `asked` are the alerts that ask a clinician to decide about her: they decide about this referral now, else their
    answers would end nothing that waits, and release nothing. `event`: something has happened that may make contact
    unwelcome, and this referral has not heard of it. The caller holds the lock on the woman."""
    waits = set()
    for alert in asked:
        waits.add(alert.code)
        moved = replace(alert, referral_id=referral.id, version=alert.version + 1)
        tx.alerts.save(moved, alert)
        owe_alert(tx, rules, moved)
    if event and AlertCode.SAFETY_EVENT not in waits:
        trigger = ReferralTrigger.SAFETY_EVENT
    elif not waits.isdisjoint(HELD):
        trigger = ReferralTrigger.HELD_BY_CLINICIAN
    elif not waits.isdisjoint(RISK):
        trigger = ReferralTrigger.RISK_NOT_REVIEWED
    else:
        return None
    return advance(tx, rules, referral, trigger, now)
