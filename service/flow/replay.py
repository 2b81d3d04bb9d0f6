"""A message that was kept is put through its door once more, because what was not understood of it may be now.

What had been acted on is found again and changes nothing, and so is what came after it. Each message is replayed once,
and names what it became.
"""

from dataclasses import replace
from datetime import datetime

from service.flow.answer import Refused
from service.flow.keep_unreadable import Recognised, Unreadable, keep_unreadable
from service.flow.ports import Transaction
from service.flow.receive_message import Acknowledge, ReceivedMessage, act
from service.flow.receive_result import receive_result
from service.flow.received_result import ReceivedResult
from service.flow.rules import Rules


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


def replay_result(tx: Transaction, rules: Rules, message: ReceivedResult, now: datetime, replays: str) -> str | None:
    """The same for a result that was a message of its own."""
    id = tx.new_id()
    if not tx.messages.replayed(replays, by=id):
        return None
    answer = receive_result(tx, rules, replace(message, received=replace(message.received, within=id)), now)
    disposition = answer.reason.value if isinstance(answer, Refused) else type(answer).__name__.lower()
    tx.inbox.archive(message.received, disposition, id)
    return id


def refuse_replay(tx: Transaction, rules: Rules, refused: Unreadable, now: datetime, replays: str) -> str | None:
    """The same for a message that cannot be taken still. Whoever replays it sees that, so nobody else is told."""
    if not tx.messages.replayed(replays, by=refused.id):
        return None
    keep_unreadable(tx, rules, replace(refused, recognised=Recognised.NOTHING), now)
    return refused.id
