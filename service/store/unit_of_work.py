"""One unit of work: the repositories over one open transaction, and what is written last, under the commit's stamp."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, CursorResult, Executable, Table, bindparam, insert, text, update

from service.flow.rules import Rules
from service.shared.caller import Caller
from service.shared.ids import IdMaker
from service.store.access import Access
from service.store.alerts import Alerts
from service.store.aliases import Aliases
from service.store.answers import Answers
from service.store.audit import AuditTrail
from service.store.consents import Consents
from service.store.contacts import Contacts
from service.store.control import MessageControl
from service.store.deliveries import Deliveries
from service.store.dialect import Dialect
from service.store.directory import Organisations
from service.store.due import Due
from service.store.escalations import Escalations
from service.store.feed import Feed
from service.store.inbox import Inbox
from service.store.leases import Leases
from service.store.life_events import LifeEvents
from service.store.merging import Merging
from service.store.messages import Messages
from service.store.migrate import problem
from service.store.notes import Notes
from service.store.offers import Offers
from service.store.orders import Orders
from service.store.patients import Patients
from service.store.prepared import Link, Prepared, Rows
from service.store.programmes import Programmes
from service.store.referrals import Referrals
from service.store.results import Results
from service.store.retention import tidy
from service.store.sleeping import Sleeping
from service.store.tables import metadata
from service.store.urgent import Urgent
from service.store.versions import Versions
from service.store.visible import Visible

Values = Mapping[str, object]
Row = dict[str, Any]
R = TypeVar("R")
T = TypeVar("T")

# As text, for both databases speak exactly this, and the end of the transaction ends it too.
_SAVEPOINT, _UNDO, _RELEASE = (Prepared(text(f"{each} attempt")) for each in ("SAVEPOINT", "ROLLBACK TO", "RELEASE"))


class _Of(Generic[R]):
    """A repository of the unit, made when it is first asked for; `cached_property` would take a lock for that."""

    def __init__(self, make: Callable[["UnitOfWork"], R]) -> None:
        self._make = make

    def __set_name__(self, _: type, name: str) -> None:
        self._name = name

    def __get__(self, unit: "UnitOfWork", _: type) -> R:
        made = unit.__dict__[self._name] = self._make(unit)
        return made


class UnitOfWork:
    """What flow calls a transaction, and what the doors call for administration and searches.

    Nothing can be asked of a unit that has finished.
    Rows that nothing reads again within the unit wait until `finish`: they go out together, a statement for each table.
    `made` are new rows that may still change until then, or until a statement may look for one of them.
    `empty` has the tables that hold nothing of a referral which this unit has opened: they need not be asked about it.
    """

    visible = _Of(Visible)
    patients = _Of(Patients)
    aliases = _Of(Aliases)
    inbox = _Of(Inbox)
    control = _Of(MessageControl)
    messages = _Of(Messages)
    results = _Of(Results)
    consents = _Of(Consents)
    organisations = _Of(Organisations)
    life_events = _Of(LifeEvents)
    merging = _Of(Merging)
    programmes = _Of(Programmes)
    referrals = _Of(Referrals)
    offers = _Of(Offers)
    notes = _Of(Notes)
    alerts = _Of(Alerts)
    escalations = _Of(Escalations)
    orders = _Of(Orders)
    answers = _Of(Answers)
    contacts = _Of(Contacts)
    deliveries = _Of(Deliveries)
    leases = _Of(Leases)
    versions = _Of(Versions)
    sleeping = _Of(Sleeping)
    urgent = _Of(Urgent)
    audit = _Of(AuditTrail)
    feed = _Of(Feed)
    due = _Of(Due)

    def __init__(
        self, connection: Connection, dialect: Dialect, caller: Caller, now: Callable[[], datetime], new_id: IdMaker
    ) -> None:
        self.caller, self.dialect, self.now, self.new_id = caller, dialect, now, new_id
        self.access = Access(connection)
        self._connection, self._link = connection, Link(connection)
        self._begin()

    def _begin(self) -> None:
        """Nothing waits yet."""
        self._later: dict[Table, list[Row]] = {}
        self._last: dict[Table, list[Row]] = {}
        self.made: dict[tuple[Table, str], Row] = {}
        self._touched: dict[Table, set[str]] = {}
        self.empty: set[tuple[Table, str]] = set()

    def execute(
        self, statement: Executable | Prepared, values: Values | list[Row] | None = None
    ) -> CursorResult[Any] | Rows:
        if not isinstance(statement, Prepared):
            self._write_made()
            return self._connection.execute(statement, values)
        if self.made and not statement.tables.isdisjoint(subject for subject, _ in self.made):
            self._write_made()
        return statement.run(self._link, values or {})

    def attempt(self, step: Callable[[], T], refusal: type) -> T:
        """What `step` answers, as the first that the unit does. When that is a `refusal` nothing of it is kept: the
        unit is as new then, and those that are committed with it stand."""
        assert _REPOSITORIES.isdisjoint(vars(self))  # noqa: S101
        self.execute(_SAVEPOINT)
        answer = step()
        if isinstance(answer, refusal):
            self.execute(_UNDO)
            for name in _REPOSITORIES & vars(self).keys():
                delattr(self, name)
            self._begin()
        self.execute(_RELEASE)
        return answer

    def take_turn(self, subject: str) -> None:
        """Wait until no other unit has its turn at `subject`, and keep it until the commit."""
        self.dialect.take_turn(self._connection, subject)

    def later(self, table: Table, row: Row) -> None:
        """Insert `row` when the unit finishes, with the commit's stamp if its table has one."""
        (self._last if table in _LAST else self._later).setdefault(table, []).append(row)

    def make(self, table: Table, row: Row) -> None:
        """The same for a row with an id that may still change or be looked for."""
        self.made[table, row["id"]] = row

    def touch(self, table: Table, id: str) -> None:
        """Give this row the commit's stamp when the unit finishes."""
        self._touched.setdefault(table, set()).add(id)

    def owes(self) -> bool:
        """Whether there is something to send once it is committed."""
        return bool(self.deliveries.owed)

    def noted(self) -> Callable[["UnitOfWork"], None] | None:
        """What a read has to write down before its answer is given, as the work of another unit."""
        noted = self.audit.noted()
        self._let_go()
        return noted

    def tidy(self, now: datetime, rules: Rules) -> None:
        """Let go of what is kept for a time only."""
        tidy(self, now, rules)

    def problem_with_tables(self) -> str | None:
        """Why this program cannot work on the database's tables, and what to do about it; None when it can."""
        return problem(self._connection)

    def finish(self, take_stamp: Callable[[], int]) -> int | None:
        """Write what waits; the answer is the stamp that it has. The stamp comes last of all, so that on PostgreSQL its
        lock is held as briefly as can be."""
        self.results.write()
        self.deliveries.write()
        self.audit.finish()
        made, self.made = self.made, {}
        for (subject, _), row in made.items():
            self.later(subject, row)
        for subject, rows in self._later.items():
            self.execute(_insert(subject), rows)
        stamp = take_stamp() if self._last or self._touched else None
        for subject in sorted(self._last, key=_LAST.__getitem__):
            rows = self._last[subject]
            self.execute(_insert(subject), [{**row, "stamp": stamp} for row in rows] if subject in _STAMPED else rows)
        for subject, ids in self._touched.items():
            self.execute(_stamp(subject), [{"touched": id, "stamp": stamp} for id in sorted(ids)])
        self._let_go()
        return stamp

    def _write_made(self) -> None:
        made, self.made = self.made, {}
        for subject, id in sorted(made, key=lambda key: _LAST[key[0]]):
            self.execute(_insert(subject), {**made[subject, id], "stamp": 0})
            self.touch(subject, id)

    def _let_go(self) -> None:
        """The repositories know their unit, and in that circle all that it held would wait for the collector."""
        self.__dict__ = {}


_REPOSITORIES = frozenset(name for name, each in vars(UnitOfWork).items() if isinstance(each, _Of))


# What has a stamp is written last, and what refers to such a row: each table after those that it refers to.
_STAMPED = frozenset(each for each in metadata.sorted_tables if "stamp" in each.c)
_LAST = {
    each: place
    for place, each in enumerate(metadata.sorted_tables)
    if each in _STAMPED or any(key.column.table in _STAMPED for key in each.foreign_keys)
}


# To build a statement costs more than to execute it: each is built once.
@cache
def _insert(table: Table) -> Prepared:
    return Prepared(insert(table))


@cache
def _stamp(table: Table) -> Prepared:
    stamped = update(table).values(stamp=bindparam("stamp"))
    return Prepared(stamped.where(table.c.id == bindparam("touched")))
