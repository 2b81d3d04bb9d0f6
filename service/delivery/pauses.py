"""How long what failed waits, and how much a destination that is not reached is asked for meanwhile."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from service.delivery.channel import Sent
from service.referrals.delivery import REACHED_NOBODY, Delivery, DeliveryTrigger, Lane

# Of each destination: one that hangs delays no other, and its statuses none of its alerts.
SEATS = {Lane.URGENT: 16, Lane.ROUTINE: 16, Lane.STATUS: 8}
LONGEST_WAIT = {
    Lane.URGENT: timedelta(seconds=30),
    Lane.ROUTINE: timedelta(seconds=30),
    Lane.STATUS: timedelta(minutes=15),
}
# An urgent alert does not lie for the hour that somebody has put into a gateway's page.
LONGEST_ASKED_WAIT = {
    Lane.URGENT: timedelta(minutes=1),
    Lane.ROUTINE: timedelta(minutes=15),
    Lane.STATUS: timedelta(hours=1),
}
# While it is not reached, one is tried and then the next: however many wait, they do not all run against it. An alert
# is due again by then, for else what is less urgent would be the next.
ONE_EVERY = timedelta(seconds=1)
# So that a destination that works costs next to nothing.
WAKES_EVERY = timedelta(seconds=5)


@dataclass(slots=True)
class Pauses:
    """Of all lanes of one worker: what one of them hears of a destination the others need not find out. It only spares
    all of them work."""

    spread: Callable[[], float]
    _not_before: dict[tuple[str, Lane], datetime] = field(default_factory=dict)
    _wakes_from: dict[str, datetime] = field(default_factory=dict)

    def seats(self, destination_id: str, lane: Lane, now: datetime) -> int:
        """How many of this lane may be under way to it at once."""
        not_before = self._not_before.get((destination_id, lane))
        if not_before is None:
            return SEATS[lane]
        return int(now >= not_before)

    def hear(self, delivery: Delivery, sent: Sent, now: datetime) -> bool:
        """Whether what waits out a pause there should be woken, because something has just been taken."""
        destination_id = delivery.destination_id
        if sent.outcome in REACHED_NOBODY:
            self._not_before[destination_id, delivery.lane] = now + ONE_EVERY
        if sent.trigger is not DeliveryTrigger.TAKEN:
            return False
        if now < self._wakes_from.get(destination_id, now):
            self._go_on(destination_id)
            return False
        self._wakes_from[destination_id] = now + WAKES_EVERY
        return True

    def woke(self, destination_id: str, count: int) -> None:
        """So many are due now, and none went on before them. There may be more to wake: the next that is taken says
        whether it would get through."""
        self._go_on(destination_id)
        if count:
            self._wakes_from.pop(destination_id, None)

    def _go_on(self, destination_id: str) -> None:
        for lane in Lane:
            self._not_before.pop((destination_id, lane), None)

    def due(self, delivery: Delivery, sent: Sent, now: datetime) -> datetime:
        """As the destination asked for it, as far as its lane can wait. Else full jitter, doubling from one second to
        the longest wait of its lane. An alert that reached nobody waits no longer than all there have to."""
        if sent.wait is not None and sent.wait > timedelta(0):
            return now + min(sent.wait, LONGEST_ASKED_WAIT[delivery.lane])
        unreached = delivery.lane.of_alerts and sent.outcome in REACHED_NOBODY
        longest = ONE_EVERY if unreached else LONGEST_WAIT[delivery.lane]
        ceiling = min(longest.total_seconds(), 2.0 ** min(delivery.attempts, 10))
        return now + timedelta(seconds=self.spread() * ceiling)
