"""The one line to an engine is kept free for an urgent alert that is soon to be tried again.

Why: docs/decisions/0029-the-line-is-kept-free-for-an-urgent-alert.md.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from service.delivery.channel import Sent
from service.referrals.delivery import REACHED_NOBODY, Delivery, DeliveryTrigger, Lane
from service.store.urgent import Alerts

# What fails this often may itself be why: from then on something less urgent is tried between its tries.
TRIED_ALONE = 2
# How soon after one of its tries.
TO_BEGIN = timedelta(seconds=2)
FAILED = (DeliveryTrigger.TRY_AGAIN, DeliveryTrigger.ANSWER_LOST)


@dataclass(slots=True)
class _Line:
    """Its urgent alerts that fail; whether something was taken beside them, so that they alone are what fails; until
    when something else may be begun between two of their tries, and when they are due once that is over."""

    failing: set[str] = field(default_factory=set)
    takes_others: bool = False
    ask_by: datetime | None = None
    due_then: datetime | None = None


@dataclass(slots=True)
class Reserve:
    """Of all lanes of one worker. `exchange` is how long one message may be under way on a line."""

    exchange: timedelta
    _lines: defaultdict[str, _Line] = field(default_factory=lambda: defaultdict(_Line))

    def is_kept(self, alerts: Alerts | None) -> bool:
        """Whether nothing less urgent is begun where these wait, but for what is tried in between."""
        return alerts is not None and not self._lines[alerts.line].takes_others

    def room(self, alerts: Alerts | None, free: int, now: datetime) -> tuple[int, datetime | None]:
        """How many of `free` may be begun that are less urgent. If that is one which is tried in between, also until
        when the alerts wait for it: it is over by then."""
        if alerts is None or not self.is_kept(alerts):
            return free, None
        line = self._lines[alerts.line]
        may_be_why = alerts.tries > TRIED_ALONE and alerts.next_at > now
        if not free or not may_be_why or line.ask_by is None or now > line.ask_by:
            return 0, None
        line.ask_by, line.due_then = None, alerts.next_at
        return 1, max(alerts.next_at, now + self.exchange)

    def hear(self, endpoint: str, delivery: Delivery, sent: Sent, now: datetime) -> datetime | None:
        """What became of something that went there; by when the urgent alerts that wait there are due because of it, if
        that is sooner than they are. A failure says nothing of the others only where it is that of an urgent alert
        which was answered, or which has failed before they were taken."""
        line, urgent, failed = self._lines[endpoint], delivery.lane is Lane.URGENT, sent.trigger in FAILED
        answered = sent.trigger is DeliveryTrigger.TRY_AGAIN
        its_own = urgent and sent.outcome not in REACHED_NOBODY and (answered or delivery.id in line.failing)
        sooner = None
        if urgent:
            (line.failing.add if failed else line.failing.discard)(delivery.id)
            line.ask_by = now + TO_BEGIN
        else:
            sooner, line.due_then = line.due_then, None
        if not line.failing or (failed and not its_own):
            line.takes_others = False
        if sent.trigger is DeliveryTrigger.TAKEN and line.failing and not line.takes_others:
            line.takes_others, sooner = True, now
        return sooner
