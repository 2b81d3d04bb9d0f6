"""What this room needs of the store: to perform a unit, and in it the clients and the audit."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from service.shared.audit import AuditEvent
from service.shared.caller import Caller
from service.store.access import Access

T = TypeVar("T")


class Audit(Protocol):
    def write(self, event: AuditEvent, /) -> None: ...


class Transaction(Protocol):
    @property
    def access(self) -> Access: ...

    @property
    def audit(self) -> Audit: ...


class Store(Protocol):
    async def run(self, caller: Caller, work: Callable[[Transaction], T], /) -> T:
        """The unit's answer, after a durable commit."""

    async def read(self, caller: Caller, work: Callable[[Transaction], T], /) -> T:
        """The answer of a unit that writes nothing."""
