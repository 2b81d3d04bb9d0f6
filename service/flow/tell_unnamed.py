"""What makes contact unwelcome with a woman whom nobody can name: nothing can be paused, and somebody hears at once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from service.consent.consent import Consent
from service.flow.hear_event import ReceivedEvent, hear_event
from service.flow.hear_safe_contact import ReceivedSafeContact, takes_away
from service.flow.pause_until_seen import pause_until_seen
from service.flow.ports import Transaction
from service.flow.raise_alert import alert_sender
from service.flow.received import BETWEEN_NUMBERS
from service.flow.record_consent import ReceivedConsent, is_no_news
from service.flow.register_patient import ReceivedPatient, woman_named
from service.flow.rules import Rules
from service.flow.tell_of_result import is_news
from service.referrals.alert import AlertCode
from service.referrals.life_event import LifeEvent
from service.referrals.referral import ReferralTrigger

# An index holds it.
_LONGEST_SHOWN = 400


@dataclass(frozen=True, slots=True)
class Unnamed:
    """What makes contact unwelcome with a woman whom nobody can name: events, and that she `refuses` it. `number` is by
    what the record has whoever it is told of, empty where it names nobody; `person` what else it says of who that is,
    for a number may stand for anybody whose own is not known. It is shown to nobody.

    Of a message that is not taken, `hers` is what of that is told of one woman, or said by her, and how she may be
    reached; `who` is what it says of who she is.
    """

    number: str
    events: frozenset[LifeEvent] = frozenset()
    refuses: bool = False
    hers: tuple[ReceivedEvent | ReceivedConsent | ReceivedSafeContact, ...] = ()
    who: ReceivedPatient | None = None
    person: str = ""

    @property
    def is_critical(self) -> bool:
        """Whether somebody has to hear of it whoever is meant."""
        return self.refuses or bool(self.events)


def tell_unnamed(tx: Transaction, rules: Rules, unnamed: Unnamed, now: datetime) -> None:
    """A programme may go on ringing a woman who is bereaved, or who has said no. A no is told each time; a record that
    goes on telling the same event of the same person is heard once in seven days, and so is the same no of a woman who
    is known."""
    left = _without_hers(tx, rules, unnamed, now)
    number = _shown(left.number)
    news = [is_news(tx, None, f"{event} of {left.number} {left.person}") for event in sorted(left.events)]
    if any(news) or (left.events and not number):
        alert_sender(tx, rules, AlertCode.UNNAMED_EVENT, now, number)
    if left.refuses:
        alert_sender(tx, rules, AlertCode.UNNAMED_REFUSAL, now, number)


def _word(no: ReceivedConsent, yeses: Sequence[Consent]) -> str:
    """What she says, of whom and when; and against what: after a new yes it is another no."""
    about = no.recipient and no.recipient.id
    against = sorted(each.id for each in yeses if about in (None, each.recipient_id))
    return f"{about} {no.said} {against}"


def _shown(number: str) -> str | None:
    """What a person is shown of it: as many numbers as fit, each of them whole, and how many there are beside them."""
    if len(number) <= _LONGEST_SHOWN:
        return number or None
    shown = number[:_LONGEST_SHOWN].rpartition(BETWEEN_NUMBERS)[0] or number[:_LONGEST_SHOWN]
    more = number.count(BETWEEN_NUMBERS, len(shown))
    return f"{shown} and {more} more" if more else shown


def _without_hers(tx: Transaction, rules: Rules, unnamed: Unnamed, now: datetime) -> Unnamed:
    """What is left when contact has paused for what is certainly hers. Nothing ends for good by a message that is not
    taken; when it comes as it must be, it counts once more."""
    patient_id = woman_named(tx, unnamed.who) if unnamed.who else None
    if patient_id is None:
        return unnamed
    events = [each for each in unnamed.hers if isinstance(each, ReceivedEvent)]
    for each in events:
        hear_event(tx, rules, each._replace(certain=False), now)
    noes = [each for each in unnamed.hers if isinstance(each, ReceivedConsent)]
    ways = [each for each in unnamed.hers if isinstance(each, ReceivedSafeContact)]
    yeses = [each for each in tx.consents.of_patient(patient_id) if each.gives_permission()]
    told = [_word(each, yeses) for each in noes if not is_no_news(tx, rules, patient_id, each, now)]
    told += [f"{each.said} {taken}" for each in ways if (taken := takes_away(tx, patient_id, each))]
    # A no without a time counts from now, and is the same one whenever it comes.
    news = [is_news(tx, patient_id, f"no {word.replace(repr(now), '')}") for word in told]
    if any(news):
        pause_until_seen(tx, rules, patient_id, ReferralTrigger.UNREADABLE_REFUSAL, now)
    left = frozenset[LifeEvent]() if events else unnamed.events
    return replace(unnamed, events=left, refuses=unnamed.refuses and not noes)
