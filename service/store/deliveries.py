"""The outbox: what is owed, claimed under a lease and settled by whoever holds the lease."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, bindparam, exists, or_, select, update

from service.referrals.delivery import DELIVERY_TABLE, Delivery, DeliveryState, DeliveryTrigger, Lane
from service.store.dialect import Dialect
from service.store.prepared import Prepared
from service.store.tables.columns import table
from service.store.tables.directory import OrganisationRow
from service.store.tables.outgoing import DeliveryRow

if TYPE_CHECKING:
    from service.store.unit_of_work import UnitOfWork

DELIVERY, ORGANISATION = table(DeliveryRow), table(OrganisationRow)
OTHER = DELIVERY.alias("other")
HAS_ENDPOINT = Prepared(
    select(ORGANISATION.c.id).where(
        ORGANISATION.c.id == bindparam("destination"), ORGANISATION.c.fhir_endpoint.is_not(None), ORGANISATION.c.active
    )
)
SUPERSEDE = Prepared(
    update(DELIVERY)
    .where(
        DELIVERY.c.destination_id == bindparam("destination"),
        DELIVERY.c.resource_type == bindparam("of_type"),
        DELIVERY.c.resource_id == bindparam("of_id"),
        DELIVERY.c.state == DeliveryState.READY.value,
    )
    .values(state=DeliveryState.SUPERSEDED.value, settled_at=bindparam("at"))
)
# One worker at a time for the statuses of a woman, so that a later one never overtakes an earlier one and what they
# both need in the record (her Patient, the ServiceRequest) is created once. An alert waits for nothing.
BUSY = exists().where(
    DELIVERY.c.lane == Lane.STATUS.value,
    OTHER.c.lane == Lane.STATUS.value,
    OTHER.c.destination_id == DELIVERY.c.destination_id,
    OTHER.c.patient_id == DELIVERY.c.patient_id,
    OTHER.c.id != DELIVERY.c.id,
    OTHER.c.state == DeliveryState.LEASED.value,
    OTHER.c.lease_until > bindparam("at"),
)
BUILT_UPON = ("Communication", "ServiceRequest", "Task")
WAITING = (DeliveryState.READY.value, DeliveryState.UNKNOWN.value)
CLAIMABLE = (
    select(DELIVERY)
    .where(
        or_(
            DELIVERY.c.state.in_(WAITING) & (DELIVERY.c.due_at <= bindparam("at")),
            (DELIVERY.c.state == DeliveryState.LEASED.value) & (DELIVERY.c.lease_until <= bindparam("at")),
        ),
        DELIVERY.c.lane.in_(bindparam("lanes", expanding=True)),
        ~BUSY,
    )
    .order_by(DELIVERY.c.lane, DELIVERY.c.id)
    .limit(bindparam("at_most"))
)
LEASE = Prepared(
    update(DELIVERY)
    .where(DELIVERY.c.id == bindparam("delivery"))
    .values(
        state=DeliveryState.LEASED.value,
        attempts=DELIVERY.c.attempts + 1,
        lease_owner=bindparam("owner"),
        lease_until=bindparam("until"),
    )
)
SETTLE = Prepared(
    update(DELIVERY)
    .where(
        DELIVERY.c.id == bindparam("delivery"),
        DELIVERY.c.state == DeliveryState.LEASED.value,
        DELIVERY.c.lease_owner == bindparam("owner"),
    )
    .values(
        state=bindparam("settled"),
        due_at=bindparam("due"),
        last_outcome=bindparam("outcome"),
        settled_at=bindparam("at"),
        lease_owner=None,
        lease_until=None,
    )
)
RETRY = Prepared(
    update(DELIVERY)
    .where(DELIVERY.c.id == bindparam("delivery"), DELIVERY.c.state == bindparam("moved_from"))
    .values(state=DeliveryState.READY.value, due_at=bindparam("at"), settled_at=None)
)


class Deliveries:
    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit
        self._owed: dict[tuple[str, str, str], dict[str, object]] = {}

    def owe(
        self, tenant_id: str, type: str, id: str, version: int, patient_id: str | None, *, urgent: bool = False
    ) -> None:
        now = self._unit.now()
        self._owed[tenant_id, type, id] = {
            "destination_id": tenant_id,
            "lane": (Lane.ALERT if urgent else Lane.STATUS).value,
            "resource_type": type,
            "resource_id": id,
            "version": version,
            "patient_id": patient_id,
            "state": DeliveryState.READY.value,
            "attempts": 0,
            "due_at": now,
            "owed_at": now,
            "correlation_id": self._unit.caller.correlation_id,
        }

    def write(self) -> None:
        """The unit finishes: only the newest version of each resource is owed, and only to a record that takes it."""
        takes = {tenant for tenant, _, _ in self._owed if self._has_endpoint(tenant)}
        rows = [row for row in self._owed.values() if row["destination_id"] in takes]
        # In the order in which they build upon each other, so that the record gets each of them once.
        rows.sort(key=lambda row: BUILT_UPON.index(str(row["resource_type"])))
        # Ids of one millisecond are in no order of their own, and deliveries are claimed in the order of their ids.
        for row, id in zip(rows, sorted(self._unit.new_id() for _ in rows), strict=True):
            row["id"] = id
        if not rows:
            return
        known = [
            {"destination": row["destination_id"], "of_type": row["resource_type"], "of_id": row["resource_id"]}
            for row in rows
            if row["version"] != 1
        ]
        if known:
            self._unit.execute(SUPERSEDE, [{**key, "at": self._unit.now()} for key in known])
        self._unit.execute(_owe(self._unit.dialect), rows)
        self._owed.clear()

    def claim(
        self, owner: str, lease: timedelta, at_most: int, lanes: Collection[Lane] = tuple(Lane)
    ) -> list[Delivery]:
        """The next deliveries that are due, leased to `owner`: alerts first, then in the order in which they were
        owed."""
        now = self._unit.now()
        claimable = self._unit.dialect.claim(CLAIMABLE, DELIVERY)
        rows = self._unit.execute(claimable, _asked(now, at_most, lanes)).all()
        if rows:
            leases = [{"delivery": row.id, "owner": owner, "until": now + lease} for row in rows]
            self._unit.execute(LEASE, leases)
        return [_to_delivery(row, attempts=row.attempts + 1) for row in rows]

    def anything_due(self, lanes: Collection[Lane] = tuple(Lane)) -> bool:
        return self._unit.execute(CLAIMABLE, _asked(self._unit.now(), 1, lanes)).first() is not None

    def settle(
        self, delivery: Delivery, owner: str, trigger: DeliveryTrigger, outcome: str, due: datetime | None = None
    ) -> bool:
        """Move it as its table says. False when the lease was lost to another worker, which then settles it."""
        now = self._unit.now()
        values = {
            "delivery": delivery.id,
            "owner": owner,
            "settled": DELIVERY_TABLE[DeliveryState.LEASED, trigger].value,
            "outcome": outcome,
            "due": due or now,
            "at": now,
        }
        return self._unit.execute(SETTLE, values).rowcount == 1

    def retry(self, id: str) -> bool:
        """A person sends a dead or unknown delivery on its way again. False when it is neither."""
        states = (DeliveryState.DEAD, DeliveryState.UNKNOWN)
        values = {"delivery": id, "at": self._unit.now()}
        return any(self._unit.execute(RETRY, {**values, "moved_from": state.value}).rowcount == 1 for state in states)

    def list(self, states: frozenset[DeliveryState], at_most: int) -> list[Delivery]:
        statement = select(DELIVERY).where(DELIVERY.c.state.in_(sorted(states))).order_by(DELIVERY.c.id.desc())
        return [_to_delivery(row, row.attempts) for row in self._unit.execute(statement.limit(at_most))]

    def _has_endpoint(self, organisation_id: str) -> bool:
        return self._unit.execute(HAS_ENDPOINT, {"destination": organisation_id}).first() is not None


@cache
def _owe(dialect: Dialect) -> Prepared:
    return Prepared(dialect.insert(DELIVERY).on_conflict_do_nothing())


def _asked(now: datetime, at_most: int, lanes: Collection[Lane]) -> dict[str, object]:
    return {"at": now, "at_most": at_most, "lanes": [lane.value for lane in lanes]}


def _to_delivery(row: Row[Any], attempts: int) -> Delivery:
    return Delivery(
        id=row.id,
        destination_id=row.destination_id,
        lane=Lane(row.lane),
        resource_type=row.resource_type,
        resource_id=row.resource_id,
        version=row.version,
        patient_id=row.patient_id,
        state=DeliveryState(row.state),
        attempts=attempts,
        due_at=row.due_at,
        last_outcome=row.last_outcome,
        correlation_id=row.correlation_id,
    )
