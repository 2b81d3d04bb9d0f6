"""One unit of work: the repositories over one open transaction, and what is written last, under the commit's stamp."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache, cached_property
from typing import Any

from sqlalchemy import Connection, CursorResult, Executable, Table, bindparam, insert, update

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
from service.store.prepared import Prepared, Rows
from service.store.programmes import Programmes
from service.store.referrals import Referrals
from service.store.results import Results
from service.store.retention import tidy
from service.store.visible import Visible

Values = Mapping[str, object]


class UnitOfWork:
    """What flow calls a transaction, and what the doors call for administration and searches.

    `stamp` is the commit's, in milliseconds, once the unit has finished and if it changed anything that carries one.
    Rows that nothing reads again within the unit wait until `finish`: they go out together, a statement for each table.
    `empty` has the tables that hold nothing of a referral which this unit has opened: they need not be asked about it.
    """

    def __init__(
        self, connection: Connection, dialect: Dialect, caller: Caller, now: Callable[[], datetime], new_id: IdMaker
    ) -> None:
        self.caller, self.dialect, self.now, self.new_id = caller, dialect, now, new_id
        self.stamp: int | None = None
        self._connection = connection
        self._later: dict[Table, list[Values]] = {}
        self._stamped_later: dict[Table, list[dict[str, object]]] = {}
        self._touched: dict[Table, set[str]] = {}
        self.empty: set[tuple[Table, str]] = set()

    def execute(
        self, statement: Executable | Prepared, values: Values | Sequence[Values] | None = None
    ) -> CursorResult[Any] | Rows:
        if isinstance(statement, Prepared):
            return statement.run(self._connection, values or {})
        return self._connection.execute(statement, values)

    def take_turn(self, subject: str) -> None:
        """Wait until no other unit has its turn at `subject`, and keep it until the commit."""
        self.dialect.take_turn(self._connection, subject)

    def later(self, table: Table, row: Values) -> None:
        """Insert `row` when the unit finishes."""
        self._later.setdefault(table, []).append(row)

    def stamped_later(self, table: Table, row: Values) -> None:
        """Insert `row` with the commit's stamp when the unit finishes."""
        self._stamped_later.setdefault(table, []).append(dict(row))

    def touch(self, table: Table, id: str) -> None:
        """Give this row the commit's stamp when the unit finishes."""
        self._touched.setdefault(table, set()).add(id)

    def noted(self) -> Callable[["UnitOfWork"], None] | None:
        """What a read has to write down before its answer is given, as the work of another unit."""
        return self.audit.noted()

    def tidy(self, now: datetime, rules: Rules) -> None:
        """Let go of what is kept for a time only."""
        tidy(self, now, rules)

    def problem_with_tables(self) -> str | None:
        """Why this program cannot work on the database's tables, and what to do about it; None when it can."""
        return problem(self._connection)

    def finish(self, take_stamp: Callable[[], int]) -> None:
        """Write what waits. The stamp comes last of all, so that on PostgreSQL its lock is held as briefly as can
        be."""
        self.results.write()
        self.deliveries.write()
        self.audit.finish()
        for subject, rows in self._later.items():
            self.execute(_insert(subject), rows)
        if not (self._stamped_later or self._touched):
            return
        stamp = self.stamp = take_stamp()
        for subject, stamped in self._stamped_later.items():
            self.execute(_insert(subject), [{**row, "stamp": stamp} for row in stamped])
        for subject, ids in self._touched.items():
            self.execute(_stamp(subject), [{"touched": id, "stamp": stamp} for id in sorted(ids)])

    @cached_property
    def visible(self) -> Visible:
        return Visible(self)

    @cached_property
    def patients(self) -> Patients:
        return Patients(self)

    @cached_property
    def aliases(self) -> Aliases:
        return Aliases(self)

    @cached_property
    def inbox(self) -> Inbox:
        return Inbox(self)

    @cached_property
    def control(self) -> MessageControl:
        return MessageControl(self)

    @cached_property
    def messages(self) -> Messages:
        return Messages(self)

    @cached_property
    def results(self) -> Results:
        return Results(self)

    @cached_property
    def consents(self) -> Consents:
        return Consents(self)

    @cached_property
    def organisations(self) -> Organisations:
        return Organisations(self)

    @cached_property
    def life_events(self) -> LifeEvents:
        return LifeEvents(self)

    @cached_property
    def merging(self) -> Merging:
        return Merging(self)

    @cached_property
    def programmes(self) -> Programmes:
        return Programmes(self)

    @cached_property
    def referrals(self) -> Referrals:
        return Referrals(self)

    @cached_property
    def offers(self) -> Offers:
        return Offers(self)

    @cached_property
    def notes(self) -> Notes:
        return Notes(self)

    @cached_property
    def alerts(self) -> Alerts:
        return Alerts(self)

    @cached_property
    def escalations(self) -> Escalations:
        return Escalations(self)

    @cached_property
    def orders(self) -> Orders:
        return Orders(self)

    @cached_property
    def answers(self) -> Answers:
        return Answers(self)

    @cached_property
    def contacts(self) -> Contacts:
        return Contacts(self)

    @cached_property
    def deliveries(self) -> Deliveries:
        return Deliveries(self)

    @cached_property
    def leases(self) -> Leases:
        return Leases(self)

    @cached_property
    def audit(self) -> AuditTrail:
        return AuditTrail(self)

    @cached_property
    def feed(self) -> Feed:
        return Feed(self)

    @cached_property
    def due(self) -> Due:
        return Due(self)

    @cached_property
    def access(self) -> Access:
        return Access(self._connection)


# To build a statement costs more than to execute it: each is built once.
@cache
def _insert(table: Table) -> Prepared:
    return Prepared(insert(table))


@cache
def _stamp(table: Table) -> Prepared:
    stamped = update(table).values(stamp=bindparam("stamp"))
    return Prepared(stamped.where(table.c.id == bindparam("touched")))
