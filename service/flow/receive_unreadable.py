"""What a programme sent and could not be read: kept, and a clinician hears of its words all the same (DESIGN 9)."""

from dataclasses import dataclass
from datetime import datetime

from service.flow.answer import Told
from service.flow.hear_words import Words, ask_each_to_ring, hear_words, offers_meant, put_to_hospitals
from service.flow.keep_unreadable import Unreadable, keep_unreadable
from service.flow.ports import Transaction
from service.flow.received import Naming
from service.flow.rules import Rules


@dataclass(frozen=True, slots=True)
class UnreadableWords:
    """What came as one and is no JSON, or as something else and is refused. `words` is it as mere text, or what stands
    in it where it `is_json`.

    `address` is the id of the Task that it was sent to: then it is certain that it is about her.
    """

    unreadable: Unreadable
    words: Words
    is_json: bool = False
    address: str | None = None


def receive_unreadable(tx: Transaction, rules: Rules, message: UnreadableWords, now: datetime) -> Told:
    """Keep what could not be read, and let a clinician ring its sender: hers, of each woman whose offer is named in it,
    or else as for words that name nobody."""
    keep_unreadable(tx, rules, message.unreadable, now)
    words, offers = message.words, offers_meant(tx, message.words.naming)
    if offers:
        return ask_each_to_ring(tx, rules, offers, words.fingerprint, now)
    return put_to_hospitals(tx, rules, words, now, id=message.unreadable.id)


def receive_refused(tx: Transaction, rules: Rules, message: UnreadableWords, now: datetime) -> Told | None:
    """The same for words in what is no Communication. They go to her clinician where it is certain who she is.

    None when there is no word in it that its sender had not read itself.
    """
    keep_unreadable(tx, rules, message.unreadable, now)
    words = message.words
    if not words.said.says_something:
        return None
    sent_to = Naming() if message.address is None else Naming(frozenset({message.address}))
    offers = offers_meant(tx, words.naming | sent_to)
    if message.is_json or offers_meant(tx, sent_to) or not offers:
        return hear_words(tx, rules, words, offers, now, id=message.unreadable.id)
    return ask_each_to_ring(tx, rules, offers, words.fingerprint, now)
