"""The store's face: a unit goes in, its answer comes out after a durable commit."""

import asyncio
import concurrent.futures
import time
from collections.abc import Callable
from functools import partial
from typing import Generic, Protocol, TypeVar, cast

from sqlalchemy import Connection

from service.shared.caller import Caller
from service.shared.clock import Clock
from service.shared.errors import Unavailable
from service.store.address import parse_url
from service.store.dialect import BUSY_SECONDS, STATEMENT_SECONDS, Dialect, Kind, dialect_of
from service.store.jobs import Job, OpenUnit, Unit, settle, unavailable
from service.store.pool import Pool
from service.store.sqlite_writer import SqliteWriter

__all__ = ["OpenUnit", "Store", "Unit", "open_store"]

T = TypeVar("T")
U = TypeVar("U", bound=Unit)

# How long anybody waits from when a unit may begin at the latest: room for one statement that takes as long as it may,
# and for looking twice whether the database is there. It bounds the waiter and not the unit, whose statements may each
# take as long, and which may commit after that: its waiter has heard that this is open.
ANSWER_SECONDS = STATEMENT_SECONDS + 2 * BUSY_SECONDS
UNHEARD = "The store did not answer in time."


class Crew(Protocol):
    """The threads that perform units."""

    def submit(self, job: Job) -> None:
        """Unavailable when the queue is full or nothing can be performed."""

    def ready(self) -> str | None: ...

    def close(self, patience: float) -> None: ...


class Store(Generic[U]):
    """Performs units for many event loops and threads at once. `U` is the unit of work that `open_unit` gives.

    A cancelled request never cancels its unit. Every method that performs a unit raises Unavailable when the store
    cannot commit now, StatementRefused when a statement broke a rule of the database, else whatever `work` raised:
    nothing is kept then. One case is beyond any database: a connection lost during COMMIT, or a database that does not
    answer in time, leaves open whether it happened. That is Unavailable too: the sender repeats, and the key of its
    message finds what was kept. Nobody waits longer than `patience` to begin and ANSWER_SECONDS from there; the unit
    may go on.

    `when_owed` is called, on the event loop that asked, when something to be sent has been committed.
    """

    def __init__(self, writes: Crew, reads: Crew, patience: float) -> None:
        self._writes, self._reads, self._patience = writes, reads, patience
        self.when_owed: Callable[[], None] = lambda: None

    async def run(self, caller: Caller, work: Callable[[U], T]) -> T:
        """Performs `work` as one transaction and returns its value after the durable commit."""
        value, _ = await self.run_stamped(caller, work)
        return value

    async def run_stamped(self, caller: Caller, work: Callable[[U], T]) -> tuple[T, int | None]:
        """The same, and the stamp of the commit in milliseconds if anything that carries one was changed."""
        (value, owes), stamp = await self._ask(self._writes, caller, partial(_with_debts, work), Kind.WRITE)
        if owes:
            self.when_owed()
        return value, stamp

    async def read(self, caller: Caller, work: Callable[[U], T]) -> T:
        """Performs `work` on one snapshot: all it reads, the highest stamp included, comes from one moment.

        The snapshot refuses every write. What the unit noted on the way (whom it disclosed) is written down by a unit
        of its own, and the value is returned only after the durable commit of that one too.
        """
        (value, noted), _ = await self._ask(self._reads, caller, partial(_with_notes, work), Kind.READ)
        if noted is not None:
            await self._ask(self._writes, caller, noted, Kind.WRITE)
        return value

    def run_now(self, caller: Caller, work: Callable[[U], T]) -> T:
        """The same as `run` for a command, which has no event loop."""
        value, _ = self._wait(self._writes, caller, work, Kind.WRITE)
        return value

    def read_now(self, caller: Caller, work: Callable[[U], T]) -> T:
        """The same as `read` for a command."""
        (value, noted), _ = self._wait(self._reads, caller, partial(_with_notes, work), Kind.READ)
        if noted is not None:
            self._wait(self._writes, caller, noted, Kind.WRITE)
        return value

    def ready(self) -> str | None:
        """None when units can be performed, else the reason why not."""
        return self._writes.ready() or self._reads.ready()

    async def close(self) -> None:
        """Performs what is waiting, then stops. New units hear Unavailable from the moment of the call."""
        await asyncio.to_thread(self.close_now)

    def close_now(self, patience: float = 30) -> None:
        """The same as `close`, waiting at most `patience` seconds for each kind of thread."""
        self._writes.close(patience)
        self._reads.close(patience)

    async def _ask(self, crew: Crew, caller: Caller, work: Callable[[U], T], kind: Kind) -> tuple[T, int | None]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[object] = loop.create_future()
        job = Job(caller, work, kind, future, loop, time.monotonic() + self._patience)
        crew.submit(job)
        limit = loop.call_later(self._patience + ANSWER_SECONDS, lambda: settle(unavailable([job], UNHEARD)))
        try:
            return cast(tuple[T, int | None], await future)
        finally:
            limit.cancel()

    def _wait(self, crew: Crew, caller: Caller, work: Callable[[U], T], kind: Kind) -> tuple[T, int | None]:
        future: concurrent.futures.Future[object] = concurrent.futures.Future()
        crew.submit(Job(caller, work, kind, future, None, time.monotonic() + self._patience))
        if not concurrent.futures.wait([future], self._patience + ANSWER_SECONDS).done:
            raise Unavailable(UNHEARD)
        return cast(tuple[T, int | None], future.result())


def _with_debts(work: Callable[[U], T], unit: U) -> tuple[T, bool]:
    return work(unit), unit.owes()


def _with_notes(work: Callable[[U], T], unit: U) -> tuple[T, Callable[[Unit], object] | None]:
    return work(unit), unit.noted()


def open_store(
    url: str,
    open_unit: Callable[[Connection, Dialect, Caller], U],
    clock: Clock,
    *,
    capacity: int = 1_000,
    patience: float = 10.0,
    connections: int = 8,
    readers: int = 2,
) -> Store[U]:
    """Opens the database and its threads; returns when it is ready, or has said by `ready()` why not.

    At most `capacity` units wait, none longer than `patience` seconds before it begins. `connections` is the size of
    the PostgreSQL pool, `readers` the number of reading threads beside the one SQLite writer. Raises InvalidSettings
    for an address that is neither database.
    """
    address = parse_url(url)
    dialect = dialect_of(address)
    if dialect.name == "postgresql":
        pool = Pool(address, dialect, open_unit, clock, size=connections, capacity=capacity)
        return Store(pool, pool, patience)
    writer = SqliteWriter(address, dialect, open_unit, clock, capacity)
    reads = Pool(address, dialect, open_unit, clock, size=readers, capacity=capacity, read_only=True)
    return Store(writer, reads, patience)
