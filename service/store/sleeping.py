"""What waits out a pause although its destination is there again."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, or_, select, update

from service.referrals.delivery import (
    GOT_NO_ANSWER,
    REACHED_NOBODY,
    TURNED_AWAY,
    DeliveryTrigger,
    states_before,
)
from service.store.deliveries import DELIVERY, TRIED, in_states
from service.store.dialect import Dialect
from service.store.prepared import Prepared
from service.store.tables.outgoing import IS_WAITING

if TYPE_CHECKING:
    from service.store.unit_of_work import UnitOfWork

# Where nothing was heard, what was to be said cannot be why. What gets no answer again and again, or is
# turned away, may be the reason itself, and keeps its pause: it would hold up what goes through each time.
ASLEEP = (
    select(DELIVERY.c.id)
    .where(
        DELIVERY.c.destination_id == bindparam("destination"),
        IS_WAITING,
        in_states(DELIVERY.c.state, states_before(DeliveryTrigger.CLAIMED)),
        DELIVERY.c.due_at > bindparam("at"),
        or_(
            *(DELIVERY.c.last_outcome == each for each in REACHED_NOBODY),
            or_(*(DELIVERY.c.last_outcome == each for each in (*GOT_NO_ANSWER, *TURNED_AWAY))) & ~TRIED,
        ),
    )
    .order_by(DELIVERY.c.lane, DELIVERY.c.place)
    .limit(bindparam("at_most"))
)


class Sleeping:
    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit

    def wake(self, destination_id: str, tried: int, at_most: int) -> int:
        """Something was taken there, so what did not get through is due now, the alerts first; how many those are. What
        got no answer or was turned away is woken if it was tried less often than `tried`."""
        now = self._unit.now()
        values = {"destination": destination_id, "at": now, "tried": tried, "at_most": at_most}
        return self._unit.execute(_wake(self._unit.dialect), values).rowcount


@cache
def _wake(dialect: Dialect) -> Prepared:
    asleep = dialect.claim(ASLEEP, DELIVERY).correlate(None)
    return Prepared(update(DELIVERY).where(DELIVERY.c.id.in_(asleep)).values(due_at=bindparam("at")))
