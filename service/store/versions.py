"""What one destination is owed, or may have been told, of other versions of the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import and_, bindparam, select

from service.referrals.delivery import Delivery
from service.store.deliveries import DELIVERY
from service.store.prepared import Prepared

if TYPE_CHECKING:
    from service.store.unit_of_work import UnitOfWork

OF_THE_SAME = and_(
    DELIVERY.c.destination_id == bindparam("destination"),
    DELIVERY.c.resource_type == bindparam("of_type"),
    DELIVERY.c.resource_id == bindparam("of_id"),
)
IS_OVERTAKEN = Prepared(select(DELIVERY.c.id).where(OF_THE_SAME, DELIVERY.c.version > bindparam("than")).limit(1))
FIRST_TOLD = Prepared(
    select(DELIVERY.c.control_id)
    .where(OF_THE_SAME, DELIVERY.c.control_id.is_not(None))
    .order_by(DELIVERY.c.version)
    .limit(1)
)


class Versions:
    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit

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
