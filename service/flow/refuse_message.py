"""An HL7 v2 message that is not taken as it is: kept, and a person told if it may hold a result."""

from datetime import datetime

from service.flow.keep_unreadable import Unreadable, keep_unreadable, tell_of_unreadable
from service.flow.ports import Transaction
from service.flow.raise_alert import alert_sender
from service.flow.received import ControlKey
from service.flow.rules import Rules
from service.referrals.alert import AlertCode

MOST_OF_STRANGERS, MOST_BYTES_OF_STRANGERS = 1_000, 64 * 1_048_576
"""How much is kept at a time of senders whom nobody has registered."""


def refuse_message(
    tx: Transaction,
    rules: Rules,
    refused: Unreadable,
    control: ControlKey,
    now: datetime,
    acknowledgement: bytes,
    *,
    reused: bool = False,
) -> bytes:
    """Its acknowledgement, to be given after the commit.

    Senders repeat what was refused, some without end: the same under the same `control` is kept and told of once.
    `reused` says that its control id had been another message's.
    """
    earlier = tx.control.claim(control, refused.id, acknowledgement)
    if earlier is not None:
        return earlier.acknowledgement
    keep_unreadable(tx, rules, refused, now)
    if reused:
        alert_sender(tx, rules, AlertCode.CONTENT_CONFLICT, now)
    return acknowledgement


def refuse_stranger(
    tx: Transaction, rules: Rules, refused: Unreadable, control: ControlKey, now: datetime, acknowledgement: bytes
) -> str | None:
    """Keep what a sender sent whom nobody has registered, who must not fill the disk: the id under which it is kept,
    None where there is no room. What is critical has as much room again, and is told all the same."""
    rooms, (messages, size) = 1 + refused.is_critical, tx.inbox.of_strangers()
    if messages >= MOST_OF_STRANGERS * rooms or size >= MOST_BYTES_OF_STRANGERS * rooms:
        tell_of_unreadable(tx, rules, refused, now)
        return None
    earlier = tx.control.claim(control, refused.id, acknowledgement)
    if earlier is not None:
        return earlier.message_id
    keep_unreadable(tx, rules, refused, now)
    return refused.id
