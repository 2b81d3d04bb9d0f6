"""One frame in, the acknowledgements it is owed out: whatever came, once it is safely kept."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from service.flow.receive_message import Group
from service.flow.rules import Rules
from service.hl7v2.frame import Frame
from service.hl7v2.segments import Message
from service.security.sealing import Sealer
from service.shared.caller import Caller
from service.shared.clock import Clock
from service.store.engine import Store
from service.store.unit_of_work import UnitOfWork

Reader = Callable[[Message, Any, Rules, datetime], tuple[Group, ...]]
"""(message, dialect of its sender, rules, now) -> what it says of each patient in it. Never raises for its content."""


@dataclass(frozen=True, slots=True)
class Door:
    """`readers` is by MSH-9.1 and MSH-9.2; `dialects` by organisation id, with `default`."""

    store: Store[UnitOfWork]
    rules: Rules
    clock: Clock
    sealer: Sealer
    readers: Mapping[tuple[str, str], Reader]
    dialects: Mapping[str, Any]

    async def answer(self, frame: Frame, caller: Caller | None) -> Sequence[bytes]:
        """The acknowledgements in their order, without their framing; none when the sender asked for none.

        `caller` is whom the connection's certificate names; None on a plain connection, where MSH-3 and MSH-4 name it.
        Raises Unavailable when the sender is to be left without an answer: the connection is to be closed.
        """
        raise NotImplementedError
