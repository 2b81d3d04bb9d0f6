"""Who is sending what: a delivery is claimed under a lease, and settled by whoever holds it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

from sqlalchemy import and_, bindparam, exists, func, or_, select, update

from service.referrals.delivery import (
    DELIVERY_TABLE,
    WAITING,
    Delivery,
    DeliveryTrigger,
    Lane,
    state_after,
    states_before,
)
from service.screening.instrument import Recorded
from service.store.deliveries import DELIVERY, ORGANISATION, in_states, to_delivery
from service.store.dialect import Dialect
from service.store.prepared import Prepared
from service.store.tables.outgoing import IS_UNSETTLED, IS_WAITING

if TYPE_CHECKING:
    from service.store.unit_of_work import UnitOfWork

OTHER, LEASED = DELIVERY.alias("other"), state_after(DeliveryTrigger.CLAIMED)
BESIDE = and_(OTHER.c.destination_id == DELIVERY.c.destination_id, OTHER.c.patient_id == DELIVERY.c.patient_id)
UNDER_WAY = and_(
    BESIDE,
    OTHER.c.id != DELIVERY.c.id,
    IS_UNSETTLED,
    OTHER.c.state == LEASED.value,
    OTHER.c.lease_until > bindparam("at"),
)
# One worker at a time for the statuses of a woman, so that what they all need in the record (her Patient, the
# ServiceRequest) is created once.
BUSY = exists().where(UNDER_WAY, OTHER.c.lane == Lane.STATUS.value)
# Nor before an earlier one that waits to be tried again, until a person knows that this one does not arrive.
HELD_UP = [
    exists().where(
        BESIDE,
        OTHER.c.lane == Lane.STATUS.value,
        OTHER.c.place < DELIVERY.c.place,
        IS_UNSETTLED,
        OTHER.c.state == state.value,
        OTHER.c.due_at > bindparam("at"),
        OTHER.c.shown_at.is_(None),
    )
    for state in states_before(DeliveryTrigger.CLAIMED)
]
OVERTAKES = exists().where(
    OTHER.c.destination_id == DELIVERY.c.destination_id,
    OTHER.c.resource_type == DELIVERY.c.resource_type,
    OTHER.c.resource_id == DELIVERY.c.resource_id,
    OTHER.c.version < DELIVERY.c.version,
    in_states(OTHER.c.state, WAITING),
)
FREE = or_(
    in_states(DELIVERY.c.state, states_before(DeliveryTrigger.CLAIMED)) & (DELIVERY.c.due_at <= bindparam("at")),
    in_states(DELIVERY.c.state, states_before(DeliveryTrigger.LEASE_EXPIRED))
    & (DELIVERY.c.lease_until <= bindparam("at")),
)
# An alert waits for nothing: each of its messages is said. Only of its Task the newest state must come last.
IN_TURN = or_(
    DELIVERY.c.resource_type == Recorded.ALERTS.value,
    # In this order: during an outage most are held up, and to find that costs least.
    or_(DELIVERY.c.lane < Lane.STATUS.value, ~or_(*HELD_UP, BUSY)) & ~OVERTAKES,
)
DUE = and_(IS_WAITING, FREE, IN_TURN)
# The first one's lane, and not an EXISTS, which PostgreSQL would turn into a join over everything that waits.
FIRST_DUE = (
    select(DELIVERY.c.lane)
    .where(DELIVERY.c.destination_id == ORGANISATION.c.id, DELIVERY.c.lane <= bindparam("of_lane"), DUE)
    .order_by(DELIVERY.c.lane, DELIVERY.c.place)
    .limit(1)
    .correlate(ORGANISATION)
    .scalar_subquery()
)
DESTINATIONS = Prepared(select(ORGANISATION.c.id).where(bindparam("of_lane") == FIRST_DUE))
ANYTHING_DUE = Prepared(select(FIRST_DUE).where(ORGANISATION.c.id == bindparam("destination")))
CLAIMABLE = (
    select(DELIVERY)
    .where(DELIVERY.c.destination_id == bindparam("destination"), DELIVERY.c.lane == bindparam("of_lane"), DUE)
    .order_by(DELIVERY.c.place)
    .limit(bindparam("at_most"))
)
LEASE = Prepared(
    update(DELIVERY)
    .where(DELIVERY.c.id == bindparam("delivery"), FREE)
    .values(
        state=LEASED.value,
        attempts=DELIVERY.c.attempts + 1,
        lease_owner=bindparam("owner"),
        lease_until=bindparam("until"),
        introduces=False,
    )
)
# An owner whose lease ran out may have claimed the same delivery anew: the attempt tells the two apart.
HELD = (
    (DELIVERY.c.id == bindparam("delivery"))
    & (DELIVERY.c.state == LEASED.value)
    & (DELIVERY.c.lease_owner == bindparam("owner"))
    & (DELIVERY.c.attempts == bindparam("attempt"))
)
LEASE_UNTIL = Prepared(select(DELIVERY.c.lease_until).where(HELD))
RENEW = Prepared(
    update(DELIVERY).where(HELD, DELIVERY.c.lease_until > bindparam("at")).values(lease_until=bindparam("until"))
)
# Whoever makes her known already, and an alert of hers, which goes before a status.
GOES_FIRST = exists().where(UNDER_WAY, OTHER.c.introduces | (OTHER.c.lane < DELIVERY.c.lane))
INTRODUCE = Prepared(
    update(DELIVERY).where(HELD, DELIVERY.c.lease_until > bindparam("at"), ~GOES_FIRST).values(introduces=True)
)
INTRODUCED = Prepared(update(DELIVERY).where(HELD).values(introduces=False))
SETTLE = Prepared(
    update(DELIVERY)
    .where(HELD)
    .values(
        state=bindparam("settled"),
        due_at=bindparam("due"),
        last_outcome=bindparam("outcome"),
        control_id=func.coalesce(DELIVERY.c.control_id, bindparam("control", type_=DELIVERY.c.control_id.type)),
        settled_at=bindparam("at"),
        lease_owner=None,
        lease_until=None,
    )
)
GIVE_BACK = Prepared(
    update(DELIVERY)
    .where(HELD)
    .values(state=bindparam("before"), attempts=DELIVERY.c.attempts - 1, lease_owner=None, lease_until=bindparam("at"))
)


class Leases:
    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit

    def destinations(self, lane: Lane) -> list[str]:
        """To whom something in this lane is due, and nothing in one that goes before it."""
        asked = {"at": self._unit.now(), "of_lane": lane.value}
        return [row.id for row in self._unit.execute(DESTINATIONS, asked)]

    def gives_way(self, delivery: Delivery) -> bool:
        """Whether something is due there that goes before its lane."""
        asked = {"at": self._unit.now(), "of_lane": delivery.lane - 1, "destination": delivery.destination_id}
        return self._unit.execute(ANYTHING_DUE, asked).scalar_one() is not None

    def claim(self, owner: str, lease: timedelta, lane: Lane, destination_id: str, at_most: int) -> list[Delivery]:
        """What is due next to one destination in this lane, leased to `owner`, in the order in which it was owed."""
        if lane is Lane.STATUS:  # else what another worker is just claiming would not be seen to hold these up
            self._unit.take_turn(destination_id)
        now = self._unit.now()
        wanted = {"at": now, "of_lane": lane.value, "destination": destination_id, "at_most": at_most}
        rows = self._unit.execute(_claimable(self._unit.dialect), wanted).all()
        if rows:
            leases = [{"delivery": row.id, "owner": owner, "until": now + lease, "at": now} for row in rows]
            if self._unit.execute(LEASE, leases).rowcount != len(rows):
                raise LookupError("a delivery had moved under its lock")
        return [_leased(to_delivery(row)) for row in rows]

    def left(self, delivery: Delivery, owner: str) -> timedelta:
        """How long the lease of `owner` lasts still; nothing when it was lost."""
        until = self._unit.execute(LEASE_UNTIL, _holding(delivery, owner)).scalar_one_or_none()
        return timedelta(0) if until is None else max(until - self._unit.now(), timedelta(0))

    def renew(self, delivery: Delivery, owner: str, lease: timedelta) -> bool:
        """Let the lease begin anew. False when it had ended or was another's: then nothing may be sent under it."""
        now = self._unit.now()
        values = {**_holding(delivery, owner), "at": now, "until": now + lease}
        return self._unit.execute(RENEW, values).rowcount == 1

    def introduce(self, delivery: Delivery, owner: str) -> bool:
        """Have it to oneself to make her known to the destination, until `introduced`, or else until this is settled
        or its lease ends. False while another delivery of hers does so, or is to do it first."""
        self._unit.take_turn(f"{delivery.destination_id} {delivery.patient_id}")
        return self._unit.execute(INTRODUCE, {**_holding(delivery, owner), "at": self._unit.now()}).rowcount == 1

    def introduced(self, delivery: Delivery, owner: str) -> None:
        """It was tried; the next may."""
        self._unit.execute(INTRODUCED, _holding(delivery, owner))

    def give_back(self, deliveries: Sequence[Delivery], owner: str) -> None:
        """They were not tried, and are due as if they had not been claimed: what was abandoned is so still."""
        before = {True: LEASED.value, False: state_after(DeliveryTrigger.LEASE_EXPIRED).value}
        values = [(_holding(each, owner), before[each.abandoned]) for each in deliveries]
        now = self._unit.now()
        self._unit.execute(GIVE_BACK, [{**holding, "before": state, "at": now} for holding, state in values])

    def settle(
        self,
        delivery: Delivery,
        owner: str,
        trigger: DeliveryTrigger,
        outcome: str,
        due: datetime | None = None,
        control_id: str | None = None,
    ) -> bool:
        """Move it as its table says; `control_id` is MSH-10 of what may have arrived. False when the lease was lost to
        another worker, which then settles it."""
        now = self._unit.now()
        values = {
            **_holding(delivery, owner),
            "settled": DELIVERY_TABLE[delivery.state, trigger].value,
            "outcome": outcome,
            "control": control_id,
            "due": due or now,
            "at": now,
        }
        return self._unit.execute(SETTLE, values).rowcount == 1


def _leased(before: Delivery) -> Delivery:
    return replace(before, state=LEASED, attempts=before.attempts + 1, abandoned=before.state is LEASED)


@cache
def _claimable(dialect: Dialect) -> Prepared:
    return Prepared(dialect.claim(CLAIMABLE, DELIVERY))


def _holding(delivery: Delivery, owner: str) -> dict[str, object]:
    return {"delivery": delivery.id, "owner": owner, "attempt": delivery.attempts}
