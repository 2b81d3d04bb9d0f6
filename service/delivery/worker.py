"""The worker: keeps all lanes of the outbox going, and chases what is overdue."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from service.delivery.channel import RecordChannel
from service.delivery.copies import Copies
from service.delivery.dispatch import Dispatch
from service.delivery.links import Links
from service.delivery.pauses import Pauses
from service.delivery.reserve import Reserve
from service.delivery.sending import Sending
from service.flow.chase_overdue import Overdue, chase_overdue
from service.flow.rules import Rules
from service.referrals.delivery import Lane
from service.shared import telemetry
from service.shared.caller import the_service
from service.shared.clock import Clock
from service.shared.errors import Unavailable
from service.shared.ids import new_id
from service.store.engine import Store
from service.store.unit_of_work import UnitOfWork

CHASED_AT_MOST = 100
TIDY_EVERY = timedelta(minutes=1)


@dataclass(slots=True)
class Worker:
    """Several may run beside each other, in one process or in many: a lease keeps each delivery with one of them.

    `pause` is how long to wait when nothing is to be sent, `chase_pause` when nothing is due, `copies_pause` between
    two looks at the `copies` of alerts, in seconds; `tell` hears (resource type, outcome) of each settled delivery.
    `links` are those by which an alert is answered. `exchange` is how long a message may be under way where one goes at
    a time.
    """

    store: Store[UnitOfWork]
    rules: Rules
    clock: Clock
    channel: RecordChannel
    lease: timedelta
    tell: Callable[[str, str], None]
    links: Links
    exchange: timedelta
    pause: float = 0.2
    chase_pause: float = 1.0
    spread: Callable[[], float] = random.random
    copies: Copies | None = None
    copies_pause: float = 15.0
    name: str = field(default_factory=new_id)
    _tidied: datetime | None = None
    _stopping: bool = False
    _woken: asyncio.Event = field(default_factory=asyncio.Event)
    _lanes: tuple[Dispatch, ...] = ()
    _looked: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        sending = Sending(self.name, self.store, self.rules, self.clock, self.channel, self.lease, self.links)
        ours = self.store, self.rules, self.clock, sending, self.tell
        shared = Pauses(self.spread), Reserve(self.exchange)
        self._lanes = tuple(Dispatch(lane, *ours, *shared, self.rouse) for lane in Lane)

    async def run(self) -> None:
        """Work until `stop`; what is under way then is finished first, unless this is cancelled: then it is claimed
        again when its lease has ended."""
        # Each goes round by itself: a record that lets every status hang delays neither an alert nor a due time.
        lanes = (self._go_on(lane.begin, lane.woken, self.pause) for lane in self._lanes)
        chase = self._go_on(self._chase, self._woken, self.chase_pause)
        await asyncio.gather(*lanes, chase, self._go_on(self._hear, self._looked, self.copies_pause))
        await asyncio.gather(*(lane.finish() for lane in self._lanes))

    def stop(self) -> None:
        self._stopping = True
        for lane in self._lanes:
            lane.stopping = True
        self._woken.set()
        self._looked.set()
        self.rouse()

    def rouse(self) -> None:
        """Look at once whether something is to be sent."""
        for lane in self._lanes:
            lane.woken.set()

    async def step(self) -> int:
        """One round: how many deliveries and due times were dealt with."""
        begun = 0
        for lane in self._lanes:
            begun += await lane.begin()
            await lane.finish()
        return begun + await self._chase()

    async def _hear(self) -> int:
        """Always with a pause after it, however many answers there were."""
        if self.copies is not None:
            await self.copies.hear()
        return 0

    async def _go_on(self, work: Callable[[], Awaitable[int]], woken: asyncio.Event, pause: float) -> None:
        while not self._stopping:
            woken.clear()
            try:
                busy = await work()
            except Unavailable:
                busy = 0
            except Exception as defect:  # noqa: BLE001  # a lane that ended would be missed by nobody
                telemetry.tell_defect("worker-defect", defect)
                busy = 0
            if not busy:
                with suppress(TimeoutError):
                    await asyncio.wait_for(woken.wait(), pause)

    async def _chase(self) -> int:
        now = self.clock.now()
        overdue = await self.store.read(the_service(new_id()), lambda tx: tx.due.overdue(now, CHASED_AT_MOST))
        chased = [await self._chase_safely(each, now) for each in overdue]
        if self._tidied is None or now - self._tidied > TIDY_EVERY:
            self._tidied = now
            await self.store.run(the_service(new_id()), lambda tx: tx.tidy(now, self.rules))
        return sum(chased)

    async def _chase_safely(self, overdue: Overdue, now: datetime) -> bool:
        try:
            await self.store.run(the_service(new_id()), partial(self._chase_one, overdue=overdue, now=now))
        except Unavailable:
            raise
        except Exception as defect:  # noqa: BLE001  # one defect must not stop the rest
            telemetry.tell_defect("chase-defect", defect, kind=overdue.kind, id=overdue.id)
            return False
        return True

    def _chase_one(self, tx: UnitOfWork, overdue: Overdue, now: datetime) -> None:
        chase_overdue(tx, self.rules, overdue, now)
