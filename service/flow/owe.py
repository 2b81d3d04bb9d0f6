"""Owe a hospital's own record what changed, as far as its record takes that (sites/*.toml)."""

from datetime import datetime

from service.flow.ports import Transaction
from service.flow.rules import Rules
from service.referrals.alert import Alert
from service.referrals.note import Note, NoteKind
from service.referrals.offer import Offer
from service.referrals.referral import Referral
from service.screening.instrument import Recorded

_AS: dict[type[Referral | Offer | Alert], Recorded] = {
    Referral: Recorded.REFERRAL,
    Offer: Recorded.OFFERS,
    Alert: Recorded.ALERTS,
}


def owe(tx: Transaction, rules: Rules, changed: Referral | Offer | Alert) -> None:
    """Owe this version of it; an alert goes in the lane that waits for nothing."""
    kind = _AS[type(changed)]
    if kind in rules.policy(changed.tenant_id).record:
        urgent = kind is Recorded.ALERTS
        tx.deliveries.owe(changed.tenant_id, kind.value, changed.id, changed.version, changed.patient_id, urgent=urgent)


def owe_note(tx: Transaction, rules: Rules, referral: Referral, kind: NoteKind | None, now: datetime) -> None:
    """Keep that this step was taken and owe a note of it; None is no step to tell. A note has one version only, so that
    no later one supersedes it."""
    if kind is not None and Recorded.NOTES in rules.policy(referral.tenant_id).record:
        note = Note(tx.new_id(), referral.id, kind, now)
        tx.notes.add(note)
        tx.deliveries.owe(referral.tenant_id, Recorded.NOTES.value, note.id, 1, referral.patient_id)
