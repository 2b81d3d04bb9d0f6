"""A unit that waits for a thread of the store, the bounded queue it waits in, and how its waiter hears."""

import asyncio
import concurrent.futures
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from threading import Condition
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Connection

from service.shared.caller import Caller
from service.shared.errors import Unavailable
from service.store.dialect import Dialect, Kind


class Unit(Protocol):
    """What the engine needs of a unit of work."""

    def finish(self, take_stamp: Callable[[], int]) -> int | None:
        """Writes the version rows and the audit; calls `take_stamp` at most once, and only if it has stamped rows. Its
        answer is that stamp."""

    def owes(self) -> bool:
        """Whether there is something to send once it is committed."""

    def noted(self) -> Callable[[Any], object] | None:
        """After a read, whose snapshot refuses writes: the work of the unit that writes down what this one noted."""


OpenUnit = Callable[[Connection, Dialect, Caller], Unit]
"""Gives the unit of work of one caller over a connection whose transaction is already open."""


class Job(NamedTuple):
    """One unit. `loop` is where its waiter waits, None for a thread; after `deadline` (monotonic) it is not begun.
    `alone`: it shares its transaction with no other."""

    caller: Caller
    work: Callable[[Any], object]
    kind: Kind
    future: asyncio.Future[object] | concurrent.futures.Future[object]
    loop: asyncio.AbstractEventLoop | None
    deadline: float
    alone: bool = False


Answered = tuple[object, int | None]
"""What a unit answered, and the stamp of its commit in milliseconds if it changed anything that carries one."""


class Outcome(NamedTuple):
    """What one waiter hears: the error if there is one, else what was answered."""

    job: Job
    answered: Answered | None = None
    error: Exception | None = None


def tell(outcomes: Iterable[Outcome]) -> None:
    """Every waiter hears, with one wake-up for each event loop. A waiter that went away is passed over."""
    by_loop: dict[asyncio.AbstractEventLoop | None, list[Outcome]] = {}
    for outcome in outcomes:
        by_loop.setdefault(outcome.job.loop, []).append(outcome)
    for loop, theirs in by_loop.items():
        if loop is None:
            settle(theirs)
        else:
            with suppress(RuntimeError):  # the loop has closed; nobody is left to hear
                loop.call_soon_threadsafe(settle, theirs)


def settle(outcomes: list[Outcome]) -> None:
    """Where they wait: on the loop that all of them share, or anywhere for threads."""
    for outcome in outcomes:
        future = outcome.job.future
        if future.done():
            continue
        if outcome.error is None:
            future.set_result(outcome.answered)
        elif isinstance(outcome.error, StopIteration):
            future.set_exception(RuntimeError("A unit raised StopIteration."))  # a future cannot carry it
        else:
            future.set_exception(outcome.error)


def late(jobs: Iterable[Job]) -> list[Outcome]:
    """Those of the jobs that waited past their deadline: they are not begun."""
    now = time.monotonic()
    return unavailable((job for job in jobs if job.deadline < now), "The unit waited too long for the store.")


def unavailable(jobs: Iterable[Job], reason: str) -> list[Outcome]:
    return [Outcome(job, error=Unavailable(reason)) for job in jobs]


class Queue:
    """A bounded queue between the edges and the store's threads. While it has a `reason` it refuses new units."""

    def __init__(self, capacity: int) -> None:
        self.reason: str | None = None
        self._capacity = capacity
        self._waiting: deque[Job] = deque()
        self._changed = Condition()
        self._closed = False

    def put(self, job: Job) -> None:
        """Unavailable when the queue is full or the store is not ready."""
        with self._changed:
            if self.reason is not None:
                raise Unavailable(self.reason)
            if len(self._waiting) >= self._capacity:
                raise Unavailable("The store has too many units waiting.")
            self._waiting.append(job)
            self._changed.notify()

    def take(self, most: int, patience: float | None = None) -> list[Job] | None:
        """Up to `most` units; an empty list after `patience` seconds without one; None once closed and drained."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed, patience)
            if not self._waiting:
                return None if self._closed else []
            most = 1 if self._waiting[0].alone else most
            return [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]

    def put_back(self, jobs: list[Job]) -> None:
        """They are the next that are taken, each alone."""
        with self._changed:
            self._waiting.extendleft(job._replace(alone=True) for job in reversed(jobs))

    def refuse(self, reason: str) -> None:
        """No new unit from here on; those waiting stay."""
        with self._changed:
            self.reason = reason

    def accept(self) -> None:
        with self._changed:
            if not self._closed:
                self.reason = None

    def empty(self) -> list[Job]:
        """Takes out everything that waits."""
        with self._changed:
            jobs = list(self._waiting)
            self._waiting.clear()
            return jobs

    def close(self, reason: str) -> None:
        """Refuses for ever; threads that take still get what waits."""
        with self._changed:
            if not self._closed:
                self.reason, self._closed = reason, True
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        return self._closed
