"""A message that was kept is put through its door once more, because what was not understood of it may be now.

What had been acted on is found again and changes nothing, and so is what came after it. Each message is replayed once,
and names what it became.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from service.flow.answer import Accepted, Answer, Reason, Refused
from service.flow.keep_unreadable import Unreadable, keep_unreadable
from service.flow.ports import Transaction
from service.flow.receive_message import PARTLY, Acknowledge, act
from service.flow.receive_transaction import EntryRefused, ReceivedTransaction, take_all
from service.flow.received import Received
from service.flow.received_message import ReceivedMessage
from service.flow.received_result import ReceivedResult
from service.flow.rules import Rules

Step = Callable[[Any, Rules, Any, datetime], Answer]
"""What is done with a resource that comes alone: (transaction, rules, message, now)."""


def replay_message(
    tx: Transaction, rules: Rules, message: ReceivedMessage, now: datetime, replays: str, acknowledge: Acknowledge
) -> str | None:
    """The id under which it is kept now, None when it had been replayed before.

    `message.received.replays` is the first of the messages that were replayed into one another, `replays` the last.
    """
    id = tx.new_id()
    if not tx.messages.replayed(replays, by=id):
        return None
    flaws = act(tx, rules, message, id, now)
    # One that had been refused is a repeat when its sender sends it again.
    tx.control.claim(message.control, id, acknowledge(flaws))
    return id


def replay_steps(
    tx: Transaction, rules: Rules, whole: Received, steps: Sequence[tuple[Any, Step]], now: datetime, replays: str
) -> str | None:
    """The same for a message of one resource, or of several that are acted on one by one. `whole` is as it is kept.

    What would undo something that came after it is refused.
    """
    id = tx.new_id()
    if not tx.messages.replayed(replays, by=id):
        return None
    answers = [_answer(tx, rules, message, step, now, id, whole.replays) for message, step in steps]
    tx.inbox.archive(whole, _disposition(answers), id)
    return id


def replay_transaction(
    tx: Transaction, rules: Rules, transaction: ReceivedTransaction, now: datetime, replays: str
) -> str | EntryRefused | None:
    """The same for a transaction."""
    id = tx.new_id()

    def step() -> str | EntryRefused | None:
        if not tx.messages.replayed(replays, by=id):
            return None
        received = transaction.received._replace(within=id)
        answers = take_all(tx, rules, replace(transaction, received=received), now)
        if isinstance(answers, EntryRefused):
            return answers
        tx.inbox.archive(transaction.received, _disposition(list(answers.values())), id)
        return id

    return tx.attempt(step, EntryRefused)


def _answer(
    tx: Transaction, rules: Rules, message: Any, step: Step, now: datetime, within: str, root: str | None
) -> Answer:
    received = message.received._replace(within=within, replays=root)
    target = received.target_id
    # A result knows by itself what of it had been understood.
    knows = target is None or isinstance(message, ReceivedResult)
    if not knows and tx.inbox.changed_since(received.type, target or "", root or ""):
        return Refused(Reason.CHANGED_MEANWHILE)
    return step(tx, rules, message._replace(received=received), now)


def _disposition(answers: Sequence[Answer]) -> str:
    refused = [each.reason.value for each in answers if isinstance(each, Refused)]
    if refused:
        return refused[0] if len(refused) == len(answers) else PARTLY
    return "accepted" if any(isinstance(each, Accepted) for each in answers) else "repeated"


def refuse_replay(tx: Transaction, rules: Rules, refused: Unreadable, now: datetime, replays: str) -> str | None:
    """The same for a message that cannot be taken still."""
    if not tx.messages.replayed(replays, by=refused.id):
        return None
    keep_unreadable(tx, rules, refused, now)
    return refused.id
