"""A programme tells something about a woman (FHIR Communication). Whatever it sends is kept, and a person is told."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from service.flow.answer import Accepted, Refused, Repeated, Told
from service.flow.hear_words import ask_each_to_ring, came_before, offers_meant, tell_her_clinician, tell_hospitals
from service.flow.identify import identify
from service.flow.new_words import SENT_AGAIN_WITHIN
from service.flow.ports import Transaction
from service.flow.received import Naming, Received
from service.flow.remember import remember
from service.flow.rules import Rules
from service.referrals.escalation import Escalation, Said
from service.referrals.offer import Offer


@dataclass(frozen=True, slots=True)
class ReceivedCommunication:
    """`fingerprint` is of the body."""

    received: Received
    naming: Naming
    said: Said
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Kept:
    """`identifier_taken` says that something else came before under its identifier: it is kept under an id of its
    own."""

    answer: Accepted | Repeated
    told: Told
    identifier_taken: bool = False


def receive_communication(tx: Transaction, rules: Rules, message: ReceivedCommunication, now: datetime) -> Kept:
    """Keep it and tell a clinician, in any state of offer and referral, also after closing and from a tombstone.

    The words go to one hospital only. When it names several women, by whatever name, nobody can tell whose they are:
    then each of their clinics is asked to ring the programme and is told no word of it. When it names none of the
    caller's, every hospital that the caller works with is asked (`escalate_unnamed`); when there is none, the operator
    has to find out.
    """
    offers = offers_meant(tx, message.naming)
    if not offers:
        return _about_nobody(tx, rules, message, now)
    if len(offers) == 1:
        by_id = not message.naming.displays or offers_meant(tx, Naming(message.naming.ids))
        told = Told.HER_CLINICIAN if by_id else Told.HER_CLINICIAN_BY_HANDLE
        return replace(_about_one(tx, rules, offers[0], message, now), told=told)
    id, repeated, taken = _name(tx, message)
    answer = _answer(id, repeated=repeated)
    if not repeated:
        ask_each_to_ring(tx, rules, offers, message.fingerprint, now)
    remember(tx, message.received, None, answer)
    return Kept(answer, Told.SEVERAL_CLINICS, taken)


def _about_nobody(tx: Transaction, rules: Rules, message: ReceivedCommunication, now: datetime) -> Kept:
    id, repeated, taken = _name(tx, message)
    if not (message.received.identifiers or message.received.condition):
        # There is no woman whose lock would keep two of them apart, so a unique key does.
        first = came_before(tx, message.fingerprint, id)
        id, repeated = first, first != id
    answer = _answer(id, repeated=repeated)
    told = tell_hospitals(tx, rules, message.said, message.fingerprint, id, now, repeated=repeated)
    remember(tx, message.received, None, answer)
    return Kept(answer, told, taken)


def _about_one(tx: Transaction, rules: Rules, offer: Offer, message: ReceivedCommunication, now: datetime) -> Kept:
    tx.patients.lock(offer.patient_id)
    earlier = _sent_before(tx.escalations.of_offer(offer.id), message, now)
    if earlier is not None:
        id, repeated, taken = earlier.id, True, False
    else:
        id, repeated, taken = _name(tx, message)
    answer = _answer(id, repeated=repeated)
    if not repeated:
        source = message.fingerprint
        tell_her_clinician(tx, rules, offer, message.said, now, type="Communication", source=source, id=id)
    remember(tx, message.received, offer.patient_id, answer)
    return Kept(answer, Told.HER_CLINICIAN, taken)


def _sent_before(known: Sequence[Escalation], message: ReceivedCommunication, now: datetime) -> Escalation | None:
    if message.received.identifiers or message.received.condition:
        return None
    same = (each for each in known if each.type == "Communication" and each.source == message.fingerprint)
    return next((each for each in same if now - each.told_at < SENT_AGAIN_WITHIN), None)


def _name(tx: Transaction, message: ReceivedCommunication) -> tuple[str, bool, bool]:
    """Its id, whether the same came before under it, and whether its identifier stands for something else."""
    new_id = tx.new_id()
    owner = identify(tx, message.received, new_id)
    if owner == new_id:
        return new_id, False, False
    if isinstance(owner, Refused):
        return new_id, False, True
    earlier = tx.escalations.find(owner)
    _, body = tx.inbox.latest("Communication", owner) or (1, b"")
    if body == message.received.body or (earlier is not None and earlier.said == message.said):
        return owner, True, False
    return new_id, False, True


def _answer(id: str, *, repeated: bool) -> Accepted | Repeated:
    return Repeated("Communication", id, 1) if repeated else Accepted("Communication", id, 1, created=True)
