"""One delivery on its way: packed as it stands now, its woman made known where she is not, and sent under its lease."""

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from time import monotonic

from service.delivery.channel import GaveWay, Parcel, RecordChannel, Sent
from service.delivery.links import Links
from service.delivery.pack import pack
from service.delivery.settle import keep
from service.flow.rules import Rules
from service.referrals.delivery import TURNED_AWAY, Delivery, DeliveryTrigger
from service.shared import telemetry
from service.shared.caller import the_service
from service.shared.clock import Clock
from service.shared.errors import Unavailable
from service.store.engine import Store
from service.store.unit_of_work import UnitOfWork

# How often, in seconds, whoever waits for her to be made known looks whether she is.
LOOKS_EVERY = 0.1


@dataclass(frozen=True, slots=True)
class Sending:
    """`owner` holds the leases under which it is sent, and `lease` is how long they last."""

    owner: str
    store: Store[UnitOfWork]
    rules: Rules
    clock: Clock
    channel: RecordChannel
    lease: timedelta
    links: Links

    async def send(self, delivery: Delivery) -> tuple[Parcel | None, Sent | None]:
        """What was sent and what became of it: None when the lease was lost before."""
        parcel, now = None, self.clock.now()
        caller = the_service(delivery.correlation_id)
        try:
            parcel = await self.store.read(caller, lambda tx: pack(tx, self.rules, delivery, now))
            if parcel is not None and parcel.is_of_a_stranger:
                parcel, ended = await self._introduce(delivery)
                if ended is not None:
                    return parcel, ended
            if parcel is None:
                return None, Sent(DeliveryTrigger.NO_LONGER_WANTED, "no-longer-wanted")
            parcel = await self.links.added(self.store, self.rules, parcel, now)
            # Last of all: whatever was asked of the store before may have waited for it.
            if not await self._holds(delivery):
                return parcel, None
            async with asyncio.timeout(self.lease.total_seconds() / 2):
                return parcel, await self.channel.send(parcel)
        except (Unavailable, GaveWay):
            raise
        except TimeoutError:
            return parcel, Sent(DeliveryTrigger.ANSWER_LOST, "no-answer")
        except Exception as defect:  # noqa: BLE001  # one that cannot be written out must not stop all the others
            telemetry.tell_defect("delivery-defect", defect, delivery=delivery.id)
            return parcel, Sent(DeliveryTrigger.TRY_AGAIN, "defect")

    async def _holds(self, delivery: Delivery) -> bool:
        """Whether it may be sent: under a lease that lasts longer than that may take, so that nobody else sends it
        meanwhile."""
        caller = the_service(delivery.correlation_id)
        if await self.store.read(caller, lambda tx: tx.leases.left(delivery, self.owner)) >= self.lease / 2:
            return True
        return await self.store.run(caller, lambda tx: tx.leases.renew(delivery, self.owner, self.lease))

    async def _introduce(self, delivery: Delivery) -> tuple[Parcel | None, Sent | None]:
        """The parcel once its record knows her, or why nothing is sent. One sender at a time asks for her and makes
        her known, for a record may hold no condition under which it creates; the others wait for that alone.
        """
        half_a_lease = self.lease.total_seconds() / 2
        waits_until = monotonic() + half_a_lease
        caller = the_service(delivery.correlation_id)
        while True:
            its_turn, found = await self.store.run(caller, partial(self._take_turn, delivery=delivery))
            if found is None or not found.is_of_a_stranger:
                return found, None
            if not await self._holds(delivery):
                return found, None
            if its_turn:
                break
            if monotonic() > waits_until:
                return found, Sent(DeliveryTrigger.TRY_AGAIN, "others-before-it")
            await asyncio.sleep(LOOKS_EVERY)
        async with asyncio.timeout(half_a_lease):
            sent = await self.channel.introduce(found)
        await self.store.run(caller, partial(self._leave_turn, delivery=delivery, parcel=found, sent=sent))
        known = {(each.type, each.our_id): each.record_id for each in sent.learned}
        # An alert reaches somebody also where it cannot be said which Patient she is: by her number.
        refused = sent.trigger is DeliveryTrigger.REFUSED_FOR_GOOD or sent.outcome in TURNED_AWAY
        by_her_number = delivery.lane.of_alerts and refused
        ended = None if by_her_number or sent.trigger is DeliveryTrigger.TAKEN else sent
        return replace(found, record_ids={**found.record_ids, **known}), ended

    def _take_turn(self, tx: UnitOfWork, delivery: Delivery) -> tuple[bool, Parcel | None]:
        """What another has learnt meanwhile is seen under the turn."""
        return tx.leases.introduce(delivery, self.owner), pack(tx, self.rules, delivery, self.clock.now())

    def _leave_turn(self, tx: UnitOfWork, delivery: Delivery, parcel: Parcel, sent: Sent) -> None:
        keep(tx, parcel, sent.learned)
        tx.leases.introduced(delivery, self.owner)
