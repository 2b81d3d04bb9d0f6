"""What a programme sent and could not be read: kept, and a clinician hears of its words all the same (DESIGN 9)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from service.flow.keep_unreadable import Unreadable, keep_unreadable
from service.flow.ports import Transaction
from service.flow.raise_alert import alert_until_seen
from service.flow.receive_communication import (
    Told,
    came_before,
    offers_meant,
    tell_her_clinician,
    tell_hospitals,
)
from service.flow.received import Reference
from service.flow.rules import Rules
from service.flow.words_shown import words_shown
from service.referrals.alert import AlertCode
from service.referrals.escalation import Said, all_of
from service.referrals.offer import Offer


@dataclass(frozen=True, slots=True)
class UnreadableWords:
    """What came as one and is no JSON, or as something else and is refused. `about` is whom any id in it may stand for,
    `displays` what it calls a referral, and `said` what it is as mere text, or what stands in it where it `is_json`.

    `address` is the Task that it was sent to: then it is certain whom it is about.
    """

    unreadable: Unreadable
    about: tuple[Reference, ...]
    displays: frozenset[str]
    said: Said
    fingerprint: str
    is_json: bool = False
    address: Reference | None = None


def receive_unreadable(tx: Transaction, rules: Rules, message: UnreadableWords, now: datetime) -> Told:
    """Keep what could not be read, and let a clinician ring its sender: hers, of each woman whose offer is named in it,
    or else as for words that name nobody."""
    keep_unreadable(tx, rules, message.unreadable, now)
    offers = offers_meant(tx, message.about, message.displays)
    return _tell_unread(tx, rules, message, offers, now)


def receive_refused(tx: Transaction, rules: Rules, message: UnreadableWords, now: datetime) -> Told | None:
    """The same for words in what is no Communication. They go to her clinician where it is certain who she is.

    None when there is no word in it that its sender had not read itself.
    """
    keep_unreadable(tx, rules, message.unreadable, now)
    said = message.said
    if not (said.texts or said.concerns or said.attached):
        return None
    addressed = () if message.address is None else (message.address,)
    offers = offers_meant(tx, addressed, frozenset())
    certain = message.is_json or bool(offers)
    offers = offers or offers_meant(tx, message.about, message.displays)
    if certain and len(offers) == 1:
        return _hear_refused(tx, rules, offers[0], message, now)
    return _tell_unread(tx, rules, message, offers, now)


def _hear_refused(tx: Transaction, rules: Rules, offer: Offer, message: UnreadableWords, now: datetime) -> Told | None:
    """What had been told before is not said anew, and what she was shown herself is not told at all."""
    tx.patients.lock(offer.patient_id)
    shown = {*words_shown(tx, rules, offer), *rules.status_reasons.values(), offer.status_reason, offer.business_status}
    earlier = all_of([each.said for each in tx.escalations.of_offer(offer.id) if each.said is not None])
    own = replace(message.said, texts=tuple(each for each in message.said.texts if each not in shown))
    if not (own.texts or own.concerns or own.attached):
        return None
    new = replace(
        own,
        texts=tuple(each for each in own.texts if each not in earlier.texts),
        concerns=own.concerns - earlier.concerns,
        attached=own.attached and not earlier.attached,
    )
    if new.texts or new.concerns or new.attached:
        tell_her_clinician(tx, rules, offer, new, now, type=message.unreadable.type, fingerprint=message.fingerprint)
    return Told.HER_CLINICIAN_OF_A_REFUSAL


def _tell_unread(
    tx: Transaction, rules: Rules, message: UnreadableWords, offers: Sequence[Offer], now: datetime
) -> Told:
    for offer in offers:
        tx.patients.lock(offer.patient_id)
        alert_until_seen(tx, rules, AlertCode.UNREADABLE_WORDS, offer, now)
    if offers:
        return Told.HER_CLINICIAN_UNREAD if len(offers) == 1 else Told.SEVERAL_CLINICS
    id = message.unreadable.id
    repeated = came_before(tx, message.fingerprint, id, now) != id
    return tell_hospitals(tx, rules, message.said, message.fingerprint, id, now, repeated=repeated)
