"""Put to clinicians what a programme said about a woman whom it did not name: nobody knows yet whose she is."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from service.flow.ports import Transaction
from service.flow.raise_alert import raise_alert
from service.flow.rules import Rules
from service.referrals.alert import AlertCode
from service.referrals.escalation import Escalation, Said
from service.referrals.offer import Dealings


def hospitals_of(tx: Transaction, rules: Rules, now: datetime) -> Sequence[Dealings]:
    """The hospitals that she may be from: those of which the caller has an offer that is open, or is not over for
    longer than its tombstone is kept."""
    return [
        each
        for each in tx.visible.dealings(now)
        if now - each.last_at <= timedelta(days=rules.policy(each.tenant_id).tombstone_days)
    ]


def escalate_unnamed(
    tx: Transaction,
    rules: Rules,
    hospitals: Sequence[Dealings],
    said: Said,
    now: datetime,
    *,
    id: str,
    fingerprint: str,
) -> None:
    """Raise an alert about no woman at each, as urgent as was said, which names the programme that is to be rung.

    One hospital alone gets the words. Of several all but one would read about another's patient, so none of them does.
    `id` is that of the Communication.
    """
    alone = len(hospitals) == 1
    for each in hospitals:
        alert = raise_alert(
            tx,
            rules,
            AlertCode.UNNAMED_WORDS,
            tenant_id=each.tenant_id,
            patient_id=None,
            referral_id=None,
            now=now,
            priority=said.urgency,
        )
        own_id, words = (id, said) if alone else (tx.new_id(), None)
        told = Escalation(own_id, "Communication", None, each.programme_id, alert.id, words, now, fingerprint)
        tx.escalations.add(told)
