"""Whether what is owed is taken by a worker at all: every process looks, for one without a worker would not miss it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

from service.referrals.delivery import Lane
from service.shared import telemetry
from service.shared.caller import the_service
from service.shared.clock import Clock
from service.shared.errors import Unavailable
from service.shared.ids import new_id
from service.store.engine import Store
from service.store.unit_of_work import UnitOfWork

LOOKS_EVERY = 60.0
"""Seconds."""
# While a record cannot be reached an urgent alert is tried all the same; the others may have to wait for their turn.
LONGEST = {
    Lane.URGENT: timedelta(minutes=5),
    Lane.ROUTINE: timedelta(hours=1),
    Lane.STATUS: timedelta(hours=1),
}


@asynccontextmanager
async def watching(store: Store[UnitOfWork], clock: Clock) -> AsyncIterator[None]:
    """Measure how long deliveries wait untried, and log once that it is too long, for as long as the block lasts."""
    task = asyncio.create_task(_watch(store, clock))
    try:
        yield
    finally:
        task.cancel()


async def _watch(store: Store[UnitOfWork], clock: Clock) -> None:
    told = frozenset[Lane]()
    while True:
        with suppress(Unavailable):
            told = await look(store, clock, told)
        await asyncio.sleep(LOOKS_EVERY)


async def look(store: Store[UnitOfWork], clock: Clock, told: frozenset[Lane]) -> frozenset[Lane]:
    """The lanes in which something waits too long. Those that were `told` at the look before are not told again."""
    now = clock.now()
    since = await store.read(the_service(new_id()), lambda tx: tx.due.untaken(now))
    waits = {lane: now - since.get(lane, now) for lane in Lane}
    for lane, wait in waits.items():
        telemetry.DELIVERY_WAITS.labels(lane.name.lower()).set(wait.total_seconds())
    late = frozenset(lane for lane, wait in waits.items() if wait >= LONGEST[lane])
    for lane in sorted(late - told):
        telemetry.tell_person("deliveries-not-taken", lane=lane.name.lower())
    return late
