"""What makes contact unwelcome in what is not acted on: it is not lost, whoever turns out to be meant."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from service.flow.hear_event import ReceivedEvent, pause
from service.flow.ports import Transaction
from service.flow.received_result import ReceivedResult
from service.flow.record_consent import ReceivedConsent
from service.flow.register_patient import ReceivedPatient
from service.flow.rules import Rules
from service.flow.tell_of_result import is_news
from service.flow.tell_unnamed import Unnamed, tell_unnamed
from service.referrals.life_event import HARMS, LifeEvent


def unheard(messages: Iterable[object], number: str) -> Unnamed | None:
    """What these tell that makes contact unwelcome, and whether they say no, with whoever has the `number`."""
    said = list(messages)
    events = frozenset(event for each in said for event in _harms(each))
    refuses = any(isinstance(each, ReceivedConsent) and each.said.ends_permission() for each in said)
    return Unnamed(number, events, refuses) if events or refuses else None


def _harms(message: object) -> Iterator[LifeEvent]:
    match message:
        case ReceivedEvent() if message.event in HARMS:
            yield message.event
        case ReceivedResult() if message.safety_event:
            yield LifeEvent.SAFETY_EVENT
        case ReceivedPatient() if message.facts.deceased:
            yield LifeEvent.WOMAN_DIED


def hear_unheard(
    tx: Transaction, rules: Rules, patient_id: str | None, told: Unnamed, content: str, now: datetime
) -> None:
    """Of what is refused: contact pauses after an event where it is certain whose it is, and else somebody is to find
    out. Once for the same `content`."""
    if (patient_id is not None and not told.events) or not is_news(tx, patient_id, f"event {told.number} {content}"):
        return
    if patient_id is None:
        tell_unnamed(tx, rules, told, now)
    else:
        pause(tx, rules, patient_id, now)
