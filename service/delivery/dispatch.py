"""One lane of the outbox: claims as much as it has seats for, has it sent, and settles it."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from service.delivery.channel import GaveWay
from service.delivery.pauses import SEATS, Pauses
from service.delivery.reserve import Reserve
from service.delivery.sending import Sending
from service.delivery.settle import settle
from service.delivery.stuck import TOLD_AFTER_ATTEMPTS, has_failed, of_her_present, tell_of
from service.flow.rules import Rules
from service.referrals.delivery import DELIVERY_TABLE, WAITING, Delivery, Lane
from service.shared import telemetry
from service.shared.caller import the_service
from service.shared.clock import Clock
from service.shared.errors import Unavailable
from service.shared.ids import new_id
from service.store.engine import Store
from service.store.unit_of_work import UnitOfWork
from service.store.urgent import Alerts


@dataclass(slots=True)
class Dispatch:
    """`begin` starts what is due and comes back at once; `woken` is set when a seat is free, `rouse` wakes all. After
    `stopping` was set nothing more is sent but what is under way."""

    lane: Lane
    store: Store[UnitOfWork]
    rules: Rules
    clock: Clock
    sending: Sending
    tell: Callable[[str, str], None]
    pauses: Pauses
    reserve: Reserve
    rouse: Callable[[], None]
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    stopping: bool = False
    _under_way: defaultdict[str, set[asyncio.Task[None]]] = field(default_factory=lambda: defaultdict(set))

    async def begin(self) -> int:
        """How many deliveries are on their way now that were not before."""
        due = await self.store.read(the_service(new_id()), self._due)
        return sum([await self._begin(*each) for each in due])

    async def finish(self) -> None:
        """Wait for what is under way."""
        await asyncio.gather(*(task for tasks in self._under_way.values() for task in tasks))

    def _due(self, tx: UnitOfWork) -> list[tuple[str, str | None, Alerts | None]]:
        """To whom something is due, over which line, and the urgent alerts that have to do with that."""
        lines = [(each, tx.organisations.line(each)) for each in tx.leases.destinations(self.lane)]
        return [(id, line, self._alerts(tx, line)) for id, line in lines]

    def _alerts(self, tx: UnitOfWork, line: str | None) -> Alerts | None:
        return None if line is None or self.lane is Lane.URGENT else tx.urgent.waiting(line, self.sending.owner)

    async def _begin(self, destination_id: str, line: str | None, alerts: Alerts | None) -> int:
        now, seats = self.clock.now(), self._under_way[destination_id]
        # What is claimed is sent soon, so that no lease runs out while it waits behind slow ones.
        free = max(self.pauses.seats(destination_id, self.lane, now) - len(seats), 0)
        free, until = self.reserve.room(alerts, free, now)
        if not free:
            return 0
        claimed = await self.store.run(
            the_service(new_id()), lambda tx: self._claim(tx, destination_id, line, free, until)
        )
        groups: dict[str | None, list[Delivery]] = {}
        for delivery in claimed:
            # An alert waits for nothing but its own message; the statuses of one woman go one after the other.
            alone = self.lane.of_alerts or delivery.patient_id is None
            groups.setdefault(delivery.resource_id if alone else delivery.patient_id, []).append(delivery)
        for group in groups.values():
            task = asyncio.create_task(self._in_order(group, line))
            seats.add(task)
            task.add_done_callback(partial(self._leave, seats))
        return len(claimed)

    def _claim(
        self, tx: UnitOfWork, destination_id: str, line: str | None, free: int, until: datetime | None
    ) -> list[Delivery]:
        claimed = tx.leases.claim(self.sending.owner, self.sending.lease, self.lane, destination_id, free)
        if claimed and line is not None and until is not None:
            tx.urgent.postpone(line, until)
        return claimed

    def _leave(self, seats: set[asyncio.Task[None]], task: asyncio.Task[None]) -> None:
        seats.discard(task)
        self.woken.set()

    async def _in_order(self, deliveries: Sequence[Delivery], line: str | None) -> None:
        may_go_on = True
        for position, delivery in enumerate(deliveries):
            try:
                # Her record must not read what came of something before it has the thing itself.
                if self.stopping or not may_go_on or (position and await self._gives_way(delivery, line)):
                    await self._give_back(deliveries[position:])
                    return
                may_go_on = await self._deliver(delivery, line) or self.lane.of_alerts
            except GaveWay:
                await self._give_back(deliveries[position:])
                return
            except Unavailable:
                return  # what was not settled is claimed again when its lease has ended
            except Exception as defect:  # noqa: BLE001  # one defect must not stop the rest
                telemetry.tell_defect("delivery-defect", defect, delivery=delivery.id)
                may_go_on = self.lane.of_alerts

    async def _gives_way(self, delivery: Delivery, line: str | None) -> bool:
        others_first, alerts = await self.store.read(
            the_service(delivery.correlation_id), lambda tx: (tx.leases.gives_way(delivery), self._alerts(tx, line))
        )
        return others_first or self.reserve.is_kept(alerts)

    async def _give_back(self, deliveries: Sequence[Delivery]) -> None:
        with suppress(Unavailable):
            await self.store.run(the_service(new_id()), lambda tx: tx.leases.give_back(deliveries, self.sending.owner))

    async def _deliver(self, delivery: Delivery, line: str | None) -> bool:
        """Whether what comes after it may be sent: it is over, or a person knows that it does not arrive."""
        before = replace(delivery, attempts=delivery.attempts - 1)
        if delivery.abandoned and not delivery.shown and self._has_failed(before):
            # Whoever tried the last time did not live to say so.
            await self._write_down(delivery, partial(self._tell, delivery=delivery), "attempts-without-outcome")
        parcel, sent = await self.sending.send(delivery)
        if sent is None:
            return False
        now = self.clock.now()
        sooner = None if line is None else self.reserve.hear(line, delivery, sent, now)
        due = self.pauses.due(delivery, sent, now)
        await self._write_down(
            delivery,
            lambda tx: settle(tx, self.rules, self.sending.owner, delivery, parcel, sent, due, now),
            sent.outcome,
        )
        self.tell(delivery.resource_type, sent.outcome)
        if self.pauses.hear(delivery, sent, self.clock.now()):
            await self._wake(delivery.destination_id)
        if line is not None and sooner is not None:
            await self.store.run(the_service(new_id()), lambda tx: tx.urgent.hasten(line, sooner))
            self.rouse()
        return delivery.shown or DELIVERY_TABLE[delivery.state, sent.trigger] not in WAITING

    async def _wake(self, destination_id: str) -> None:
        """As many at once as may be under way: should it be gone again, no more than these have tried in vain."""
        at_most = sum(SEATS.values())
        woken = await self.store.run(
            the_service(new_id()), lambda tx: tx.sleeping.wake(destination_id, TOLD_AFTER_ATTEMPTS, at_most)
        )
        self.pauses.woke(destination_id, woken)
        self.rouse()

    async def _write_down(self, delivery: Delivery, unit: Callable[[UnitOfWork], bool], outcome: str) -> None:
        """Perform a unit that says whether the delivery is stuck and nobody had been told."""
        if await self.store.run(the_service(delivery.correlation_id), unit):
            telemetry.STUCK.labels(delivery.resource_type).inc()
            telemetry.tell("delivery-stuck", delivery=delivery.id, destination=delivery.destination_id, outcome=outcome)

    def _has_failed(self, delivery: Delivery) -> bool:
        return has_failed(delivery, self.rules.policy(delivery.destination_id), self.clock.now())

    def _tell(self, tx: UnitOfWork, delivery: Delivery) -> bool:
        return tell_of(tx, self.rules, of_her_present(tx, delivery), delivery.state, self.clock.now())
