"""A programme reports an attempt to reach her or a session with her (FHIR Encounter or Procedure), or corrects it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from service.flow.answer import Accepted, Answer, Reason, Refused, Repeated, Told, saying
from service.flow.escalate import escalate
from service.flow.hear_words import Words, ask_each_to_ring, hear_words, lock_all, offers_meant
from service.flow.identify import identify
from service.flow.move_offer import save_offer
from service.flow.new_words import new_words
from service.flow.ports import Transaction
from service.flow.raise_alert import alert_until_seen
from service.flow.received import CONTACT_NAME, NOBODY, Identifier, Naming, Received
from service.flow.remember import remember
from service.flow.rules import Rules
from service.flow.words_shown import words_shown
from service.referrals.alert import AlertCode
from service.referrals.contact import (
    MADE,
    MAY_LIE_AHEAD,
    NOT_COUNTED,
    Contact,
    ContactMode,
    ContactOutcome,
    Remark,
    remark_on,
    support_of,
)
from service.referrals.escalation import Said
from service.referrals.offer import TOMBSTONES, Offer, OfferState
from service.shared.clock import CLOCKS_DIFFER_BY

# Whoever paused contact, or called it off, believes that there is none.
_TOLD_OF: dict[Remark | None, AlertCode] = {
    Remark.DURING_A_PAUSE: AlertCode.CONTACT_WHILE_PAUSED,
    Remark.AS_CALLED_OFF: AlertCode.CONTACT_ONCE_CALLED_OFF,
    Remark.ONCE_CALLED_OFF: AlertCode.CONTACT_ONCE_CALLED_OFF,
}
_STARTED = {"Encounter": "period.start", "Procedure": "performed"}


class ReceivedContact(NamedTuple):
    """`patient_handle`, `service_request_handle` and `offer_id` are the offer's own ids; at least one of them is set.

    `said` is what somebody wrote in it, None for nothing, and `naming` whom it may name.
    """

    received: Received
    patient_handle: str | None
    service_request_handle: str | None
    mode: ContactMode | None
    outcome: ContactOutcome
    started_at: datetime
    ended_at: datetime | None
    offer_id: str | None = None
    said: Said | None = None
    naming: Naming = NOBODY


def record_contact(tx: Transaction, rules: Rules, message: ReceivedContact, now: datetime) -> Answer:
    """Keep the contact and owe the record the new count. What was written in it is heard also when it is refused."""
    offer = _offer(tx, message)
    if offer is None:
        return _of_nobody(tx, rules, message, now)
    women = offers_meant(tx, message.naming if message.said else NOBODY, offer)
    lock_all(tx, women)
    offer = _offer(tx, message) or offer
    answer = _keep(tx, rules, offer, message, now)
    if message.said is not None:
        source = answer.id if not isinstance(answer, Refused) else message.received.target_id
        answer = saying(answer, _hear(tx, rules, offer, women, message, message.said, source, now))
    return remember(tx, message.received, offer.patient_id, answer)


def _of_nobody(tx: Transaction, rules: Rules, message: ReceivedContact, now: datetime) -> Answer:
    """It names no offer that the caller holds, or two. Somebody may have met her, or be worried, all the same."""
    handles = frozenset(filter(None, (message.patient_handle, message.service_request_handle, message.offer_id)))
    women = offers_meant(tx, (message.naming if message.said else NOBODY) | Naming(handles))
    lock_all(tx, women)
    # Its tombstone may be gone.
    held = sorted(tx.visible.named(handles), key=lambda each: each.patient_id)
    told = None
    for each in held:
        if each.state in TOMBSTONES and message.outcome in MADE:
            alert_until_seen(tx, rules, AlertCode.CONTACT_ONCE_CALLED_OFF, each, now)
    if message.said is not None:
        words = Words(message.received.type, message.said, message.naming, message.received.fingerprint())
        told = hear_words(tx, rules, words, women, now, id=tx.new_id())
    answer = Refused(Reason.SUBJECT_UNKNOWN, "subject", told=told)
    about = {each.patient_id for each in held}
    return remember(tx, message.received, about.pop() if len(about) == 1 else None, answer)


def _offer(tx: Transaction, message: ReceivedContact) -> Offer | None:
    """The offer that all of them name, when several are given."""
    named = [
        tx.visible.offer_by_handle(type, handle)
        for type, handle in (("Patient", message.patient_handle), ("ServiceRequest", message.service_request_handle))
        if handle is not None
    ]
    named += [tx.visible.offer(message.offer_id)] if message.offer_id is not None else []
    # By id: between the look-ups somebody else's change may have made another version of it.
    one = len({offer and offer.id for offer in named}) == 1
    held = named[0] if one else None
    return held if held is not None and held.organisation_id == tx.caller.organisation_id else None


def _keep(tx: Transaction, rules: Rules, offer: Offer, message: ReceivedContact, now: datetime) -> Answer:
    if offer.state is OfferState.REQUESTED:
        return Refused(Reason.CONTACT_NOT_ACCEPTED, "basedOn")
    if offer.state in TOMBSTONES and message.outcome is ContactOutcome.PLANNED:
        return Refused(Reason.CONTACT_CALLED_OFF, "basedOn")
    if message.outcome not in MAY_LIE_AHEAD and message.started_at > now + CLOCKS_DIFFER_BY:
        return Refused(Reason.CONTACT_IN_THE_FUTURE, _STARTED[message.received.type])
    remark = remark_on(message.started_at, support_of(tx.offers.history(offer.id))) if message.outcome in MADE else None
    enter = _add if message.received.target_id is None else _correct
    answer = enter(tx, offer, message, remark)
    if isinstance(answer, Accepted):
        save_offer(tx, rules, offer._replace(version=offer.version + 1), offer)
        if remark in _TOLD_OF:
            alert_until_seen(tx, rules, _TOLD_OF[remark], offer, now)
    return answer


def _add(tx: Transaction, offer: Offer, message: ReceivedContact, remark: Remark | None) -> Answer:
    received, new_id = _named(message.received, offer), tx.new_id()
    owner = identify(tx, received, new_id)
    if isinstance(owner, Refused):
        return owner
    if owner != new_id:
        version, body = tx.inbox.latest(received.type, owner) or (1, b"")
        if received.condition is not None or body == received.body:
            return Repeated(received.type, owner, version, remark)
        return Refused(Reason.DIFFERENT_UNDER_SAME_IDENTIFIER, "identifier")
    tx.contacts.add(_contact(offer, message, new_id, 1, remark))
    return Accepted(received.type, new_id, 1, created=True, remark=remark)


def _named(received: Received, offer: Offer) -> Received:
    """What came without a name is told by its offer and all that it says: sent again, it is the same."""
    if received.condition is not None or received.identifiers:
        return received
    return received._replace(condition=Identifier(CONTACT_NAME, f"{offer.id}#{received.fingerprint()}"))


def _correct(tx: Transaction, offer: Offer, message: ReceivedContact, remark: Remark | None) -> Answer:
    """Its own programme says it anew; a contact of another offer or type is not at this address."""
    received = message.received
    known = tx.contacts.find(received.target_id or "")
    if known is None or (known.offer_id, known.type) != (offer.id, received.type):
        return Refused(Reason.NOT_FOUND)
    if received.expected_version not in (None, known.version):
        return Refused(Reason.VERSION_STALE)
    changed = _contact(offer, message, known.id, known.version, remark)
    _, body = tx.inbox.latest(received.type, known.id) or (1, b"")
    if changed == known and body == received.body:
        return Repeated(received.type, known.id, known.version, remark)
    tx.contacts.save(replace(changed, version=known.version + 1))
    return Accepted(received.type, known.id, known.version + 1, remark=remark)


def _contact(offer: Offer, message: ReceivedContact, id: str, version: int, remark: Remark | None) -> Contact:
    return Contact(
        id,
        version,
        message.received.type,
        offer.id,
        message.mode,
        message.outcome,
        message.started_at,
        message.ended_at,
        counts=remark not in NOT_COUNTED,
    )


def _hear(
    tx: Transaction,
    rules: Rules,
    offer: Offer,
    women: Sequence[Offer],
    message: ReceivedContact,
    said: Said,
    contact: str | None,
    now: datetime,
) -> Told | None:
    """Who has been told. The same words of a contact are told once, however often it is sent and corrected. What the
    programme had read itself is no word of its own. `women` are those whom it names, `contact` its id, None for what is
    not taken and has none."""
    fingerprint = message.received.fingerprint()
    shown = words_shown(tx, rules, offer)
    said = replace(said, texts=tuple(each for each in said.texts if each not in shown))
    if not said.says_something:
        return None
    if len(women) > 1:
        return ask_each_to_ring(tx, rules, women, fingerprint, now)
    new = new_words(tx, offer, said, now, resource=contact, lately=None if contact else fingerprint)
    if new.says_something:
        escalate(tx, rules, offer, said, now, type=message.received.type, source=contact or fingerprint)
    return Told.HER_CLINICIAN_ALL_THE_SAME
