"""Put what a programme said to a clinician: an alert to the hospital, whatever the state of offer and referral."""

from datetime import datetime

from service.flow.move_offer import show_anew
from service.flow.ports import Transaction
from service.flow.raise_alert import alert_about_offer
from service.flow.rules import Rules
from service.referrals.alert import AlertCode
from service.referrals.escalation import Escalation, Said
from service.referrals.offer import Offer


def escalate(
    tx: Transaction,
    rules: Rules,
    offer: Offer,
    said: Said,
    now: datetime,
    *,
    type: str,
    source: str,
    id: str | None = None,
) -> Escalation:
    """Raise the alert, as urgent as was said, and keep the words that go into it.

    `type` is the resource that they came in, `source` what says the same when it comes again, and `id` that of a
    Communication. The caller holds the lock on the woman.
    """
    alert = alert_about_offer(tx, rules, AlertCode.ESCALATION, offer, now, priority=said.urgency)
    new_id = id or tx.new_id()
    escalation = Escalation(new_id, type, offer.id, offer.programme_id, alert.id, said, now, source)
    tx.escalations.add(escalation)
    return escalation


def show_answer(tx: Transaction, alert_id: str) -> None:
    """The programme that told what raised this alert sees on its Task that it was answered."""
    escalation = tx.escalations.behind([alert_id]).get(alert_id)
    if escalation is not None and escalation.offer_id is not None:
        show_anew(tx, tx.offers.get(escalation.offer_id))
