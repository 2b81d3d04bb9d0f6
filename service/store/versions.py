"""What one destination is owed, or may have been told, of other versions of the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sqlalchemy import and_, bindparam, select, update

from service.referrals.delivery import Delivery, DeliveryTrigger, state_after, states_before
from service.store.deliveries import DELIVERY, in_states
from service.store.prepared import Prepared

if TYPE_CHECKING:
    from service.store.unit_of_work import UnitOfWork

OF_THE_SAME = and_(
    DELIVERY.c.destination_id == bindparam("destination"),
    DELIVERY.c.resource_type == bindparam("of_type"),
    DELIVERY.c.resource_id == bindparam("of_id"),
)
IS_OVERTAKEN = Prepared(select(DELIVERY.c.id).where(OF_THE_SAME, DELIVERY.c.version > bindparam("than")).limit(1))
OVERTAKE = Prepared(
    update(DELIVERY)
    .where(
        OF_THE_SAME,
        DELIVERY.c.version < bindparam("than"),
        in_states(DELIVERY.c.state, states_before(DeliveryTrigger.OVERTAKEN)),
    )
    .values(state=state_after(DeliveryTrigger.OVERTAKEN).value, settled_at=bindparam("at"))
)
FIRST_TOLD = Prepared(
    select(DELIVERY.c.control_id)
    .where(OF_THE_SAME, DELIVERY.c.control_id.is_not(None))
    .order_by(DELIVERY.c.version)
    .limit(1)
)


class Versions:
    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit

    def overtake(self, newer: Sequence[Mapping[str, object]]) -> None:
        """Of what is owed as these rows say, nothing older that waits is sent any more."""
        now = self._unit.now()
        values = [
            {
                "destination": row["destination_id"],
                "of_type": row["resource_type"],
                "of_id": row["resource_id"],
                "than": row["version"],
                "at": now,
            }
            for row in newer
        ]
        self._unit.execute(OVERTAKE, values)

    def told(self, delivery: Delivery, version: int) -> None:
        """It has said this version already: what waits to say it, or what came before it, is not sent."""
        self._unit.execute(OVERTAKE, {**_same(delivery), "than": version + 1, "at": self._unit.now()})

    def is_overtaken(self, delivery: Delivery) -> bool:
        """Whether a newer version of the same is, or was, owed to the same destination."""
        return self._unit.execute(IS_OVERTAKEN, {**_same(delivery), "than": delivery.version}).first() is not None

    def first_told(self, delivery: Delivery) -> str | None:
        """MSH-10 of the first message about the same that may have arrived there."""
        found: str | None = self._unit.execute(FIRST_TOLD, _same(delivery)).scalar_one_or_none()
        return found


def _same(delivery: Delivery) -> dict[str, object]:
    return {
        "destination": delivery.destination_id,
        "of_type": delivery.resource_type,
        "of_id": delivery.resource_id,
    }
