"""What happened in a woman's life, and when it was told last."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from functools import cache
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, select

from service.referrals.life_event import LifeEvent
from service.store.dialect import Dialect
from service.store.prepared import Prepared
from service.store.tables.columns import table
from service.store.tables.woman import LifeEventRow

if TYPE_CHECKING:
    from service.store.unit_of_work import UnitOfWork

EVENT = table(LifeEventRow)
LAST = Prepared(
    select(EVENT.c.heard_at).where(
        EVENT.c.patient_id == bindparam("patient_id"),
        EVENT.c.event == bindparam("event"),
        EVENT.c.happened_on == bindparam("happened_on"),
    )
)
HEARD = Prepared(select(EVENT.c.event, EVENT.c.heard_at).where(EVENT.c.patient_id == bindparam("patient_id")))


class LifeEvents:
    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit

    def hear(self, patient_id: str, event: LifeEvent, happened_on: date | None, now: datetime) -> datetime | None:
        """When it was heard last, None when never; from now on that is now."""
        day = happened_on.isoformat() if happened_on else ""
        key = {"patient_id": patient_id, "event": event.value, "happened_on": day}
        last: datetime | None = self._unit.execute(LAST, key).scalar_one_or_none()
        self.keep(patient_id, event.value, day, now)
        return last

    def heard_since(self, patient_id: str, events: Collection[LifeEvent], since: datetime) -> bool:
        heard = self._unit.execute(HEARD, {"patient_id": patient_id}).all()
        return any(row.event in events and row.heard_at >= since for row in heard)

    def keep(self, patient_id: str, event: str, happened_on: str, heard_at: datetime) -> None:
        row = {"patient_id": patient_id, "event": event, "happened_on": happened_on, "heard_at": heard_at}
        self._unit.execute(_keep(self._unit.dialect), row)


@cache
def _keep(dialect: Dialect) -> Prepared:
    new = dialect.insert(EVENT)
    key = [EVENT.c.patient_id, EVENT.c.event, EVENT.c.happened_on]
    return Prepared(new.on_conflict_do_update(index_elements=key, set_={"heard_at": new.excluded["heard_at"]}))
