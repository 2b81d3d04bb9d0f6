"""How she may be reached is said by itself, of no programme and of no referral (HL7 v2): the newest word counts."""

from datetime import datetime
from typing import NamedTuple

from service.consent.safe_contact import SafeContact, narrows, newest
from service.flow.advance import advance
from service.flow.answer import Accepted, Answer, Reason, Refused, Repeated
from service.flow.follow_safe_contact import follow_safe_contact
from service.flow.identify import subject_of
from service.flow.learn import learn, said_at
from service.flow.move_offer import refresh_offers
from service.flow.ports import Transaction
from service.flow.received import Received, Reference
from service.flow.rules import Rules
from service.referrals.patient import Patient
from service.referrals.referral import ReferralTrigger
from service.shared.audit import Action, AuditEvent


class ReceivedSafeContact(NamedTuple):
    """All of how she may be reached: what is not in it is not safe."""

    received: Received
    patient: Reference
    said: SafeContact


def hear_safe_contact(tx: Transaction, rules: Rules, message: ReceivedSafeContact, now: datetime) -> Answer:
    """A record tells it with every message: the same once more is no news. A replay undoes no word of hers."""
    patient_id = subject_of(tx, message.patient)
    if patient_id is None:
        return Refused(Reason.SUBJECT_UNKNOWN)
    patient = tx.patients.lock(patient_id)
    known = _known(tx, patient)
    # What a consent has said counts no more when that does not.
    told = known == patient.safe_contact == message.said
    if told or (known is not None and message.received.replays is not None):
        return Repeated("Patient", patient_id, patient.version)
    learn(tx, patient_id, None, said_at(message.said, now))
    tx.audit.write(AuditEvent(Action.UPDATE, f"Patient/{patient_id}", patient_id, "safe-contact"))
    referral = tx.referrals.open_of(patient_id)
    if referral is not None:
        refresh_offers(tx, referral)
        # Whoever waits for a way to reach her, and for nothing else, waits no more; nobody is asked anything twice.
        moved = advance(tx, rules, referral, ReferralTrigger.TRIED_AGAIN, now) or referral
        follow_safe_contact(tx, rules, moved, now)
    return Accepted("Patient", patient_id, patient.version)


def takes_away(tx: Transaction, patient_id: str, message: ReceivedSafeContact) -> bool:
    """Whether less is safe by it than was known to be."""
    return narrows(_known(tx, tx.patients.lock(patient_id)), message.said)


def _known(tx: Transaction, patient: Patient) -> SafeContact | None:
    return newest(patient.safe_contact, *(each.safe_contact for each in tx.consents.of_patient(patient.id)))
