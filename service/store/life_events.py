"""What happened in a woman's life, and when it was told last."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime
from functools import cache
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, case, select

from service.referrals.life_event import Heard, LifeEvent
from service.store.dialect import Dialect
from service.store.prepared import Prepared
from service.store.tables.columns import table
from service.store.tables.woman import LifeEventRow

if TYPE_CHECKING:
    from service.store.unit_of_work import UnitOfWork

EVENT = table(LifeEventRow)
HEARD = Prepared(
    select(EVENT.c.source, EVENT.c.heard_at).where(
        EVENT.c.patient_id == bindparam("patient_id"),
        EVENT.c.event == bindparam("event"),
        EVENT.c.happened_on == bindparam("happened_on"),
    )
)
ALL = Prepared(select(EVENT).where(EVENT.c.patient_id == bindparam("patient_id")))


class LifeEvents:
    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit

    def heard(self, patient_id: str, event: LifeEvent, happened_on: date | None) -> Mapping[str, datetime]:
        """When it was heard last from each source."""
        return {row.source: row.heard_at for row in self._unit.execute(HEARD, _key(patient_id, event, happened_on))}

    def hear(
        self, patient_id: str, event: LifeEvent, happened_on: date | None, now: datetime, sources: Collection[str]
    ) -> None:
        """From these sources it is heard now."""
        key = _key(patient_id, event, happened_on)
        self._keep([{**key, "source": each, "heard_at": now} for each in sorted(sources)])

    def heard_since(self, patient_id: str, events: Collection[LifeEvent], since: datetime) -> set[Heard]:
        """Which of `events`, and of what days."""
        rows = self._unit.execute(ALL, {"patient_id": patient_id}).all()
        return {
            (LifeEvent(row.event), date.fromisoformat(row.happened_on) if row.happened_on else None)
            for row in rows
            if row.event in events and row.heard_at >= since
        }

    def carry_over(self, patient_id: str, to_id: str) -> None:
        """All that was heard of one woman was heard of another."""
        heard = self._unit.execute(ALL, {"patient_id": patient_id}).all()
        self._keep([{**row._asdict(), "patient_id": to_id} for row in heard])

    def _keep(self, rows: list[dict[str, object]]) -> None:
        if rows:
            self._unit.execute(_keep(self._unit.dialect), rows)


def _key(patient_id: str, event: LifeEvent, happened_on: date | None) -> dict[str, str]:
    return {
        "patient_id": patient_id,
        "event": event.value,
        "happened_on": happened_on.isoformat() if happened_on else "",
    }


@cache
def _keep(dialect: Dialect) -> Prepared:
    new = dialect.insert(EVENT)
    key = [EVENT.c.patient_id, EVENT.c.event, EVENT.c.happened_on, EVENT.c.source]
    heard_at = new.excluded["heard_at"]
    # Of a record that becomes part of another, what was heard may be older than what was heard of that one.
    later = case((EVENT.c.heard_at > heard_at, EVENT.c.heard_at), else_=heard_at)
    return Prepared(new.on_conflict_do_update(index_elements=key, set_={"heard_at": later}))
