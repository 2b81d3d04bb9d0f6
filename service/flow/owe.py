"""Owe a hospital's own record what changed, as far as its record takes that (sites/*.toml)."""

from datetime import datetime

from service.flow.ports import Transaction
from service.flow.rules import Rules
from service.referrals.alert import ALERT_KINDS, Alert
from service.referrals.delivery import Lane
from service.referrals.note import Note, NoteKind
from service.referrals.offer import Offer
from service.referrals.referral import Referral
from service.screening.instrument import Priority, Recorded

_LANES = {Priority.URGENT: Lane.URGENT, Priority.ROUTINE: Lane.ROUTINE}
_AS: dict[type[Referral | Offer], Recorded] = {Referral: Recorded.REFERRAL, Offer: Recorded.OFFERS}


def owe(tx: Transaction, rules: Rules, changed: Referral | Offer) -> None:
    """Owe this version of it."""
    kind = _AS[type(changed)]
    if kind in rules.policy(changed.tenant_id).record:
        tx.deliveries.owe(changed.tenant_id, kind.value, changed.id, changed.version, changed.patient_id)


def owe_alert(tx: Transaction, rules: Rules, alert: Alert, *, says_it: bool = False) -> None:
    """Owe the alert's Task as it now is, in a lane that waits for nothing; `says_it` also the message that tells
    somebody of it. A row of the worklist is not announced, and nothing is urgent about what is over."""
    over = alert.is_over
    lane = Lane.ROUTINE if over else _LANES[alert.priority]
    takes = rules.policy(alert.tenant_id).record if ALERT_KINDS[alert.code].announced else frozenset()
    for kind in (Recorded.ALERTS, Recorded.ALERT_TASKS) if says_it else (Recorded.ALERT_TASKS,):
        if kind in takes:
            tx.deliveries.owe(alert.tenant_id, kind.value, alert.id, alert.version, alert.patient_id, lane, over)


def owe_note(tx: Transaction, rules: Rules, referral: Referral, kind: NoteKind | None, now: datetime) -> None:
    """Keep that this step was taken and owe a note of it; None is no step to tell. A note has one version only, so that
    no later one supersedes it."""
    if kind is not None and Recorded.NOTES in rules.policy(referral.tenant_id).record:
        note = Note(tx.new_id(), referral.id, kind, now)
        tx.notes.add(note)
        tx.deliveries.owe(referral.tenant_id, Recorded.NOTES.value, note.id, 1, referral.patient_id)
