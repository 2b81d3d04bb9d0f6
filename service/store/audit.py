"""The audit: rows that are only ever added, written in the transaction of what they speak of."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, select

from service.shared.audit import Action, AuditEvent
from service.store.dialect import Dialect
from service.store.prepared import Prepared
from service.store.tables.columns import table
from service.store.tables.outgoing import AuditRow, DisclosureRow

if TYPE_CHECKING:
    from service.store.unit_of_work import UnitOfWork

AUDIT, DISCLOSURE = table(AuditRow), table(DisclosureRow)
SHOWN_BEFORE = (
    select(DISCLOSURE.c.subject, DISCLOSURE.c.version)
    .where(
        DISCLOSURE.c.client_id == bindparam("client_id"),
        DISCLOSURE.c.subject.in_(bindparam("subjects", expanding=True)),
    )
    .distinct()
)


class AuditTrail:
    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit
        self._disclosed: dict[tuple[str, str], str] = {}

    def write(self, event: AuditEvent) -> None:
        unit, caller = self._unit, self._unit.caller
        row = {
            "id": unit.new_id(),
            "occurred_at": unit.now(),
            "client_id": caller.client_id,
            "organisation_id": caller.organisation_id,
            "action": event.action.value,
            "subject": event.subject,
            "patient_id": event.patient_id,
            "outcome": event.outcome,
            "correlation_id": caller.correlation_id,
        }
        unit.later(AUDIT, row)

    def disclosed(self, type: str, id: str, version: str, patient_id: str) -> None:
        self._disclosed[f"{type}/{id}", version] = patient_id

    def write_disclosures(self) -> None:
        """The unit finishes: what was shown goes out in two statements, however long the page was."""
        if not self._disclosed:
            return
        unit = self._unit
        subjects = sorted({subject for subject, _ in self._disclosed})
        asked = {"client_id": unit.caller.client_id, "subjects": subjects}
        before = {(row.subject, row.version) for row in unit.execute(SHOWN_BEFORE, asked)}
        for (subject, version), patient_id in self._disclosed.items():
            if (subject, version) not in before:
                self.write(AuditEvent(Action.READ, subject, patient_id, f"disclosed {version}"))
        hour = unit.now().replace(minute=0, second=0, microsecond=0)
        key = {"client_id": unit.caller.client_id, "hour": hour, "times": 1}
        # In one order, so that two readers of the same page never wait for each other in a circle.
        rows = [{**key, "subject": subject, "version": version} for subject, version in sorted(self._disclosed)]
        unit.execute(_count(unit.dialect), rows)


@cache
def _count(dialect: Dialect) -> Prepared:
    """Add it, or count once more what was shown in this hour already."""
    key, times = list(DISCLOSURE.primary_key.columns), DISCLOSURE.c.times
    return Prepared(dialect.insert(DISCLOSURE).on_conflict_do_update(index_elements=key, set_={"times": times + 1}))
