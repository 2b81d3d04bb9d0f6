"""Several resources that come together (FHIR transaction Bundle): all of them are acted on, or none."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from service.flow.answer import Accepted, Answer, Reason, Refused, Repeated
from service.flow.doubt_identity import doubt_again
from service.flow.judge_results import judge_results
from service.flow.lock_women import lock_women
from service.flow.ports import Transaction
from service.flow.receive_result import pause_after_event, take_result
from service.flow.received import Identifier, Received, Reference
from service.flow.received_result import Administered, ReceivedResult
from service.flow.record_consent import ReceivedConsent, record_consent
from service.flow.register_patient import ReceivedPatient, register_patient
from service.flow.rules import Rules
from service.flow.unheard import hear_unused_death
from service.screening.result import ScreeningResult

Message = ReceivedPatient | ReceivedConsent | ReceivedResult


@dataclass(frozen=True, slots=True)
class Entry:
    """One resource of a transaction. `handle` stands for its id, which is known only once it has been acted on.

    `mentions` are the handles in its references and its body. `updates` is True for PUT.
    """

    place: int
    handle: str
    message: Message
    mentions: frozenset[str] = frozenset()
    updates: bool = False


@dataclass(frozen=True, slots=True)
class ReceivedTransaction:
    """`entries` in an order in which each comes after all that it mentions. `asked` are the handles that stand for
    patients who are not in it, by their identifiers."""

    received: Received
    entries: tuple[Entry, ...]
    asked: Mapping[str, Identifier]


@dataclass(frozen=True, slots=True)
class EntryRefused:
    """The entry at `place` is refused, and with it the whole: nothing of it is to be kept."""

    place: int
    refused: Refused


AllAnswered = dict[int, Accepted | Repeated]
"""What became of each entry, by its place."""


def receive_transaction(
    tx: Transaction, rules: Rules, transaction: ReceivedTransaction, now: datetime
) -> AllAnswered | EntryRefused:
    """Act on all of it, or on none. The rules run once, after the last entry."""
    answer = tx.attempt(lambda: take_all(tx, rules, transaction, now), EntryRefused)
    if isinstance(answer, EntryRefused):
        doubt_again(tx, rules, answer.refused, now)
    return answer


def take_all(
    tx: Transaction, rules: Rules, transaction: ReceivedTransaction, now: datetime
) -> AllAnswered | EntryRefused:
    """The same, but to undo what was done before an entry is refused is left to the caller."""
    lock_women(tx, meant_in(transaction))
    within = transaction.received.within or tx.inbox.archive(transaction.received, "accepted")
    ids: dict[str, str] = {}
    answers: AllAnswered = {}
    results: dict[str, ScreeningResult] = {}
    changed: set[tuple[str, str]] = set()
    told: list[tuple[Message, Answer]] = []
    for entry in transaction.entries:
        asked = _asked(tx, entry, transaction.asked)
        if asked is None:
            return EntryRefused(entry.place, Refused(Reason.SUBJECT_UNKNOWN))
        ids |= asked
        message = _settled(tx, entry, ids, within, transaction.received.replays)
        answer, touched = perform(tx, rules, message, now)
        if isinstance(answer, Accepted) and (answer.type, answer.id) in changed:
            answer = Refused(Reason.DIFFERENT_UNDER_SAME_IDENTIFIER, "identifier")
        if isinstance(answer, Refused):
            return EntryRefused(entry.place, answer)
        if isinstance(answer, Accepted):
            changed.add((answer.type, answer.id))
        ids[entry.handle], answers[entry.place] = answer.id, answer
        results |= {result.id: result for result in touched}
        told.append((message, answer))
    judge_results(tx, rules, results.values(), now)
    for message, answer in told:
        if isinstance(message, ReceivedResult):
            pause_after_event(tx, rules, message, answer, now)
        elif isinstance(message, ReceivedPatient):
            hear_unused_death(tx, rules, message, answer, now)
    return answers


def meant_in(transaction: ReceivedTransaction) -> set[Reference]:
    """Everybody whom it may be about."""
    handles = {*transaction.asked, *(each.handle for each in transaction.entries)}
    ids: set[str | None] = set()
    names, meant = {*transaction.asked.values()}, set[Reference]()
    for each in (entry.message for entry in transaction.entries):
        if isinstance(each, ReceivedPatient):
            ids |= {each.received.target_id, each.own_id}
            names |= {*each.received.names}
        elif subject_in(each).id not in handles:
            meant.add(subject_in(each))
    meant |= {Reference("Patient", id) for id in ids if id}
    return meant | {Reference("Patient", identifier=name) for name in names}


def subject_in(message: ReceivedConsent | ReceivedResult) -> Reference:
    return message.patient if isinstance(message, ReceivedConsent) else message.subject


def perform(tx: Transaction, rules: Rules, message: Message, now: datetime) -> tuple[Answer, Iterable[ScreeningResult]]:
    """Act on one resource among others, and judge no result yet: its answer, and the results to be judged."""
    match message:
        case ReceivedPatient():
            return register_patient(tx, rules, message, now), ()
        case ReceivedConsent():
            return record_consent(tx, rules, message, now), ()
        case ReceivedResult():
            return take_result(tx, rules, message, now)


def _asked(tx: Transaction, entry: Entry, asked: Mapping[str, Identifier]) -> dict[str, str] | None:
    """Handle -> id of the patients that the entry asks for by an identifier; None when one of them is not known."""
    found = {}
    for handle in sorted(entry.mentions & asked.keys()):
        known = tx.aliases.find("Patient", asked[handle].system, asked[handle].value)
        if known is None:
            return None
        found[handle] = known
    return found


def _settled(tx: Transaction, entry: Entry, ids: Mapping[str, str], within: str, replays: str | None) -> Message:
    """The message with ids in place of handles, as if it had come alone after all that it mentions."""
    message = aimed(tx, entry.message, updates=entry.updates)
    content = _named(message.received.body, entry, ids)
    received = message.received._replace(within=within, replays=replays, content=content)
    match message:
        case ReceivedPatient():
            return message._replace(received=received)
        case ReceivedConsent():
            return message._replace(received=received, patient=_pointed(message.patient, ids))
        case ReceivedResult():
            administered = tuple(_expecting(each, entry, ids) for each in message.administered)
            subject = _pointed(message.subject, ids)
            return message._replace(received=received, subject=subject, administered=administered)


def aimed(tx: Transaction, message: Message, *, updates: bool) -> Message:
    """An update by identifier is one of what the identifier stands for, and a creation when it stands for nothing."""
    condition = message.received.condition
    if not updates or condition is None or isinstance(message, ReceivedPatient):
        return message
    target = tx.aliases.find(message.received.type, condition.system, condition.value)
    return message._replace(received=message.received._replace(target_id=target))


def _named(body: bytes, entry: Entry, ids: Mapping[str, str]) -> bytes:
    for handle in entry.mentions:
        body = body.replace(handle.encode(), ids[handle].encode())
    return body


def _pointed(reference: Reference, ids: Mapping[str, str]) -> Reference:
    id = ids.get(reference.id or "")
    return reference if id is None else reference._replace(id=id)


def _expecting(administered: Administered, entry: Entry, ids: Mapping[str, str]) -> Administered:
    expects = administered.piece.expects
    for handle in entry.mentions:
        expects = frozenset(each.replace(handle, ids[handle]) for each in expects)
    return administered._replace(piece=administered.piece._replace(expects=expects))
