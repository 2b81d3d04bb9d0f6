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
from service.screening.decide import too_old_to_refer
from service.shared.clock import is_to_come


class ReceivedRequest(NamedTuple):
    """`received` has the sender's own names of the request; `ends` is True when it is taken back.

    `practitioner` is who refers, as the hospital writes it. `asked_at` is when they did, and `expires_at` when the
    request is over, if it says so.
    """

    received: Received
    subject: Reference
    ends: bool = False
    practitioner: str | None = None
    asked_at: datetime | None = None
    expires_at: datetime | None = None


TAKEN_BACK = "taken-back"
"""What a number stands for that was taken back before it was asked for: no referral, ever."""


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
    named = (tx.aliases.find("ServiceRequest", name.system, name.value) for name in received.identifiers)
    known_id = next((id for id in named if id is not None), None)
    known = tx.referrals.get(known_id) if known_id is not None and known_id != TAKEN_BACK else None
    if known is not None and known.patient_id != patient.id:
        answer: Answer = Refused(Reason.ELEMENT_FIXED, "subject")
    elif message.ends:
        answer = _end(tx, rules, known, message, now)
    elif message.expires_at is not None and message.expires_at < now:
        answer = Refused(Reason.OUT_OF_DATE, "occurrence")
    elif known_id == TAKEN_BACK or (known is not None and known.state in REFERRAL_ENDED):
        answer = Refused(Reason.TRANSITION_NOT_ALLOWED, "status")
    elif known is not None:
        answer = Repeated("ServiceRequest", known.id, known.version)
    else:
        answer = _open(tx, rules, patient, message, now)
    return remember(tx, received, patient.id, answer)


def _end(tx: Transaction, rules: Rules, referral: Referral | None, message: ReceivedRequest, now: datetime) -> Answer:
    if referral is None:
        _name(tx, message.received, TAKEN_BACK)
        return Refused(Reason.NOT_FOUND)
    moved = advance(tx, rules, referral, ReferralTrigger.CLOSED_BY_CLINICIAN, now)
    if moved is None:
        return Repeated("ServiceRequest", referral.id, referral.version)
    tx.referrals.keep_instruction(referral.id, Instruction(Order.CLOSE, now, practitioner=message.practitioner))
    return Accepted("ServiceRequest", moved.id, moved.version)


def _open(tx: Transaction, rules: Rules, patient: Patient, message: ReceivedRequest, now: datetime) -> Answer:
    if patient.facts.deceased:
        return Refused(Reason.TRANSITION_NOT_ALLOWED, "status")
    referral = tx.referrals.open_of(patient.id)
    answer: Answer
    if referral is not None:
        answer = Repeated("ServiceRequest", referral.id, referral.version)
    elif message.asked_at is not None and is_to_come(message.asked_at, now):
        return Refused(Reason.IN_THE_FUTURE, "authoredOn")
    elif message.asked_at is not None and too_old_to_refer(message.asked_at, rules.policy(patient.tenant_id), now):
        # A record that is connected sends its history too (docs/decisions/0021).
        return Refused(Reason.OUT_OF_DATE, "authoredOn")
    else:
        referral = open_referral(tx, rules, patient.tenant_id, patient.id, ReferralState.PLACING, now)
        answer = Accepted("ServiceRequest", referral.id, referral.version, created=True)
    _name(tx, message.received, referral.id)
    return answer


def _name(tx: Transaction, received: Received, id: str) -> None:
    for name in received.identifiers:
        tx.aliases.claim("ServiceRequest", name.system, name.value, id)
