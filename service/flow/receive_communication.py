"""A programme tells something about a woman (FHIR Communication). Whatever it sends is kept, and a person is told."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from service.flow.answer import Accepted, Refused, Repeated
from service.flow.escalate import escalate
from service.flow.escalate_unnamed import escalate_unnamed, hospitals_of
from service.flow.identify import identify, once_held
from service.flow.ports import Transaction
from service.flow.raise_alert import alert_about_offer
from service.flow.received import Received, Reference
from service.flow.remember import remember
from service.flow.rules import Rules
from service.referrals.alert import AlertCode
from service.referrals.escalation import Escalation, Said
from service.referrals.offer import Offer, display_of

# A body without an identifier that comes again within this is the same message sent again; later it is a new one.
SENT_AGAIN_WITHIN = timedelta(days=1)
SAME_BODY = "urn:same-body"
"""The alias system of a body that has no identifier and names nobody, for the day it came on."""


class Told(StrEnum):
    """Who was told of it, by the name of the text that says so (`ESCALATION_TEXTS`)."""

    HER_CLINICIAN = "told"
    HER_CLINICIAN_BY_HANDLE = "told-by-handle"
    HER_CLINICIAN_UNREAD = "unread"
    HER_CLINICIAN_OF_A_REFUSAL = "refused"
    SEVERAL_CLINICS = "several"
    THE_ONE_HOSPITAL = "unnamed"
    EVERY_HOSPITAL = "unnamed-several"
    THE_OPERATOR_MUST_BE = "unknown"


@dataclass(frozen=True, slots=True)
class ReceivedCommunication:
    """`about` is every resource that it names; `fingerprint` is of the body. `displays` is what it calls a referral as
    we display it, anywhere in it."""

    received: Received
    about: tuple[Reference, ...]
    said: Said
    fingerprint: str
    displays: frozenset[str] = frozenset()


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
    offers = offers_meant(tx, message.about, message.displays)
    if not offers:
        return _about_nobody(tx, rules, message, now)
    if len(offers) == 1:
        told = Told.HER_CLINICIAN if _named(tx, message.about) else Told.HER_CLINICIAN_BY_HANDLE
        return replace(_about_one(tx, rules, offers[0], message, now), told=told)
    id, repeated, taken = _name(tx, message)
    answer = _answer(id, repeated=repeated)
    for offer in () if repeated else offers:
        tx.patients.lock(offer.patient_id)
        alert_about_offer(tx, rules, AlertCode.UNREADABLE_WORDS, offer, now)
    remember(tx, message.received, None, answer)
    return Kept(answer, Told.SEVERAL_CLINICS, taken)


def _about_nobody(tx: Transaction, rules: Rules, message: ReceivedCommunication, now: datetime) -> Kept:
    id, repeated, taken = _name(tx, message)
    if not (message.received.identifiers or message.received.condition):
        # There is no woman whose lock would keep two of them apart, so a unique key does.
        first = came_before(tx, message.fingerprint, id, now)
        id, repeated = first, first != id
    answer = _answer(id, repeated=repeated)
    told = tell_hospitals(tx, rules, message.said, message.fingerprint, id, now, repeated=repeated)
    remember(tx, message.received, None, answer)
    return Kept(answer, told, taken)


def came_before(tx: Transaction, fingerprint: str, id: str, now: datetime) -> str:
    """The id under which the same body came today; `id` when it did not."""
    return tx.aliases.claim("Communication", SAME_BODY, f"{now.date()} {fingerprint}", id)


def tell_hospitals(
    tx: Transaction, rules: Rules, said: Said, fingerprint: str, id: str, now: datetime, *, repeated: bool
) -> Told:
    hospitals = hospitals_of(tx, rules, now)
    if not repeated:
        escalate_unnamed(tx, rules, hospitals, said, now, id=id, fingerprint=fingerprint)
    told = (Told.THE_OPERATOR_MUST_BE, Told.THE_ONE_HOSPITAL, Told.EVERY_HOSPITAL)
    return told[min(len(hospitals), 2)]


def _about_one(tx: Transaction, rules: Rules, offer: Offer, message: ReceivedCommunication, now: datetime) -> Kept:
    tx.patients.lock(offer.patient_id)
    earlier = _sent_before(tx.escalations.of_offer(offer.id), message, now)
    if earlier is not None:
        id, repeated, taken = earlier.id, True, False
    else:
        id, repeated, taken = _name(tx, message)
    answer = _answer(id, repeated=repeated)
    if not repeated:
        fingerprint = message.fingerprint
        tell_her_clinician(tx, rules, offer, message.said, now, type="Communication", id=id, fingerprint=fingerprint)
    remember(tx, message.received, offer.patient_id, answer)
    return Kept(answer, Told.HER_CLINICIAN, taken)


def tell_her_clinician(
    tx: Transaction,
    rules: Rules,
    offer: Offer,
    said: Said,
    now: datetime,
    *,
    type: str,
    fingerprint: str,
    id: str | None = None,
) -> None:
    escalate(tx, rules, offer, said, now, type=type, id=id, fingerprint=fingerprint)
    # What became of it shows on the Task. Read again: somebody may have changed it while we waited for the lock.
    present = tx.offers.get(offer.id)
    tx.offers.save(replace(present, version=present.version + 1), present)


def _sent_before(known: Sequence[Escalation], message: ReceivedCommunication, now: datetime) -> Escalation | None:
    if message.received.identifiers or message.received.condition:
        return None
    same = (each for each in known if each.type == "Communication" and each.fingerprint == message.fingerprint)
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


def offers_meant(tx: Transaction, about: tuple[Reference, ...], displays: frozenset[str]) -> list[Offer]:
    """The offers that the caller holds and refers to, or calls as we display them: the newest one of each woman's, in
    one order for every unit. What is called as one that it refers to is that one."""
    named = _named(tx, about)
    held = [*named, *tx.visible.called(displays - {display_of(each.id) for each in named})]
    newest = {each.patient_id: each for each in sorted(held, key=lambda each: each.id)}
    return [newest[woman] for woman in sorted(newest)]


def _named(tx: Transaction, about: tuple[Reference, ...]) -> list[Offer]:
    return [offer for each in about if (offer := _offer(tx, each)) is not None]


def _offer(tx: Transaction, reference: Reference) -> Offer | None:
    """By its own id, by one of its handles, or by an earlier Communication about it."""
    if reference.id is None or reference.base is not None:
        return None
    if reference.type == "Communication":
        earlier = tx.escalations.find(reference.id)
        return once_held(tx, "Task", earlier.offer_id) if earlier and earlier.offer_id else None
    return once_held(tx, reference.type, reference.id)
