"""The audit: rows that are only ever added, written in the transaction of what they speak of.

What a read disclosed is written by a unit of its own before the answer goes out, for its snapshot refuses every write.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, func, select

from service.shared.audit import Action, AuditEvent
from service.store.dialect import Dialect
from service.store.prepared import Prepared
from service.store.tables.columns import table
from service.store.tables.outgoing import IS_READ, AuditRow, DisclosureRow

if TYPE_CHECKING:
    from service.store.unit_of_work import UnitOfWork

AUDIT, DISCLOSURE = table(AuditRow), table(DisclosureRow)
DISCLOSED = "disclosed "
SHOWN_THIS_HOUR = select(DISCLOSURE.c.subject, DISCLOSURE.c.version).where(
    DISCLOSURE.c.client_id == bindparam("client_id"),
    DISCLOSURE.c.hour == bindparam("hour"),
    DISCLOSURE.c.subject.in_(bindparam("subjects", expanding=True)),
)
# By the rows of first readings, one for each version: the counts have one more for every hour that went by.
SHOWN_BEFORE = select(AUDIT.c.subject, func.substr(AUDIT.c.outcome, len(DISCLOSED) + 1).label("version")).where(
    AUDIT.c.client_id == bindparam("client_id"),
    AUDIT.c.subject.in_(bindparam("subjects", expanding=True)),
    IS_READ,
)
SHOWN_TO = Prepared(
    select(AUDIT.c.outcome).where(
        AUDIT.c.subject == bindparam("of_subject"),
        AUDIT.c.organisation_id == bindparam("organisation"),
        IS_READ,
    )
)

Shown = tuple[str, str]
"""What was disclosed: `Type/id` and the version."""


class AuditTrail:
    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit
        self._events: list[AuditEvent] = []
        self._disclosed: dict[Shown, str] = {}

    def write(self, event: AuditEvent) -> None:
        self._events.append(event)

    def disclosed(self, type: str, id: str, version: str, patient_id: str) -> None:
        self._disclosed[f"{type}/{id}", version] = patient_id

    def highest_shown(self, type: str, id: str, organisation_id: str) -> int:
        """The first reading of each version is a row of the audit; a programme's version says the row's own first."""
        asked = {"of_subject": f"{type}/{id}", "organisation": organisation_id}
        shown = (row.outcome.removeprefix(DISCLOSED) for row in self._unit.execute(SHOWN_TO, asked))
        return max((int(each.partition(".")[0]) for each in shown), default=0)

    def noted(self) -> Callable[[UnitOfWork], None] | None:
        """The work of another unit that writes all this down; None when there is nothing to write."""
        if not (self._events or self._disclosed):
            return None
        return lambda unit: unit.audit._continue(self)  # noqa: SLF001  # its own kind

    def _continue(self, other: AuditTrail) -> None:
        self._events += other._events
        self._disclosed |= other._disclosed

    def finish(self) -> None:
        """The unit finishes: what was shown goes out in a few statements, however long the page was."""
        if self._disclosed:
            self._count_disclosed()
        caller, now = self._unit.caller, self._unit.now()
        for event in self._events:
            row = {
                "id": self._unit.new_id(),
                "occurred_at": now,
                "client_id": caller.client_id,
                "organisation_id": caller.organisation_id,
                "action": event.action.value,
                "subject": event.subject,
                "patient_id": event.patient_id,
                "outcome": event.outcome,
                "correlation_id": caller.correlation_id,
            }
            self._unit.later(AUDIT, row)

    def _count_disclosed(self) -> None:
        """One after the other for each client: of two that show the same for the first time only one is the first, and
        on their way through the same page they never wait for each other in a circle."""
        unit, client = self._unit, self._unit.caller.client_id
        unit.take_turn(client)
        hour = unit.now().replace(minute=0, second=0, microsecond=0)
        for subject, version in self._shown_first(hour):
            event = AuditEvent(Action.READ, subject, self._disclosed[subject, version], f"{DISCLOSED}{version}")
            self._events.append(event)
        key = {"client_id": client, "hour": hour, "times": 1}
        rows = [{**key, "subject": subject, "version": version} for subject, version in self._disclosed]
        unit.execute(_count(unit.dialect), rows)

    def _shown_first(self, hour: datetime) -> list[Shown]:
        """Nearly always all of it was shown in this very hour already, and that is quicker to find out."""
        asked = {"client_id": self._unit.caller.client_id, "hour": hour}
        new: Collection[Shown] = self._disclosed
        for statement in (SHOWN_THIS_HOUR, SHOWN_BEFORE):
            if new:
                subjects = sorted({subject for subject, _ in new})
                rows = self._unit.execute(statement, {**asked, "subjects": subjects})
                before = {(row.subject, row.version) for row in rows}
                new = [each for each in new if each not in before]
        return list(new)


@cache
def _count(dialect: Dialect) -> Prepared:
    """Add it, or count once more what was shown in this hour already."""
    key, times = list(DISCLOSURE.primary_key.columns), DISCLOSURE.c.times
    return Prepared(dialect.insert(DISCLOSURE).on_conflict_do_update(index_elements=key, set_={"times": times + 1}))
