"""What makes contact unwelcome with a woman whom nobody can name: nothing can be paused, and somebody hears at once."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from service.flow.hear_event import ReceivedEvent, hear_event
from service.flow.ports import Transaction
from service.flow.raise_alert import alert_sender
from service.flow.received import Identifier, Reference
from service.flow.register_patient import ReceivedPatient, woman_named
from service.flow.rules import Rules
from service.flow.tell_of_result import is_news
from service.referrals.alert import AlertCode
from service.referrals.life_event import LifeEvent

LONGEST_NUMBER = 64


@dataclass(frozen=True, slots=True)
class Unnamed:
    """What makes contact unwelcome with a woman whom nobody can name: events, and that she `refuses` it. `number` is by
    what the record has whoever it is told of, empty where it names nobody.

    Of a message that is not taken, `hers` is these events where they are told of one woman, and `who` what it says of
    who she is.
    """

    number: str
    events: frozenset[LifeEvent] = frozenset()
    refuses: bool = False
    hers: tuple[ReceivedEvent, ...] = ()
    who: ReceivedPatient | None = None


def written(numbers: Iterable[str]) -> str:
    """Each once, as far as a person is shown them."""
    return ", ".join(dict.fromkeys(filter(None, numbers)))[:LONGEST_NUMBER]


def numbers(names: Iterable[Identifier]) -> str:
    return written(f"{each.value} ({each.system})" for each in names)


def number_in(reference: Reference) -> str:
    """By what number somebody is referred to, else by what id; empty where that is nobody."""
    if reference.identifier is not None:
        return numbers([reference.identifier])
    return written([f"{reference.type}/{reference.id}"] if reference.id else [])


def tell_unnamed(tx: Transaction, rules: Rules, unnamed: Unnamed, now: datetime) -> None:
    """A programme may go on ringing a woman who is bereaved, or who has said no. A no is told each time; a record that
    goes on telling the same event is heard once in seven days."""
    whom = unnamed.number
    events = () if _are_heard_of_her(tx, rules, unnamed, now) else unnamed.events
    news = [is_news(tx, None, f"{event} of {whom}") for event in sorted(events)]
    if any(news) or (events and not whom):
        alert_sender(tx, rules, AlertCode.UNNAMED_EVENT, now, whom or None)
    if unnamed.refuses:
        alert_sender(tx, rules, AlertCode.UNNAMED_REFUSAL, now, whom or None)


def _are_heard_of_her(tx: Transaction, rules: Rules, unnamed: Unnamed, now: datetime) -> bool:
    """Nothing ends for good by a message that is not taken; when it comes as it must be, it counts once more."""
    if unnamed.who is None or woman_named(tx, unnamed.who) is None:
        return False
    for each in unnamed.hers:
        hear_event(tx, rules, each._replace(event=LifeEvent.ANNOUNCED), now)
    return bool(unnamed.hers)
