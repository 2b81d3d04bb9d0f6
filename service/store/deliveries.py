"""The outbox: what is owed, and what a person does about it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Row, bindparam, or_, select, update

from service.referrals.delivery import Delivery, DeliveryState, DeliveryTrigger, Lane, state_after, states_before
from service.screening.instrument import Recorded
from service.store.dialect import Dialect
from service.store.prepared import Prepared
from service.store.tables.columns import table
from service.store.tables.directory import OrganisationRow
from service.store.tables.outgoing import DeliveryRow

if TYPE_CHECKING:
    from service.store.unit_of_work import UnitOfWork

DELIVERY, ORGANISATION = table(DeliveryRow), table(OrganisationRow)
# In the order in which they build upon each other, so that the record gets each of them once.
BUILT_UPON = tuple(Recorded)


def in_states(column: ColumnElement[Any], states: Iterable[DeliveryState]) -> ColumnElement[bool]:
    """Written out, for an IN over a list cannot be prepared."""
    return or_(*(column == state.value for state in states))


SUPERSEDE = Prepared(
    update(DELIVERY)
    .where(
        DELIVERY.c.destination_id == bindparam("destination"),
        DELIVERY.c.resource_type == bindparam("of_type"),
        DELIVERY.c.resource_id == bindparam("of_id"),
        in_states(DELIVERY.c.state, states_before(DeliveryTrigger.OVERTAKEN)),
    )
    .values(state=state_after(DeliveryTrigger.OVERTAKEN).value, settled_at=bindparam("at"))
)
SHOW = Prepared(
    update(DELIVERY)
    .where(DELIVERY.c.id == bindparam("delivery"), DELIVERY.c.shown_at.is_(None))
    .values(shown_at=bindparam("at"))
)
RETRY = Prepared(
    update(DELIVERY)
    .where(
        DELIVERY.c.id == bindparam("delivery"),
        in_states(DELIVERY.c.state, states_before(DeliveryTrigger.RETRIED_BY_PERSON)),
    )
    .values(
        state=state_after(DeliveryTrigger.RETRIED_BY_PERSON).value,
        attempts=0,
        due_at=bindparam("at"),
        settled_at=None,
        shown_at=None,
    )
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
        rows = sorted(self._owed.values(), key=lambda row: BUILT_UPON.index(Recorded(str(row["resource_type"]))))
        self._owed.clear()
        if not rows:
            return
        # Ids of one millisecond are in no order of their own, and deliveries are claimed in the order of their ids.
        for row, id in zip(rows, sorted(self._unit.new_id() for _ in rows), strict=True):
            row["id"] = id
        known = [
            {"destination": row["destination_id"], "of_type": row["resource_type"], "of_id": row["resource_id"]}
            for row in rows
            if row["version"] != 1
        ]
        if known:
            self._unit.execute(SUPERSEDE, [{**key, "at": self._unit.now()} for key in known])
        self._unit.execute(_owe(self._unit.dialect), [{f"its_{name}": row[name] for name in row} for row in rows])

    def show(self, delivery: Delivery) -> bool:
        """Note that a person is told of it. False when one was already, since it was owed or last retried."""
        return self._unit.execute(SHOW, {"delivery": delivery.id, "at": self._unit.now()}).rowcount == 1

    def retry(self, id: str) -> bool:
        """A person sends a dead or unknown delivery on its way again, as if it were new. False when it is neither."""
        return self._unit.execute(RETRY, {"delivery": id, "at": self._unit.now()}).rowcount == 1

    def list(
        self, states: Collection[DeliveryState], at_most: int | None, destination_id: str | None = None
    ) -> list[Delivery]:
        """The newest first; `at_most` None: all."""
        statement = select(DELIVERY).where(DELIVERY.c.state.in_(sorted(states))).order_by(DELIVERY.c.id.desc())
        if destination_id is not None:
            statement = statement.where(DELIVERY.c.destination_id == destination_id)
        rows = self._unit.execute(statement.limit(at_most))
        return [to_delivery(row) for row in rows]


# To build a statement costs more than to execute it: each is built once.
@cache
def _owe(dialect: Dialect) -> Prepared:
    """Adds a delivery if its destination takes it. HL7 v2 has no form of a Task by which an alert is answered."""
    given = {
        name: bindparam(f"its_{name}", type_=DELIVERY.c[name].type)
        for name in DELIVERY.columns.keys()  # noqa: SIM118  # it iterates over columns, not names
        if name not in ("lease_owner", "lease_until", "last_outcome", "shown_at", "settled_at")
    }
    takes = select(*given.values()).where(
        ORGANISATION.c.id == given["destination_id"],
        ORGANISATION.c.active,
        or_(
            ORGANISATION.c.fhir_endpoint.is_not(None),
            ORGANISATION.c.hl7v2_endpoint.is_not(None) & (given["resource_type"] != Recorded.ALERT_TASKS.value),
        ),
    )
    return Prepared(dialect.insert(DELIVERY).from_select(list(given), takes).on_conflict_do_nothing())


def to_delivery(row: Row[Any]) -> Delivery:
    return Delivery(
        id=row.id,
        destination_id=row.destination_id,
        lane=Lane(row.lane),
        resource_type=row.resource_type,
        resource_id=row.resource_id,
        version=row.version,
        patient_id=row.patient_id,
        state=DeliveryState(row.state),
        attempts=row.attempts,
        due_at=row.due_at,
        last_outcome=row.last_outcome,
        correlation_id=row.correlation_id,
        shown=row.shown_at is not None,
    )
