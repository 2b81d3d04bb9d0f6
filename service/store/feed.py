"""Task searches: the feed that programmes poll and hospitals read, ordered by the stamp of the commit and then by
id."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, Select, Table, select, tuple_

from service.referrals.alert import Alert
from service.referrals.offer import Offer
from service.referrals.referral import Referral
from service.store.offers import to_offer
from service.store.prepared import Prepared
from service.store.queries import Compare, TaskQuery
from service.store.referrals import to_alert
from service.store.scoped import ALERT, OFFER, REFERRAL, scope_of, scoped
from service.store.tables.clock import CommitClock
from service.store.tables.columns import table

if TYPE_CHECKING:
    from service.store.unit_of_work import UnitOfWork

HIGHEST = Prepared(select(table(CommitClock).c.last))
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
        if query.owner_id is not None or (query.alert_states is not None and not query.alert_states):
            return []
        return [(to_alert(row), row.stamp) for row in self._rows(ALERT, query, query.alert_states)]

    def stamp_of(self, thing: Offer | Referral | Alert) -> int:
        """Milliseconds of the commit that changed it last."""
        subject = {Offer: OFFER, Referral: REFERRAL, Alert: ALERT}[type(thing)]
        stamp: int = self._unit.execute(select(subject.c.stamp).where(subject.c.id == thing.id)).scalar_one()
        return stamp

    def _rows(self, subject: Table, query: TaskQuery, states: frozenset[str] | None) -> list[Row[Any]]:
        statement = scoped(subject, self._unit.caller)
        if statement is None:
            return []
        statement = _matching(statement, subject, query, states)
        place = tuple_(subject.c.stamp, subject.c.id)
        if query.after is not None:
            statement = statement.where(place < query.after if query.descending else place > query.after)
        order = (subject.c.stamp, subject.c.id)
        ordered = statement.order_by(*(column.desc() if query.descending else column for column in order))
        return list(self._unit.execute(ordered.limit(query.limit), scope_of(self._unit.caller)))


def _matching(statement: Select[Any], subject: Table, query: TaskQuery, states: frozenset[str] | None) -> Select[Any]:
    if query.ids is not None:
        statement = statement.where(subject.c.id.in_(sorted(query.ids)))
    if states is not None:
        statement = statement.where(subject.c.state.in_(sorted(states)))
    if query.patient_id is not None:
        statement = statement.where(subject.c.patient_id == query.patient_id)
    if query.owner_id is not None:
        statement = statement.where(subject.c.organisation_id == query.owner_id)
    for compare, stamp in query.changed:
        statement = statement.where(COMPARE[compare](subject.c.stamp, stamp))
    return statement
