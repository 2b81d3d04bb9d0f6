"""What came by FHIR and was refused, or not understood, put through its door once more.

Its form or its sender's codes may be known now, and what it refers to be there.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from service.fhir.asked import Asked
from service.fhir.bundled import SCOPES, TAKEN, batch_entries, finding, outline, read_alone, read_transaction
from service.fhir.door import Door
from service.fhir.guard import check, decode, parse
from service.fhir.intake import as_received
from service.fhir.outcome import BadInput
from service.fhir.read import common
from service.fhir.unread import unread
from service.flow.receive_transaction import Entry, EntryRefused, ReceivedTransaction
from service.flow.received import Received
from service.flow.record_consent import ReceivedConsent
from service.flow.register_patient import ReceivedPatient
from service.flow.replay import refuse_replay, replay_steps, replay_transaction
from service.referrals.patient import NOTHING_SAID
from service.shared.caller import Caller
from service.store.messages import KeptMessage
from service.store.unit_of_work import UnitOfWork

Unit = Callable[[UnitOfWork], str | EntryRefused | None]
ACCEPTED, BUNDLE = "accepted", "Bundle"
_RESULTS = ("Observation", "QuestionnaireResponse")
_TYPES = (BUNDLE, *{type for _, type in TAKEN})


def can_be_replayed(kept: KeptMessage) -> bool:
    """What a hospital sends to be kept, if it was refused, or was accepted and may hold a result.

    What people answer and order is of its time, and so is what a programme writes.
    """
    if kept.disposition == ACCEPTED:
        return kept.type in (BUNDLE, *_RESULTS)
    return kept.type in _TYPES and kept.disposition != "repeated"


def replay(door: Door, kept: KeptMessage, body: bytes, asked: Asked | None, root: str, caller: Caller) -> str | None:
    """The id of the message that it became, None when it had become one before. What is refused still is kept as that.

    `asked` is the request that it came with, `root` the first message that was replayed until it became `kept`. Raises
    BadInput when it had been understood, and is not taken as it is any more.
    """
    now, caller = door.clock.now(), replace(caller, scopes=SCOPES)
    asked = asked or Asked("POST", "" if kept.type == BUNDLE else kept.type)
    try:
        unit = (
            _bundle(door, kept, body, root, caller, now)
            if kept.type == BUNDLE
            else _alone(door, kept, body, asked, root, caller, now)
        )
        answer = door.store.run_now(caller, unit)
        if not isinstance(answer, EntryRefused):
            return answer
        refusing = BadInput.of(finding(answer.place, answer.refused))
    except BadInput as problem:
        refusing = problem
    if not kept.sealed:
        raise refusing
    # Whoever replays it sees that, so nobody else is told.
    refused = replace(unread(door, caller, asked, body, refusing), results=())
    return door.store.run_now(caller, lambda tx: refuse_replay(tx, door.rules, refused, now, kept.id))


def _alone(door: Door, kept: KeptMessage, body: bytes, asked: Asked, root: str, caller: Caller, now: datetime) -> Unit:
    tree = parse(body, kept.type)
    if kept.disposition == ACCEPTED:
        made = door.store.read_now(caller, lambda tx: tx.messages.made(root))
        received = common.received(tree, body, target_id=made, request=asked.text())
    else:
        received = as_received(asked, kept.type, tree, body)
    address = TAKEN[asked.method, kept.type]
    message = address.read(tree, received, door, caller, now)
    whole = received._replace(replays=root)
    return lambda tx: replay_steps(tx, door.rules, whole, [(message, address.step)], now, kept.id)


def _bundle(door: Door, kept: KeptMessage, body: bytes, root: str, caller: Caller, now: datetime) -> Unit:
    tree = decode(body)
    outline(tree)
    if tree.get("type") == "batch":
        steps = [read_alone(door, caller, each, now) for each in batch_entries(tree, body)]
        whole = Received(BUNDLE, body, replays=root)
        return lambda tx: replay_steps(tx, door.rules, whole, steps, now, kept.id)
    check(tree, body, BUNDLE)
    transaction = read_transaction(body, door, caller, now)
    if kept.disposition == ACCEPTED:
        transaction = _results_of(transaction)
    transaction = replace(transaction, received=transaction.received._replace(replays=root))
    return lambda tx: replay_transaction(tx, door.rules, transaction, now, kept.id)


def _results_of(transaction: ReceivedTransaction) -> ReceivedTransaction:
    """Of one that was accepted, what may not have been understood, with those whom it is about."""
    mentioned = frozenset[str]().union(*(each.mentions for each in transaction.entries))
    entries = [
        each
        for each in transaction.entries
        if each.handle in mentioned or not isinstance(each.message, ReceivedConsent)
    ]
    return replace(transaction, entries=tuple(map(_as_known, entries)))


def _as_known(entry: Entry) -> Entry:
    """She is known since: what she is called finds her, and what else was said of her then is not said anew."""
    message = entry.message
    if not isinstance(message, ReceivedPatient) or not message.received.names:
        return entry
    received = message.received._replace(condition=message.received.names[0], target_id=None)
    known = message._replace(received=received, facts=NOTHING_SAID, updates=False)
    return replace(entry, message=known, updates=False)
