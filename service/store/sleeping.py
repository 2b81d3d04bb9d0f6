"""What waits out a pause although its destination is there again."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, case, func, or_, select, update

from service.referrals.delivery import (
    GOT_NO_ANSWER,
    REACHED_NOBODY,
    TURNED_AWAY,
    DeliveryTrigger,
    Lane,
    states_before,
)
from service.store.deliveries import DELIVERY, ORGANISATION, TRIED, in_states
from service.store.dialect import Dialect
from service.store.leases import DUE, LEASED
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
    .order_by(DELIVERY.c.lane, DELIVERY.c.id)
    .limit(bindparam("at_most"))
)
NOW = bindparam("at", type_=DELIVERY.c.due_at.type)
# When the next try of an urgent alert is that goes over the one line to a destination: at once, where `owner` is at it.
NEXT_ALERT = Prepared(
    select(func.min(case((DELIVERY.c.state == LEASED.value, NOW), else_=DELIVERY.c.due_at)))
    .join_from(DELIVERY, ORGANISATION, ORGANISATION.c.id == DELIVERY.c.destination_id)
    .where(
        DELIVERY.c.destination_id == bindparam("destination"),
        DELIVERY.c.lane == Lane.URGENT.value,
        ORGANISATION.c.fhir_endpoint.is_(None),
        IS_WAITING,
        or_(
            in_states(DELIVERY.c.state, states_before(DeliveryTrigger.CLAIMED)) & (DELIVERY.c.due_at > bindparam("at")),
            (DELIVERY.c.state == LEASED.value)
            & (DELIVERY.c.lease_owner == bindparam("owner"))
            & (DELIVERY.c.lease_until > bindparam("at")),
        ),
    )
)
LESS_URGENT = Prepared(
    select(DELIVERY.c.id)
    .where(DELIVERY.c.destination_id == bindparam("destination"), DELIVERY.c.lane > Lane.URGENT.value, DUE)
    .limit(1)
)
PAUSES = (
    select(DELIVERY.c.id)
    .where(
        DELIVERY.c.destination_id == bindparam("destination"),
        DELIVERY.c.lane == Lane.URGENT.value,
        IS_WAITING,
        in_states(DELIVERY.c.state, states_before(DeliveryTrigger.CLAIMED)),
        DELIVERY.c.due_at > bindparam("sooner"),
    )
    .order_by(DELIVERY.c.id)
)


class Sleeping:
    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit

    def next_alert(self, destination_id: str, owner: str) -> datetime | None:
        """When an urgent alert is tried next where one message goes at a time, if it has been tried before or `owner`
        is just trying it."""
        asked = {"destination": destination_id, "owner": owner, "at": self._unit.now()}
        found: datetime | None = self._unit.execute(NEXT_ALERT, asked).scalar_one()
        return found

    def wake(self, destination_id: str, tried: int, at_most: int) -> int:
        """Something was taken there, so what did not get through is due now, the alerts first; how many those are. What
        got no answer or was turned away is woken if it was tried less often than `tried`."""
        now = self._unit.now()
        values = {"destination": destination_id, "at": now, "tried": tried, "at_most": at_most}
        return self._unit.execute(_wake(self._unit.dialect), values).rowcount

    def less_urgent_is_due(self, destination_id: str) -> bool:
        """Whether there is something that could be sent there, but for urgent alerts."""
        asked = {"destination": destination_id, "at": self._unit.now()}
        return self._unit.execute(LESS_URGENT, asked).first() is not None

    def hasten(self, destination_id: str, sooner: datetime) -> None:
        """Its urgent alerts that wait out a pause are due by then."""
        self._unit.execute(_hasten(self._unit.dialect), {"destination": destination_id, "sooner": sooner})


@cache
def _hasten(dialect: Dialect) -> Prepared:
    pauses = dialect.claim(PAUSES, DELIVERY).correlate(None)
    return Prepared(update(DELIVERY).where(DELIVERY.c.id.in_(pauses)).values(due_at=bindparam("sooner")))


@cache
def _wake(dialect: Dialect) -> Prepared:
    asleep = dialect.claim(ASLEEP, DELIVERY).correlate(None)
    return Prepared(update(DELIVERY).where(DELIVERY.c.id.in_(asleep)).values(due_at=bindparam("at")))
