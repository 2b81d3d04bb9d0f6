"""An HL7 v2 message that is not taken as it is: kept, and a person told if it may hold a result."""

from datetime import datetime

from service.flow.keep_unreadable import Unreadable, keep_unreadable
from service.flow.ports import Transaction
from service.flow.raise_alert import alert_sender
from service.flow.received import ControlKey
from service.flow.rules import Rules
from service.referrals.alert import AlertCode


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
