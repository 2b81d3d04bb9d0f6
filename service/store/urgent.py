"""The urgent alerts that go over one line, to however many hospitals behind it."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import bindparam, case, func, or_, select, update

from service.referrals.delivery import REACHED_NOBODY, DeliveryTrigger, Lane, states_before
from service.store.deliveries import DELIVERY, ORGANISATION, in_states
from service.store.dialect import Dialect
from service.store.leases import LEASED
from service.store.prepared import Prepared
from service.store.tables.outgoing import IS_WAITING

if TYPE_CHECKING:
    from service.store.unit_of_work import UnitOfWork

NOW = bindparam("at", type_=DELIVERY.c.due_at.type)
IS_LEASED = DELIVERY.c.state == LEASED.value
REACHED_NONE = or_(*(DELIVERY.c.last_outcome == each for each in REACHED_NOBODY))
OF_LINE = (
    DELIVERY.c.destination_id.in_(
        select(ORGANISATION.c.id).where(
            ORGANISATION.c.fhir_endpoint.is_(None), ORGANISATION.c.hl7v2_endpoint == bindparam("line")
        )
    ),
    DELIVERY.c.lane == Lane.URGENT.value,
    IS_WAITING,
)
# What another worker is at goes over a line of that one's own.
WAITING = Prepared(
    select(
        func.min(case((IS_LEASED, NOW), else_=DELIVERY.c.due_at)).label("next_at"),
        func.min(case((or_(IS_LEASED, REACHED_NONE), 0), else_=DELIVERY.c.attempts)).label("tries"),
    ).where(
        *OF_LINE,
        or_(~IS_LEASED, DELIVERY.c.lease_owner == bindparam("owner"), DELIVERY.c.lease_until <= bindparam("at")),
    )
)
LONGER = (
    select(DELIVERY.c.id)
    .where(
        *OF_LINE,
        in_states(DELIVERY.c.state, states_before(DeliveryTrigger.CLAIMED)),
        DELIVERY.c.due_at > bindparam("after"),
    )
    .order_by(DELIVERY.c.id)
)


class Alerts(NamedTuple):
    """Those that wait for `line` or are under way on it. `next_at` is when the first of them is tried next: at once, if
    one is under way. `tries` is how often each of them at least was: 0 where one is under way or reached nobody."""

    line: str
    next_at: datetime
    tries: int


class Urgent:
    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit

    def waiting(self, line: str, owner: str) -> Alerts | None:
        """As `owner` has to know them; None without any."""
        asked = {"line": line, "owner": owner, "at": self._unit.now()}
        row = self._unit.execute(WAITING, asked).one()
        return None if row.next_at is None else Alerts(line, row.next_at, row.tries)

    def postpone(self, line: str, until: datetime) -> None:
        """Those that wait out a pause do so until then, and are tried together."""
        self._let_wait(line, self._unit.now(), until)

    def hasten(self, line: str, sooner: datetime) -> None:
        """Those that wait for longer are due by then."""
        self._let_wait(line, sooner, sooner)

    def _let_wait(self, line: str, after: datetime, until: datetime) -> None:
        self._unit.execute(_waiting(self._unit.dialect), {"line": line, "after": after, "until": until})


@cache
def _waiting(dialect: Dialect) -> Prepared:
    waiting = dialect.claim(LONGER, DELIVERY).correlate(None)
    return Prepared(update(DELIVERY).where(DELIVERY.c.id.in_(waiting)).values(due_at=bindparam("until")))
