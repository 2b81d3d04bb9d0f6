"""The worker: claims what is due, sends it woman by woman, settles it, and chases what is overdue."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from service.delivery.channel import Channel, Parcel, Sent
from service.delivery.pack import pack
from service.flow.chase_overdue import Overdue, chase_overdue
from service.flow.raise_alert import raise_alert
from service.flow.rules import Rules
from service.referrals.alert import AlertCode
from service.referrals.delivery import Delivery, DeliveryTrigger, Lane
from service.shared import telemetry
from service.shared.caller import the_service
from service.shared.clock import Clock
from service.shared.errors import Unavailable
from service.shared.ids import new_id
from service.store.engine import Store
from service.store.unit_of_work import UnitOfWork

AT_MOST = 64
AT_ONCE = 8
CHASED_AT_MOST = 100
TIDY_EVERY = timedelta(minutes=1)
LONGEST_WAIT = timedelta(minutes=15)
LONGEST_ASKED_WAIT = timedelta(hours=1)
ALERT_AFTER_ATTEMPTS = 8


@dataclass(slots=True)
class Worker:
    """Several may run beside each other, in one process or in many: a lease keeps each delivery with one of them.

    `pause` is how long to wait when nothing is due; `tell` hears (resource type, outcome code) of each settled
    delivery.
    """

    store: Store[UnitOfWork]
    rules: Rules
    clock: Clock
    channel: Channel
    lease: timedelta
    tell: Callable[[str, str], None]
    pause: float = 0.2
    spread: Callable[[], float] = random.random
    name: str = field(default_factory=new_id)
    _tidied: datetime | None = None
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Work until `stop`; what is under way then is finished first."""
        await asyncio.gather(*map(self._go_on, self._works()))

    def stop(self) -> None:
        self._stopping.set()

    async def step(self) -> int:
        """One round: how many deliveries and due times were dealt with."""
        return sum([await work() for work in self._works()])

    def _works(self) -> tuple[Callable[[], Awaitable[int]], ...]:
        # Each goes round by itself: a record that lets every status hang delays neither an alert nor a due time.
        return partial(self._send, Lane.ALERT), partial(self._send, Lane.STATUS), self._chase

    async def _go_on(self, work: Callable[[], Awaitable[int]]) -> None:
        while not self._stopping.is_set():
            try:
                busy = await work()
            except Unavailable:
                busy = 0
            except Exception as defect:  # noqa: BLE001  # a lane that ended would be missed by nobody
                telemetry.tell_defect("worker-defect", defect)
                busy = 0
            if not busy:
                await self._rest()

    async def _send(self, lane: Lane) -> int:
        claimed = await self._claim(lane)
        groups: dict[tuple[object, ...], list[Delivery]] = {}
        for delivery in claimed:
            # An alert waits for nothing; the statuses of one woman go one after the other.
            alone = delivery.id if delivery.lane is Lane.ALERT else None
            groups.setdefault((delivery.destination_id, delivery.patient_id, alone), []).append(delivery)
        seats = asyncio.Semaphore(AT_ONCE)
        await asyncio.gather(*(self._in_order(group, seats) for group in groups.values()))
        return len(claimed)

    async def _rest(self) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), self.pause)
        except TimeoutError:
            return

    async def _claim(self, lane: Lane) -> list[Delivery]:
        caller = the_service(new_id())
        anything = await self.store.read(caller, lambda tx: tx.deliveries.anything_due((lane,)))
        if not anything:
            return []
        return await self.store.run(caller, lambda tx: tx.deliveries.claim(self.name, self.lease, AT_MOST, (lane,)))

    async def _in_order(self, deliveries: Sequence[Delivery], seats: asyncio.Semaphore) -> None:
        async with seats:
            for delivery in deliveries:
                await self._deliver(delivery)

    async def _deliver(self, delivery: Delivery) -> None:
        caller = the_service(delivery.correlation_id)
        now = self.clock.now()
        parcel = None
        try:
            parcel = await self.store.read(caller, lambda tx: pack(tx, self.rules, delivery, now))
            nobody = Sent(DeliveryTrigger.NO_LONGER_WANTED, "no-destination")
            sent = nobody if parcel is None else await self.channel.send(parcel)
        except Unavailable:
            raise
        except Exception as defect:  # noqa: BLE001  # see above: one defect must not stop the rest
            # One delivery that cannot be written out must not stop all the others; a person is told if it stays so.
            telemetry.tell_defect("delivery-defect", defect, delivery=delivery.id)
            sent = Sent(DeliveryTrigger.TRY_AGAIN, "defect")
        await self.store.run(caller, partial(self._settle, delivery=delivery, parcel=parcel, sent=sent))
        self.tell(delivery.resource_type, sent.outcome)

    def _settle(self, tx: UnitOfWork, delivery: Delivery, parcel: Parcel | None, sent: Sent) -> None:
        now = self.clock.now()
        for learned in sent.learned if parcel else ():
            endpoint = parcel.destination.fhir_endpoint or "" if parcel else ""
            tx.aliases.claim(learned.type, endpoint, learned.record_id, learned.our_id, delivery.destination_id)
        held = tx.deliveries.settle(delivery, self.name, sent.trigger, sent.outcome, self._due(delivery, sent, now))
        gave_up = sent.trigger is DeliveryTrigger.REFUSED_FOR_GOOD or delivery.attempts == ALERT_AFTER_ATTEMPTS
        if held and gave_up and sent.trigger is not DeliveryTrigger.TAKEN:
            self._show_to_a_person(tx, delivery, now)

    def _due(self, delivery: Delivery, sent: Sent, now: datetime) -> datetime:
        """Full jitter, doubling from one second to fifteen minutes; longer only when the destination asked for it."""
        if sent.wait is not None:
            return now + min(max(sent.wait, timedelta(0)), LONGEST_ASKED_WAIT)
        ceiling = min(LONGEST_WAIT.total_seconds(), 2.0 ** min(delivery.attempts, 10))
        return now + timedelta(seconds=self.spread() * ceiling)

    def _show_to_a_person(self, tx: UnitOfWork, delivery: Delivery, now: datetime) -> None:
        if delivery.resource_type == "Communication":
            return  # It is an alert already, and it climbs its ladder for as long as nobody acknowledges it.
        raise_alert(
            tx,
            self.rules,
            AlertCode.DELIVERY_STUCK,
            tenant_id=delivery.destination_id,
            patient_id=delivery.patient_id,
            referral_id=None,
            now=now,
        )

    async def _chase(self) -> int:
        now = self.clock.now()
        overdue = await self.store.read(the_service(new_id()), lambda tx: tx.due.overdue(now, CHASED_AT_MOST))
        chased = [await self._chase_safely(each, now) for each in overdue]
        if self._tidied is None or now - self._tidied > TIDY_EVERY:
            self._tidied = now
            await self.store.run(the_service(new_id()), lambda tx: tx.tidy(now))
        return sum(chased)

    async def _chase_safely(self, overdue: Overdue, now: datetime) -> bool:
        try:
            await self.store.run(the_service(new_id()), partial(self._chase_one, overdue=overdue, now=now))
        except Unavailable:
            raise
        except Exception as defect:  # noqa: BLE001  # see above: one defect must not stop the rest
            telemetry.tell_defect("chase-defect", defect, kind=overdue.kind, id=overdue.id)
            return False
        return True

    def _chase_one(self, tx: UnitOfWork, overdue: Overdue, now: datetime) -> None:
        chase_overdue(tx, self.rules, overdue, now)
