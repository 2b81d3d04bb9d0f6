"""Something has happened in a woman's life, and her record tells it: a birth, a loss, a death."""

import hashlib
from datetime import date, datetime
from typing import NamedTuple

from service.flow.advance import advance
from service.flow.answer import Accepted, Answer, Reason, Refused, Repeated
from service.flow.doubt_identity import is_doubted
from service.flow.identify import subject_of
from service.flow.move_offer import refresh_offers
from service.flow.ports import Transaction
from service.flow.received import Received, Reference
from service.flow.rules import Rules
from service.referrals.alert import MOST_UNSEEN, AlertCode, AlertState
from service.referrals.life_event import HARMS, SAME_BIRTH, SAME_EVENT, TELLS, LifeEvent, may_be_one
from service.referrals.patient import Patient
from service.shared.audit import Action, AuditEvent

NOBODY = "-"
# What stands among her facts: said again it changes nothing.
_FACTS = frozenset({LifeEvent.BIRTH, LifeEvent.NOT_BORN, LifeEvent.WOMAN_DIED})
NO_NAME = frozenset({""})
"""Of what tells an event, where its sender calls it nothing."""


class ReceivedEvent(NamedTuple):
    """`happened_on` is None where no day was told; a birth has one. `sources` is what the sender calls each order that
    tells it, or baby, `NO_NAME` where it names neither: then nobody can tell it from another of that day. It is not
    `certain` while it may still turn out to be otherwise, or to be somebody else's."""

    received: Received
    subject: Reference
    event: LifeEvent
    happened_on: date | None
    sources: frozenset[str]
    certain: bool = True


def hear_event(tx: Transaction, rules: Rules, message: ReceivedEvent, now: datetime) -> Answer:
    """Let her referral follow it, once, however often it is told. What is told of nobody who is known here is refused,
    but for a birth, and what may be somebody else's: a hospital tells of everybody, and most mothers are none of
    ours."""
    patient_id = subject_of(tx, message.subject)
    if patient_id is None:
        harms = message.event in HARMS and message.certain
        return Refused(Reason.SUBJECT_UNKNOWN) if harms else Repeated("Patient", NOBODY, 0)
    patient = tx.patients.lock(patient_id)
    if message.event is LifeEvent.WOMAN_DIED and is_doubted(tx, patient.id):
        message = message._replace(certain=False)
    if not message.certain:
        message = _announced(message)
    known = Repeated("Patient", patient.id, patient.version)
    changed = _changed(patient, message)
    if message.event in _FACTS:
        if changed == patient:
            return known
    elif _was_heard(tx, patient, message, now) or message.event is LifeEvent.TAKEN_BACK:
        return known
    if changed != patient:
        tx.patients.save(changed)
    tx.audit.write(AuditEvent(Action.UPDATE, f"Patient/{patient.id}", patient.id, message.event))
    referral = tx.referrals.open_of(patient.id)
    if referral is not None:
        refresh_offers(tx, referral)
        advance(tx, rules, referral, TELLS[message.event], now)
    return Accepted("Patient", patient.id, patient.version)


def announce_death(tx: Transaction, rules: Rules, patient_id: str, now: datetime) -> None:
    """Of a death that may be somebody else's: contact pauses, and a clinician is told once. It ends nothing for good
    and is not kept as hers: told again when nobody doubts any more, it counts."""
    hear_event(tx, rules, death_of(Reference("Patient", patient_id), certain=False), now)


def death_of(woman: Reference, *, certain: bool) -> ReceivedEvent:
    """As her record tells it, in no order and of no day that anything is decided by."""
    return ReceivedEvent(Received("Patient", b""), woman, LifeEvent.WOMAN_DIED, None, NO_NAME, certain)


def _announced(message: ReceivedEvent) -> ReceivedEvent:
    """With what it is about in its name: after a loss that is not certain a death that is not is news."""
    sources = frozenset(f"{message.event} {each}" for each in message.sources)
    return message._replace(event=LifeEvent.ANNOUNCED, sources=sources)


def pause(tx: Transaction, rules: Rules, patient_id: str, now: datetime) -> None:
    """Let contact pause after an event of which no more is told than that it makes contact unwelcome; where she has no
    referral it is remembered for the next."""
    tx.patients.lock(patient_id)
    tx.life_events.hear(patient_id, LifeEvent.SAFETY_EVENT, None, now, NO_NAME)
    referral = tx.referrals.open_of(patient_id)
    if referral is not None:
        advance(tx, rules, referral, TELLS[LifeEvent.SAFETY_EVENT], now)


def _changed(patient: Patient, message: ReceivedEvent) -> Patient:
    """Her version stays: it counts what her hospital says in her Patient, and this was said elsewhere."""
    if message.event is LifeEvent.WOMAN_DIED:
        return patient._replace(facts=patient.facts._replace(deceased=True))
    day, known = message.happened_on, patient.delivered_on
    same = day is None or (known is not None and abs(day - known) <= SAME_BIRTH)
    if message.event is LifeEvent.NOT_BORN:
        return patient._replace(delivered_on=None) if same else patient
    # A record that goes on telling of an older child says nothing new.
    if message.event is not LifeEvent.BIRTH or day is None or same or (known is not None and day < known):
        return patient
    return patient._replace(delivered_on=day)


def _was_heard(tx: Transaction, patient: Patient, message: ReceivedEvent, now: datetime) -> bool:
    """Whether it is no news. By another source it may be another one: whoever is still asked about the first has not
    seen this one, and after contact was let go on nobody knew of it."""
    # A number may be longer than a key of the store, and of a baby it is better not kept.
    sources = {each and hashlib.sha256(each.encode()).hexdigest() for each in message.sources}
    heard, day = tx.life_events.heard(patient.id, message.event, message.happened_on), message.happened_on
    lately = {source for source, at in heard.items() if day is not None or now - at < SAME_EVENT}
    if lately and _was_taken_back(tx, patient, day, since=max(heard.values())):
        lately = set()
    # What has no day counts from when it was news: a record that never stops telling it would hide the next one.
    tx.life_events.hear(patient.id, message.event, day, now, sources if day is not None else sources - lately)
    if not lately:
        return False
    if sources <= lately or tx.referrals.open_of(patient.id) is None:
        return True
    asked = [each.state for each in tx.alerts.unresolved_about(patient.id) if each.code is AlertCode.SAFETY_EVENT]
    return asked.count(AlertState.OPEN) >= MOST_UNSEEN


def _was_taken_back(tx: Transaction, patient: Patient, day: date | None, since: datetime) -> bool:
    taken_back = tx.life_events.heard_since(patient.id, {LifeEvent.TAKEN_BACK}, since)
    return any(may_be_one(day, other) for _, other in taken_back)
