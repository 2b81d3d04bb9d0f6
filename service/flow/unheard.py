"""What makes contact unwelcome in what is not acted on: it is not lost, whoever turns out to be meant."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from service.flow.answer import Answer, Repeated
from service.flow.hear_event import ReceivedEvent, announce_death, pause
from service.flow.pause_until_seen import pause_until_seen
from service.flow.ports import Transaction
from service.flow.received import Received
from service.flow.received_result import ReceivedResult
from service.flow.record_consent import ReceivedConsent, is_no_news
from service.flow.register_patient import ReceivedPatient
from service.flow.rules import Rules
from service.flow.tell_of_result import is_news
from service.flow.tell_unnamed import Unnamed, tell_unnamed
from service.referrals.life_event import HARMS, LifeEvent
from service.referrals.patient import NOTHING_SAID
from service.referrals.referral import ReferralTrigger

_Message = ReceivedPatient | ReceivedConsent | ReceivedResult


def unheard(messages: Iterable[object], number: str) -> Unnamed | None:
    """What these tell that makes contact unwelcome, and whether they say no, with whoever has the `number`."""
    said = list(messages)
    events = frozenset(event for each in said for event in _harms(each))
    refuses = any(isinstance(each, ReceivedConsent) and each.may_end for each in said)
    facts = next((each.facts for each in said if isinstance(each, ReceivedPatient)), NOTHING_SAID)
    person = f"{facts.preferred_name} {facts.birth_date}"
    return Unnamed(number, events, refuses, person=person) if events or refuses else None


def _harms(message: object) -> Iterator[LifeEvent]:
    match message:
        case ReceivedEvent() if message.event in HARMS:
            yield message.event
        case ReceivedResult() if message.safety_event:
            yield LifeEvent.SAFETY_EVENT
        case ReceivedPatient() if message.facts.deceased:
            yield LifeEvent.WOMAN_DIED


def hear_unused_death(tx: Transaction, rules: Rules, message: ReceivedPatient, answer: Answer, now: datetime) -> None:
    """A creation of a woman who is known uses nothing of what it says of her: a death in it pauses contact, once."""
    tells = message.facts.deceased and not message.updates and message.received.is_told
    if tells and isinstance(answer, Repeated) and not tx.patients.lock(answer.id).facts.deceased:
        announce_death(tx, rules, answer.id, now)


def hear_unheard(
    tx: Transaction, rules: Rules, patient_id: str | None, told: Unnamed, content: str, now: datetime
) -> None:
    """Of what is refused: contact pauses where it is certain whose it is, and else somebody is to find out. Once for
    the same `content`."""
    if not is_news(tx, patient_id, f"{'no' if told.refuses else 'event'} {told.number} {content}"):
        return
    if patient_id is None:
        tell_unnamed(tx, rules, told, now)
        return
    if told.events:
        pause(tx, rules, patient_id, now)
    if told.refuses:
        pause_until_seen(tx, rules, patient_id, ReferralTrigger.UNREADABLE_REFUSAL, now)


def hear_refused_message(
    tx: Transaction, rules: Rules, message: _Message, patient_id: str | None, number: str, said: Received, now: datetime
) -> None:
    """The same for one message, which `said` this, unless it is a no that would change nothing."""
    told = unheard([message], number)
    if told is not None and not (
        isinstance(message, ReceivedConsent) and is_no_news(tx, rules, patient_id, message, now)
    ):
        hear_unheard(tx, rules, patient_id, told, said.fingerprint(), now)
