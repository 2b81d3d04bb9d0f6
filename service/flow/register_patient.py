"""A hospital makes one of its patients known, or says something new about her (FHIR Patient)."""

from dataclasses import dataclass, replace
from datetime import datetime

from service.flow.advance import advance
from service.flow.answer import Accepted, Answer, Reason, Refused, Repeated
from service.flow.identify import identify
from service.flow.move_offer import refresh_offers
from service.flow.ports import Transaction
from service.flow.received import Received
from service.flow.remember import remember
from service.flow.rules import Rules
from service.referrals.patient import Patient, PatientFacts
from service.referrals.referral import ReferralTrigger


@dataclass(frozen=True, slots=True)
class ReceivedPatient:
    """`updates` is True for PUT: then a known identifier means her, and not a second registration."""

    received: Received
    facts: PatientFacts
    updates: bool


def register_patient(tx: Transaction, rules: Rules, message: ReceivedPatient, now: datetime) -> Answer:
    """Create or update her. A creation that names a known identifier answers with the patient known already."""
    answer, patient_id = _register(tx, rules, message, now)
    return remember(tx, message.received, patient_id, answer)


def _register(tx: Transaction, rules: Rules, message: ReceivedPatient, now: datetime) -> tuple[Answer, str | None]:
    received = message.received
    if received.target_id is not None:
        known = tx.visible.patient_id(received.target_id)
        if known is None:
            return Refused(Reason.NOT_FOUND), None
        named = identify(tx, received, known)
        if named != known:
            return Refused(Reason.SEVERAL_MATCH, "identifier"), known
        return _update(tx, rules, known, message, now), known
    if message.updates and _names_another(tx, received):
        return Refused(Reason.SEVERAL_MATCH, "identifier"), None
    new_id = tx.new_id()
    owner = identify(tx, received, new_id)
    if isinstance(owner, Refused):
        return owner, None
    if owner == new_id:
        tx.patients.add(Patient(new_id, 1, tx.caller.organisation_id, message.facts))
        return Accepted("Patient", new_id, 1, created=True), new_id
    if message.updates:
        return _update(tx, rules, owner, message, now), owner
    version, body = tx.inbox.latest("Patient", owner) or (1, b"")
    if received.condition is not None or body == received.body:
        return Repeated("Patient", owner, version), owner
    return Refused(Reason.DIFFERENT_UNDER_SAME_IDENTIFIER, "identifier"), owner


def _names_another(tx: Transaction, received: Received) -> bool:
    """Whether an update addressed to somebody unknown here carries the identifier of a woman who is known."""
    condition = received.condition
    if condition is None or tx.aliases.find("Patient", condition.system, condition.value) is not None:
        return False
    return any(tx.aliases.find("Patient", each.system, each.value) for each in received.identifiers)


def _update(tx: Transaction, rules: Rules, patient_id: str, message: ReceivedPatient, now: datetime) -> Answer:
    patient = tx.patients.lock(patient_id)
    received = message.received
    if received.expected_version not in (None, patient.version):
        return Refused(Reason.VERSION_STALE)
    latest = tx.inbox.latest("Patient", patient_id)
    if latest is not None and latest[1] == received.body:
        return Repeated("Patient", patient_id, latest[0])
    changed = replace(patient, version=patient.version + 1, facts=message.facts)
    tx.patients.save(changed)
    referral = tx.referrals.open_of(patient_id)
    if referral is not None and changed.facts.deceased and not patient.facts.deceased:
        advance(tx, rules, referral, ReferralTrigger.WOMAN_DIED, now)
    elif referral is not None and changed.facts != patient.facts:
        refresh_offers(tx, referral)
    return Accepted("Patient", patient_id, changed.version)
