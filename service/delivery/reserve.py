"""The one line to a destination is kept free for an urgent alert that is soon to be tried again.

Why: docs/decisions/0029-the-line-is-kept-free-for-an-urgent-alert.md.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from service.delivery.channel import Sent
from service.referrals.delivery import REACHED_NOBODY, Delivery, DeliveryTrigger, Lane

# What fails this often may itself be why: from then on something less urgent is tried between its tries.
TRIED_ALONE = 2
# How long what is to be tried in between may take to be begun.
TO_BEGIN = timedelta(seconds=2)
FAILED = (DeliveryTrigger.TRY_AGAIN, DeliveryTrigger.ANSWER_LOST)


@dataclass(slots=True)
class Reserve:
    """Of all lanes of one worker. `exchange` is how long one message may be under way on a line.

    Of each destination: its urgent alerts that fail; whether something was taken beside them, so that they alone are
    what fails; for which of their tries something was tried in between; when they are tried next, and when they would
    have been if nothing had to be tried before.
    """

    exchange: timedelta
    _failing: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    _takes_others: set[str] = field(default_factory=set)
    _tried_between: dict[str, datetime] = field(default_factory=dict)
    _tried_next: dict[str, datetime] = field(default_factory=dict)
    _tried_else: dict[str, datetime] = field(default_factory=dict)

    def seats(self, destination_id: str, free: int, alert_at: datetime | None, now: datetime) -> int:
        """How many of `free` may be begun that are less urgent: all if no urgent alert waits or is under way there, or
        if it alone fails; else one that is over before `alert_at`, when the alert is tried next."""
        if alert_at is None or destination_id in self._takes_others:
            return free
        if alert_at - now < self.exchange or self._tried_between.get(destination_id) == alert_at:
            return 0
        self._tried_between[destination_id] = alert_at
        return min(free, 1)

    def hear(self, delivery: Delivery, sent: Sent, now: datetime) -> datetime | None:
        """What became of something; when the urgent alerts that fail there can be tried again because of it, if that is
        sooner than they are. A failure says nothing of the others only where it is that of an urgent alert which was
        answered, or which has failed before they were taken."""
        destination_id, urgent = delivery.destination_id, delivery.lane is Lane.URGENT
        failing, failed = self._failing[destination_id], sent.trigger in FAILED
        answered = sent.trigger is DeliveryTrigger.TRY_AGAIN
        its_own = urgent and sent.outcome not in REACHED_NOBODY and (answered or delivery.id in failing)
        if urgent:
            (failing.add if failed else failing.discard)(delivery.id)
        if not failing or (failed and not its_own):
            self._takes_others.discard(destination_id)
        sooner = None if urgent else self._tried_else.pop(destination_id, None)
        if sent.trigger is DeliveryTrigger.TAKEN and failing and destination_id not in self._takes_others:
            self._takes_others.add(destination_id)
            sooner = now
        if sooner is not None:
            self._tried_next.pop(destination_id, None)
        return sooner

    def asks_others(self, delivery: Delivery, sent: Sent) -> bool:
        """Whether it is to be found out by another message if it alone is what fails."""
        may_be_why = delivery.attempts > TRIED_ALONE and sent.trigger in FAILED and sent.outcome not in REACHED_NOBODY
        return delivery.lane is Lane.URGENT and may_be_why and delivery.destination_id not in self._takes_others

    def due(self, delivery: Delivery, due: datetime, now: datetime) -> datetime:
        """When it is tried again that would be at `due`, if another message is to be tried before: the urgent alerts of
        one destination together, and so late that this one is over."""
        destination_id = delivery.destination_id
        self._tried_else[destination_id] = min(due, self._tried_else.get(destination_id, due))
        together = self._tried_next.get(destination_id, now)
        if together <= now:
            together = self._tried_next[destination_id] = max(due, now + self.exchange + TO_BEGIN)
        return together
