"""A message that speaks of more than one unit may touch (DESIGN 4): a few groups after the other, each few in a unit of
their own, under the one id that the whole is kept under.

Its sender hears of it after the last unit. When it breaks off before, the sender sends it again; then it begins anew,
what had been acted on is found again and changes nothing.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from service.flow.answer import Reason, Refused
from service.flow.keep_unreadable import Recognised
from service.flow.ports import MOST_ENTRIES, Transaction
from service.flow.receive_message import ACCEPTED, PARTLY, REPEATED, Acknowledge, act_on
from service.flow.receive_message import keep as keep_message
from service.flow.received import Received
from service.flow.received_message import Flaw, Group, ReceivedMessage
from service.flow.rules import Rules
from service.flow.steps import SAYS_WHO

BEGUN = "begun"
# What a repeat finds of one that was not acted on to its end.
_UNFINISHED = b"unfinished"

Unit = tuple[Group, ...]


def units_of(groups: Sequence[Group]) -> list[Unit]:
    """Its groups in their order, no more in a unit than it may touch. A group that is longer goes on in the next ones,
    each of which begins with who she is."""
    if sum(max(1, len(each.parts)) for each in groups) <= MOST_ENTRIES:
        return [tuple(groups)]
    found: list[list[Group]] = [[]]
    room = MOST_ENTRIES
    for group in (piece for each in groups for piece in _cut(each)):
        size = max(1, len(group.parts))
        if size > room:
            found.append([])
            room = MOST_ENTRIES
        found[-1].append(group)
        room -= size
    return [tuple(each) for each in found]


def begin_message(tx: Transaction, message: ReceivedMessage) -> str | bytes | Refused:
    """The id that it is kept under; its acknowledgement, when it has come before; Refused when other content has come
    under the same key."""
    id = tx.new_id()
    earlier = tx.control.claim(message.control, id, _UNFINISHED)
    if earlier is None:
        tx.inbox.archive(message.received, BEGUN, id)
        return id
    if earlier.content != message.control.content:
        return Refused(Reason.DIFFERENT_UNDER_SAME_IDENTIFIER)
    if earlier.acknowledgement == _UNFINISHED:
        return earlier.message_id
    keep_message(tx, message, id, REPEATED)
    return earlier.acknowledgement


def begin_replay(tx: Transaction, message: ReceivedMessage, replays: str) -> str | None:
    """The id of the message that `replays` becomes, None when it had become one before."""
    id = tx.new_id()
    if not tx.messages.replayed(replays, by=id):
        return None
    tx.inbox.archive(message.received, BEGUN, id)
    tx.control.claim(message.control, id, _UNFINISHED)
    return id


def go_on(tx: Transaction, rules: Rules, received: Received, unit: Unit, id: str, now: datetime) -> list[Flaw]:
    """Act on one unit of it; what of it was not acted on."""
    flaws, _ = act_on(tx, rules, received, unit, id, now)
    return flaws


def finish_message(
    tx: Transaction, message: ReceivedMessage, id: str, flaws: Sequence[Flaw], acknowledge: Acknowledge
) -> bytes:
    """Its acknowledgement, to be given after the commit."""
    told = acknowledge(flaws)
    tx.control.acknowledge(message.control, told)
    tx.inbox.settle(id, PARTLY if flaws else ACCEPTED)
    return told


def _cut(group: Group) -> Iterator[Group]:
    who = group.parts[:1] if group.parts and isinstance(group.parts[0].step, SAYS_WHO) else ()
    rest, most = group.parts[len(who) :], MOST_ENTRIES - len(who)
    last = max(0, len(rest) - 1) // most
    for number in range(last + 1):
        piece = group._replace(parts=(*who, *rest[number * most : (number + 1) * most]))
        if number > 0:
            piece = piece._replace(flaws=(), recognised=Recognised.NOTHING, unnamed=None)
        yield piece if number == last else piece._replace(stops=None)
