"""The outbox: what is owed, and what a person does about it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Row, and_, bindparam, exists, func, or_, select, update

from service.referrals.alert import AlertCode
from service.referrals.delivery import (
    Delivery,
    DeliveryState,
    DeliveryTrigger,
    Lane,
    state_after,
    states_before,
)
from service.screening.instrument import Recorded
from service.store.dialect import Dialect
from service.store.prepared import Prepared
from service.store.tables.columns import table
from service.store.tables.directory import OrganisationRow
from service.store.tables.outgoing import IS_UNSETTLED, IS_WAITING, DeliveryRow
from service.store.tables.referral import AlertRow

if TYPE_CHECKING:
    from service.store.unit_of_work import UnitOfWork

DELIVERY, ORGANISATION, ALERT = table(DeliveryRow), table(OrganisationRow), table(AlertRow)
# In the order in which they build upon each other, so that the record gets each of them once.
PLACES = {kind.value: place for place, kind in enumerate(Recorded)}
READY = DeliveryState.READY.value


def in_states(column: ColumnElement[Any], states: Iterable[DeliveryState]) -> ColumnElement[bool]:
    """Written out, for an IN over a list cannot be prepared."""
    return or_(*(column == state.value for state in states))


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
        owed_at=bindparam("at"),
        settled_at=None,
        shown_at=None,
    )
)
WOMEN_WAITING = Prepared(
    select(func.count(DELIVERY.c.patient_id.distinct())).where(
        DELIVERY.c.destination_id == bindparam("destination"), IS_WAITING
    )
)
TRIED = DELIVERY.c.attempts >= bindparam("tried")
# Other women for whom the same destination takes nothing either.
OTHERS_WAIT = Prepared(
    select(DELIVERY.c.id)
    .where(
        DELIVERY.c.destination_id == bindparam("destination"),
        IS_WAITING,
        TRIED,
        DELIVERY.c.patient_id != bindparam("patient"),
    )
    .limit(1)
)
NEWER = DELIVERY.alias("newer")
# Not over: neither delivered itself nor in a newer version. What only says that something is stuck is not itself
# waited for.
NOT_OVER = and_(
    DELIVERY.c.destination_id == bindparam("destination"),
    ~exists().where(
        NEWER.c.destination_id == DELIVERY.c.destination_id,
        NEWER.c.resource_type == DELIVERY.c.resource_type,
        NEWER.c.resource_id == DELIVERY.c.resource_id,
        NEWER.c.version > DELIVERY.c.version,
        NEWER.c.state == DeliveryState.DONE.value,
    ),
    ~exists().where(ALERT.c.id == DELIVERY.c.resource_id, ALERT.c.code == AlertCode.DELIVERY_STUCK.value),
)
STUCK_OF_HERS = Prepared(
    select(DELIVERY.c.id)
    .where(
        NOT_OVER,
        DELIVERY.c.patient_id == bindparam("patient"),
        IS_UNSETTLED,
        DELIVERY.c.last_outcome.is_not(None) | TRIED,
    )
    .limit(1)
)
STUCK_OF_ALL = Prepared(
    select(DELIVERY.c.id)
    .where(
        NOT_OVER,
        IS_UNSETTLED,
        or_(
            IS_WAITING & (DELIVERY.c.shown_at.is_not(None) | TRIED),
            DELIVERY.c.patient_id.is_(None) & (DELIVERY.c.state == DeliveryState.DEAD.value),
        ),
    )
    .limit(1)
)


# What a delivery is made of, as the statement that owes it is given it.
GIVEN = {
    column.key: bindparam(f"its_{column.key}", type_=column.type)
    for column in DELIVERY.columns
    if column.key == "patient_id" or not (column.nullable or column.key == "place")
}
IS_OVER = bindparam("its_over", type_=DELIVERY.c.introduces.type)
EARLIER = DELIVERY.alias("earlier")
# That of what waits of the same: what came after that builds upon it, or tells of it in words.
PLACE = func.coalesce(
    select(func.min(EARLIER.c.place))
    .where(
        EARLIER.c.destination_id == GIVEN["destination_id"],
        EARLIER.c.resource_type == GIVEN["resource_type"],
        EARLIER.c.resource_id == GIVEN["resource_id"],
        in_states(EARLIER.c.state, states_before(DeliveryTrigger.OVERTAKEN)),
    )
    .scalar_subquery(),
    GIVEN["id"],
)


class Deliveries:
    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit
        self.owed: dict[tuple[str, str, str], dict[str, object]] = {}

    def owe(
        self,
        tenant_id: str,
        type: str,
        id: str,
        version: int,
        patient_id: str | None,
        lane: Lane = Lane.STATUS,
        over: bool = False,
    ) -> None:
        now = self._unit.now()
        self.owed[tenant_id, type, id] = {
            "destination_id": tenant_id, "lane": lane.value, "resource_type": type, "resource_id": id,
            "version": version, "patient_id": patient_id, "state": READY, "attempts": 0, "introduces": False,
            "due_at": now, "owed_at": now, "correlation_id": self._unit.caller.correlation_id, "over": over,
        }  # fmt: skip

    def write(self) -> None:
        """The unit finishes: only the newest version of each resource is owed, and only to a record that takes it."""
        rows = sorted(self.owed.values(), key=lambda row: PLACES[str(row["resource_type"])])
        self.owed.clear()
        if not rows:
            return
        # Ids of one millisecond are in no order of their own, and deliveries are claimed in the order of their ids.
        for row, id in zip(rows, sorted(self._unit.new_id() for _ in rows), strict=True):
            row["id"] = id
        given = [{f"its_{name}": value for name, value in row.items()} for row in rows]
        self._unit.execute(_owe(self._unit.dialect), given)
        known = [row for row in rows if row["version"] != 1 and (DELIVERY, row["resource_id"]) not in self._unit.empty]
        if known:
            self._unit.versions.overtake(known)
        self._unit.empty -= {(DELIVERY, row["resource_id"]) for row in rows}

    def show(self, delivery: Delivery) -> bool:
        """Note that a person is told of it. False when one was already, since it was owed or last retried."""
        return self._unit.execute(SHOW, {"delivery": delivery.id, "at": self._unit.now()}).rowcount == 1

    def others_wait(self, delivery: Delivery, tried: int) -> bool:
        """Whether anything about another woman fails there too, after so many attempts."""
        values = {"destination": delivery.destination_id, "patient": delivery.patient_id, "tried": tried}
        return self._unit.execute(OTHERS_WAIT, values).first() is not None

    def women_waiting(self, destination_id: str) -> int:
        """How many women there are of whom anything is owed to it and not settled."""
        count: int = self._unit.execute(WOMEN_WAITING, {"destination": destination_id}).scalar_one()
        return count

    def stuck(self, destination_id: str, patient_id: str | None, tried: int) -> bool:
        """Whether anything of hers has failed and is not over, also what a person has sent on its way again. Of
        nobody's in particular: what has failed so often and waits, of anybody's, and what about no woman was refused.
        """
        values: dict[str, object] = {"destination": destination_id, "tried": tried}
        if patient_id is None:
            return self._unit.execute(STUCK_OF_ALL, values).first() is not None
        return self._unit.execute(STUCK_OF_HERS, values | {"patient": patient_id}).first() is not None

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
    """Adds a delivery if its destination takes it. HL7 v2 has no Task by which an alert is answered: of one it is told
    only that its alert is over."""
    takes = select(*GIVEN.values(), PLACE).where(
        ORGANISATION.c.id == GIVEN["destination_id"],
        ORGANISATION.c.active,
        or_(
            ORGANISATION.c.fhir_endpoint.is_not(None),
            ORGANISATION.c.hl7v2_endpoint.is_not(None)
            & or_(GIVEN["resource_type"] != Recorded.ALERT_TASKS.value, IS_OVER),
        ),
    )
    return Prepared(dialect.insert(DELIVERY).from_select([*GIVEN, "place"], takes).on_conflict_do_nothing())


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
        owed_at=row.owed_at,
    )
