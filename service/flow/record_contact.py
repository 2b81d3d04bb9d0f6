"""A programme reports an attempt to reach her or a session with her (FHIR Encounter)."""

from dataclasses import dataclass, replace
from datetime import datetime

from service.flow.answer import Accepted, Answer, Reason, Refused, Repeated
from service.flow.identify import identify
from service.flow.move_offer import save_offer
from service.flow.ports import Transaction
from service.flow.received import Received
from service.flow.remember import remember
from service.flow.rules import Rules
from service.referrals.contact import Contact, ContactMode, ContactOutcome
from service.referrals.offer import ACTIVE, Offer, OfferState
from service.shared.clock import CLOCKS_DIFFER_BY

# A session held before the support ended may be reported after it.
REPORTABLE = (*ACTIVE, OfferState.COMPLETED, OfferState.FAILED)


@dataclass(frozen=True, slots=True)
class ReceivedContact:
    """`patient_handle` and `service_request_handle` are the offer's own ids; at least one of the two is set."""

    received: Received
    patient_handle: str | None
    service_request_handle: str | None
    mode: ContactMode
    outcome: ContactOutcome
    started_at: datetime
    ended_at: datetime | None


def record_contact(tx: Transaction, rules: Rules, message: ReceivedContact, now: datetime) -> Answer:
    """Keep the contact and owe the record the new count."""
    offer = _offer(tx, message)
    if offer is None:
        answer: Answer = Refused(Reason.SUBJECT_UNKNOWN, "subject")
    else:
        tx.patients.lock(offer.patient_id)
        answer = _record(tx, rules, _offer(tx, message) or offer, message, now)
    return remember(tx, message.received, offer.patient_id if offer else None, answer)


def _offer(tx: Transaction, message: ReceivedContact) -> Offer | None:
    """The offer that both handles name, when both are given."""
    named = [
        tx.visible.offer_by_handle(type, handle)
        for type, handle in (("Patient", message.patient_handle), ("ServiceRequest", message.service_request_handle))
        if handle is not None
    ]
    # By id: between the two look-ups somebody else's change may have made another version of it.
    one = len({offer and offer.id for offer in named}) == 1
    held = named[0] if one else None
    return held if held is not None and held.organisation_id == tx.caller.organisation_id else None


def _record(tx: Transaction, rules: Rules, offer: Offer, message: ReceivedContact, now: datetime) -> Answer:
    if offer.state not in REPORTABLE:
        return Refused(Reason.TRANSITION_NOT_ALLOWED, "basedOn")
    if message.outcome is not ContactOutcome.CANCELLED and message.started_at > now + CLOCKS_DIFFER_BY:
        return Refused(Reason.IN_THE_FUTURE, "period.start")
    new_id = tx.new_id()
    owner = identify(tx, message.received, new_id)
    if isinstance(owner, Refused):
        return owner
    if owner != new_id:
        version, body = tx.inbox.latest("Encounter", owner) or (1, b"")
        if message.received.condition is not None or body == message.received.body:
            return Repeated("Encounter", owner, version)
        return Refused(Reason.DIFFERENT_UNDER_SAME_IDENTIFIER, "identifier")
    tx.contacts.add(Contact(new_id, offer.id, message.mode, message.outcome, message.started_at, message.ended_at))
    save_offer(tx, rules, replace(offer, version=offer.version + 1), offer)
    return Accepted("Encounter", new_id, 1, created=True)
