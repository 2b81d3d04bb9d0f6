"""Task searches: the feed that programmes poll and hospitals read, ordered by the stamp of the commit and then by
id."""

from __future__ import annotations

import operator
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Row, Select, Table, bindparam, select, tuple_

from service.referrals.alert import Alert
from service.referrals.offer import Offer
from service.referrals.referral import Referral
from service.shared.caller import Caller, OrganisationKind
from service.store.alerts import to_alert
from service.store.offers import to_offer
from service.store.prepared import Prepared
from service.store.queries import Compare, TaskQuery
from service.store.referrals import to_referral
from service.store.scoped import ALERT, OFFER, REFERRAL, scope_of, scoped
from service.store.tables.clock import CommitClock
from service.store.tables.columns import table

if TYPE_CHECKING:
    from service.store.unit_of_work import UnitOfWork

# The shapes come from the callers' own parameters, so that there is no end to them.
SHAPES_KEPT = 256
HIGHEST = Prepared(select(table(CommitClock).c.last))
STAMP_OF = {
    kind: Prepared(select(subject.c.stamp).where(subject.c.id == bindparam("thing")))
    for kind, subject in ((Offer, OFFER), (Referral, REFERRAL), (Alert, ALERT))
}
COMPARE: dict[Compare, Any] = {
    Compare.EQUAL: operator.eq,
    Compare.AFTER: operator.gt,
    Compare.FROM: operator.ge,
    Compare.BEFORE: operator.lt,
    Compare.UP_TO: operator.le,
}


class Feed:
    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit

    def highest_stamp(self) -> int:
        """The highest stamp committed in this very snapshot, in milliseconds: what a poller may safely start from
        next."""
        highest: int = self._unit.execute(HIGHEST).scalar_one()
        return highest

    def offers(self, query: TaskQuery) -> list[tuple[Offer, int]]:
        """Offers in the caller's view with their stamps."""
        if query.states is not None and not query.states:
            return []
        return [(to_offer(row), row.stamp) for row in self._rows(OFFER, query, query.states)]

    def alerts(self, query: TaskQuery) -> list[tuple[Alert, int]]:
        """Alerts in the caller's view with their stamps; a programme's view holds none."""
        if query.owner_ids is not None or (query.alert_states is not None and not query.alert_states):
            return []
        return [(to_alert(row), row.stamp) for row in self._rows(ALERT, query, query.alert_states)]

    def referrals(self, ids: Collection[str]) -> list[tuple[Referral, int]]:
        """Those of these referrals that are in the caller's view, with their stamps."""
        statement = scoped(REFERRAL, self._unit.caller)
        if statement is None or not ids:
            return []
        these = statement.where(REFERRAL.c.id.in_(bindparam("ids", expanding=True))).order_by(REFERRAL.c.id)
        rows = self._unit.execute(these, {**scope_of(self._unit.caller), "ids": sorted(ids)})
        return [(to_referral(row), row.stamp) for row in rows]

    def stamp_of(self, thing: Offer | Referral | Alert) -> int:
        """Milliseconds of the commit that changed it last."""
        stamp: int = self._unit.execute(STAMP_OF[type(thing)], {"thing": thing.id}).scalar_one()
        return stamp

    def _rows(self, subject: Table, query: TaskQuery, states: frozenset[str] | None) -> Iterator[Row[Any]]:
        scope = scoped(subject, self._unit.caller)
        if scope is None:
            return iter(())
        statement = _statement(scope, subject, _shape(self._unit.caller, query, states))
        return iter(self._unit.execute(statement, _values(self._unit.caller, query, states)))


@dataclass(frozen=True, slots=True)
class _Shape:
    """What a search asks, without the values: all searches of one shape have one statement. `patient` is the column
    that holds the caller's id for her."""

    ids: bool
    states: int
    patient: str
    patients: int
    owners: int
    changed: tuple[Compare, ...]
    descending: bool
    after: bool


def _shape(caller: Caller, query: TaskQuery, states: frozenset[str] | None) -> _Shape:
    return _Shape(
        ids=query.ids is not None,
        states=len(states or ()),
        patient="patient_handle" if caller.kind is OrganisationKind.COMMUNITY else "patient_id",
        patients=len(query.patient_ids or ()),
        owners=len(query.owner_ids or ()),
        changed=tuple(compare for compare, _ in query.changed),
        descending=query.descending,
        after=query.after is not None,
    )


def _values(caller: Caller, query: TaskQuery, states: frozenset[str] | None) -> dict[str, object]:
    values = {
        **scope_of(caller),
        "at_most": query.limit,
        **_numbered("patient", query.patient_ids or ()),
        **_numbered("owner", query.owner_ids or ()),
        **_numbered("state", states or ()),
        **_numbered("changed", [stamp for _, stamp in query.changed]),
    }
    if query.ids is not None:
        values["ids"] = sorted(query.ids)
    if query.after is not None:
        values["after_stamp"], values["after_id"] = query.after
    return values


def _numbered(name: str, values: Iterable[object]) -> dict[str, object]:
    return {f"{name}_{number}": value for number, value in enumerate(values)}


@lru_cache(SHAPES_KEPT)
def _statement(scope: Select[Any], subject: Table, shape: _Shape) -> Prepared | Select[Any]:
    order = (subject.c.stamp, subject.c.id)
    statement = (
        scope.where(*_conditions(subject, shape))
        .order_by(*(column.desc() if shape.descending else column for column in order))
        .limit(bindparam("at_most"))
    )
    return statement if shape.ids else Prepared(statement)


def _conditions(subject: Table, shape: _Shape) -> Iterator[ColumnElement[bool]]:
    if shape.ids:
        yield subject.c.id.in_(bindparam("ids", expanding=True))
    if shape.states:
        yield _among(subject.c.state, "state", shape.states)
    if shape.patients:
        yield _among(subject.c[shape.patient], "patient", shape.patients)
    if shape.owners:
        yield _among(subject.c.organisation_id, "owner", shape.owners)
    for number, compare in enumerate(shape.changed):
        yield COMPARE[compare](subject.c.stamp, bindparam(f"changed_{number}"))
    if shape.after:
        place, reached = tuple_(subject.c.stamp, subject.c.id), tuple_(bindparam("after_stamp"), bindparam("after_id"))
        yield place < reached if shape.descending else place > reached


def _among(column: ColumnElement[str], name: str, many: int) -> ColumnElement[bool]:
    return column.in_([bindparam(f"{name}_{number}") for number in range(many)])
