"""A clinician refers a woman by their own word, without a screening result, or takes that back."""

from datetime import datetime
from typing import NamedTuple

from service.flow.advance import advance
from service.flow.answer import Accepted, Answer, Reason, Refused, Repeated
from service.flow.doubt_identity import one_subject
from service.flow.open_referral import open_referral
from service.flow.ports import Transaction
from service.flow.received import Received, Reference
from service.flow.remember import remember
from service.flow.rules import Rules
from service.referrals.instruction import Instruction, Order
from service.referrals.patient import Patient
from service.referrals.referral import REFERRAL_ENDED, Referral, ReferralState, ReferralTrigger


class ReceivedRequest(NamedTuple):
    """`received` has the sender's own names of the request; `ends` is True when it is taken back.

    `practitioner` is who refers, as the hospital writes it.
    """

    received: Received
    subject: Reference
    ends: bool = False
    practitioner: str | None = None


def request_referral(tx: Transaction, rules: Rules, message: ReceivedRequest, now: datetime) -> Answer:
    """Open a referral for a woman who has none, and else let the open one answer the request; or end the one that
    answers it, whatever opened that. One that is over is not opened again.

    The word of a clinician stands in the place of a positive result and of nothing else: a risk that waits for its
    review is reviewed first, and without her own yes nothing is offered.
    """
    received = message.received
    patient_id, refused = one_subject(tx, rules, message.subject, "subject", now)
    if patient_id is None:
        return remember(tx, received, None, refused)
    patient = tx.patients.lock(patient_id)
    known = _known(tx, received)
    if known is not None and known.patient_id != patient.id:
        answer: Answer = Refused(Reason.ELEMENT_FIXED, "subject")
    elif message.ends:
        answer = _end(tx, rules, known, message, now)
    elif known is not None and known.state in REFERRAL_ENDED:
        answer = Refused(Reason.TRANSITION_NOT_ALLOWED, "status")
    elif known is not None:
        answer = Repeated("ServiceRequest", known.id, known.version)
    else:
        answer = _open(tx, rules, patient, received, now)
    return remember(tx, received, patient.id, answer)


def _known(tx: Transaction, received: Received) -> Referral | None:
    ids = (tx.aliases.find("ServiceRequest", name.system, name.value) for name in received.identifiers)
    return next((tx.referrals.get(id) for id in ids if id is not None), None)


def _end(tx: Transaction, rules: Rules, referral: Referral | None, message: ReceivedRequest, now: datetime) -> Answer:
    if referral is None:
        return Refused(Reason.NOT_FOUND)
    moved = advance(tx, rules, referral, ReferralTrigger.CLOSED_BY_CLINICIAN, now)
    if moved is None:
        return Repeated("ServiceRequest", referral.id, referral.version)
    tx.referrals.keep_instruction(referral.id, Instruction(Order.CLOSE, now, practitioner=message.practitioner))
    return Accepted("ServiceRequest", moved.id, moved.version)


def _open(tx: Transaction, rules: Rules, patient: Patient, received: Received, now: datetime) -> Answer:
    if patient.facts.deceased:
        return Refused(Reason.TRANSITION_NOT_ALLOWED, "status")
    referral = tx.referrals.open_of(patient.id)
    answer: Answer
    if referral is None:
        referral = open_referral(tx, rules, patient.tenant_id, patient.id, ReferralState.PLACING, now)
        answer = Accepted("ServiceRequest", referral.id, referral.version, created=True)
    else:
        answer = Repeated("ServiceRequest", referral.id, referral.version)
    for name in received.identifiers:
        tx.aliases.claim("ServiceRequest", name.system, name.value, referral.id)
    return answer
