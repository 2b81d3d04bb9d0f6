"""Ask the clinic of a woman to ring the programme that wrote what nobody could read."""

from datetime import datetime

from service.flow.ports import Transaction
from service.flow.raise_alert import raise_alert
from service.flow.rules import Rules
from service.referrals.alert import AlertCode, AlertState
from service.referrals.offer import Offer


def ask_to_ring(tx: Transaction, rules: Rules, offer: Offer, now: datetime) -> None:
    """Whoever rings because of one such alert hears all of it, and a client may try again every minute: so there is
    one until somebody has seen it. The caller holds the lock on the woman."""
    open_ones = tx.alerts.unresolved(offer.referral_id, (AlertCode.UNREADABLE_WORDS,))
    if any(each.state is AlertState.OPEN for each in open_ones):
        return
    raise_alert(
        tx,
        rules,
        AlertCode.UNREADABLE_WORDS,
        tenant_id=offer.tenant_id,
        patient_id=offer.patient_id,
        referral_id=offer.referral_id,
        now=now,
    )
