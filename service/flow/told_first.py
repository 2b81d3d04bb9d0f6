"""Whether the caller told the same before, lately: what is told once in a time is told so by this alone."""

import hashlib
from datetime import timedelta

from service.flow.ports import Transaction
from service.flow.received import REMEMBERED_FOR, ControlKey


def told_first(tx: Transaction, content: str, id: str, within: timedelta = REMEMBERED_FOR) -> str:
    """The id under which it was told `within` that time; `id` when it was not. A unique key decides who is first."""
    key = hashlib.sha256(content.encode()).digest()
    earlier = tx.control.claim(ControlKey(key, key), id, b"", within)
    return id if earlier is None else earlier.message_id
