"""How she may be reached is said by itself, of no programme and of no referral (HL7 v2): the newest word counts."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from service.consent.safe_contact import UNDATED, Mode, SafeContact, heard, narrows, newest, safe_channel
from service.flow.advance import advance
from service.flow.answer import Accepted, Answer, Reason, Refused, Repeated
from service.flow.follow_safe_contact import follow_safe_contact
from service.flow.identify import subject_of
from service.flow.learn import learn
from service.flow.move_offer import refresh_offers
from service.flow.ports import Transaction
from service.flow.received import Received, Reference
from service.flow.rules import Rules
from service.referrals.patient import Patient
from service.referrals.referral import ReferralTrigger
from service.shared.audit import Action, AuditEvent


class ReceivedSafeContact(NamedTuple):
    """All of how she may be reached: what is not in it is not safe, unless it only denies (`said_at` None)."""

    received: Received
    patient: Reference
    said: SafeContact


def hear_safe_contact(tx: Transaction, rules: Rules, message: ReceivedSafeContact, now: datetime) -> Answer:
    """A record tells it with every message: the same once more is no news, and an older word changes nothing. What
    gives a way and is not used is told where it may be no older, or where she is waiting for one."""
    patient_id = subject_of(tx, message.patient)
    if patient_id is None:
        return Refused(Reason.SUBJECT_UNKNOWN)
    patient = tx.patients.lock(patient_id)
    known, said = _known(tx, patient), message.said
    counts, unchanged = _heard(known, message), Repeated("Patient", patient_id, patient.version)
    if counts is None:
        return unchanged
    changed = counts is not known and _learn(tx, rules, patient, known, counts, now)
    unclear = said.said_at in (UNDATED, known and known.said_at)
    if narrows(said, counts) and (unclear or safe_channel(counts, now.date()) is None):
        return Refused(Reason.CHANGED_MEANWHILE)
    return Accepted("Patient", patient_id, patient.version) if changed else unchanged


def _learn(
    tx: Transaction, rules: Rules, patient: Patient, known: SafeContact | None, counts: SafeContact, now: datetime
) -> bool:
    """Whether it changes anything. What a consent has said counts no more when that does not."""
    learn(tx, patient.id, None, counts)
    if counts == known == patient.safe_contact:
        return False
    tx.audit.write(AuditEvent(Action.UPDATE, f"Patient/{patient.id}", patient.id, "safe-contact"))
    referral = tx.referrals.open_of(patient.id)
    if referral is not None:
        refresh_offers(tx, referral)
        # Whoever waits for a way to reach her, and for nothing else, waits no more; nobody is asked anything twice.
        moved = advance(tx, rules, referral, ReferralTrigger.TRIED_AGAIN, now) or referral
        follow_safe_contact(tx, rules, moved, now)
    return True


def takes_away(tx: Transaction, patient_id: str, message: ReceivedSafeContact) -> Sequence[tuple[Mode, str | None]]:
    """The ways that were known, where less is safe by it than was."""
    known = _known(tx, tx.patients.lock(patient_id))
    if known is None or not narrows(known, _heard(known, message)):
        return ()
    return [(each.mode, each.address()) for each in known.channels]


def _heard(known: SafeContact | None, message: ReceivedSafeContact) -> SafeContact | None:
    said = message.said
    if known is None and not said.channels:
        # Nothing is taken away, and a number may be found out later that has no time.
        return known
    if said.said_at == UNDATED and message.received.replays is not None and known is not None:
        # What was known by then nobody can tell; what it denies was denied when it came.
        said = replace(said, said_at=None)
    return heard(known, said)


def _known(tx: Transaction, patient: Patient) -> SafeContact | None:
    return newest(patient.safe_contact, *(each.safe_contact for each in tx.consents.of_patient(patient.id)))
