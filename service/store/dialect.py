"""What SQLite and PostgreSQL are told otherwise, and how what they answer is understood."""

import sqlite3
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, cast

from sqlalchemy import URL, Connection, Engine, FromClause, NullPool, Select, Table, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite

from service.store.trouble import OURS, TransactionLost, Trouble, original

if TYPE_CHECKING:
    from service.store.limited import Limited

BUSY_SECONDS = 5
STATEMENT_SECONDS = 30
# Any numbers will do as long as nothing else in the database takes an advisory lock by them.
STAMP_LOCK, MIGRATION_LOCK, TURN_LOCK = 7_003_001, 7_003_002, 7_003_003
OUR_NAME = "peer-referral"

AnyInsert = postgresql.Insert | sqlite.Insert


class Kind(Enum):
    """What a unit may do: write, or only read one snapshot."""

    WRITE = auto()
    READ = auto()


class Dialect(Protocol):
    def __hash__(self) -> int:
        """A store has one of its own, for which statements are built once and kept."""

    name: str
    """`sqlite` or `postgresql`."""
    alone: bool
    """Whether no other unit writes while one does."""

    def engine(self, url: URL, *, read_only: bool = False) -> Engine:
        """An engine whose connections are in the driver's autocommit, so that only `begin` and `end` draw the lines."""

    def begin(self, connection: Connection, kind: Kind) -> None:
        """Opens the transaction of a unit of this kind."""

    def begin_migration(self, connection: Connection) -> None:
        """Opens the transaction in which tables change; on PostgreSQL no other process migrates until it ends."""

    def commit(self, connection: Connection) -> None:
        """Durable when this returns; raises when the database kept nothing or did not say."""

    def rollback(self, connection: Connection) -> None:
        """Ends the transaction, if one still stands, and keeps nothing of it."""

    def lock(self, statement: Select[Any], *of: FromClause) -> Select[Any]:
        """The same rows, locked until the commit. A unit's first statement locks its woman's row in this way."""

    def claim(self, statement: Select[Any], *of: FromClause) -> Select[Any]:
        """The same rows, locked until the commit, without those that another worker holds."""

    def take_turn(self, connection: Connection, subject: str) -> None:
        """No other unit takes a turn at `subject` before the commit; what the last one committed is seen from here."""

    def insert(self, table: Table) -> AnyInsert:
        """An INSERT that knows `on_conflict_do_nothing` and `on_conflict_do_update`."""

    def take_stamp(self, connection: Connection, now: int) -> int:
        """The stamp of this commit, max(`now`, last + 1) in milliseconds; no other gets one before this one ends."""

    def classify_error(self, error: BaseException) -> Trouble:
        """What this error means; anything that did not come from the database is OTHER."""


def dialect_of(url: URL) -> Dialect:
    return PostgresqlDialect() if url.get_backend_name() == "postgresql" else SqliteDialect()


def sqlite_driver(connection: Connection) -> sqlite3.Connection:
    return cast(sqlite3.Connection, connection.connection.driver_connection)


def postgresql_driver(connection: Connection) -> "Limited":
    return cast("Limited", connection.connection.driver_connection)


class SqliteDialect:
    """Write-ahead log, full synchronisation, one writer: from BEGIN IMMEDIATE on it has the database alone."""

    name = "sqlite"
    alone = True

    # The disk lost or garbled something that had been written; what follows cannot be promised to be durable.
    _broken = frozenset({"SQLITE_IOERR_FSYNC", "SQLITE_IOERR_DIR_FSYNC", "SQLITE_CORRUPT", "SQLITE_NOTADB"})
    _refused = (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.DataError, sqlite3.NotSupportedError)

    def engine(self, url: URL, *, read_only: bool = False) -> Engine:
        arguments = {"timeout": BUSY_SECONDS, "cached_statements": 512, "check_same_thread": False}
        engine = create_engine(
            url, connect_args=arguments, poolclass=NullPool, isolation_level="AUTOCOMMIT", hide_parameters=True
        )
        settings = ["journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "fullfsync = ON"]
        # Else what a statement needs to be undone halfway is a temporary file, far from where data about women is kept.
        settings += ["temp_store = MEMORY", f"query_only = {read_only:d}"]

        @event.listens_for(engine, "connect")
        def prepare(connection: sqlite3.Connection, _: object) -> None:
            for setting in settings:
                connection.execute(f"PRAGMA {setting}").fetchall()

        @event.listens_for(engine, "before_cursor_execute", retval=True)
        def refuse_outside_a_transaction(_: Connection, cursor: sqlite3.Cursor, *given: object) -> tuple[object, ...]:
            # Some errors roll the whole transaction back. What a unit that swallowed one writes next would stay alone.
            if not cursor.connection.in_transaction:
                raise TransactionLost
            return given[:2]

        return engine

    def begin(self, connection: Connection, kind: Kind) -> None:
        sqlite_driver(connection).execute("BEGIN" if kind is Kind.READ else "BEGIN IMMEDIATE")

    def begin_migration(self, connection: Connection) -> None:
        # Rebuilding a table drops the old one, which would delete what refers to it (SQLite, "ALTER TABLE", section 7).
        sqlite_driver(connection).execute("PRAGMA foreign_keys = OFF")
        self.begin(connection, Kind.WRITE)

    def commit(self, connection: Connection) -> None:
        sqlite_driver(connection).execute("COMMIT")

    def rollback(self, connection: Connection) -> None:
        if sqlite_driver(connection).in_transaction:
            sqlite_driver(connection).execute("ROLLBACK")

    def lock(self, statement: Select[Any], *_of: FromClause) -> Select[Any]:
        return statement

    claim = lock

    def take_turn(self, connection: Connection, subject: str) -> None:
        """There is one writer, and it is this one."""

    def insert(self, table: Table) -> AnyInsert:
        return sqlite.insert(table)

    def take_stamp(self, connection: Connection, now: int) -> int:
        rows = sqlite_driver(connection).execute(
            "UPDATE commit_clock SET last = max(?, last + 1) RETURNING last", (now,)
        )
        return int(rows.fetchall()[0][0])

    def classify_error(self, error: BaseException) -> Trouble:
        driver = original(error)
        if type(driver) in OURS:
            return OURS[type(driver)]
        if not isinstance(driver, sqlite3.Error) or isinstance(driver, self._refused):
            return Trouble.OTHER
        name = getattr(driver, "sqlite_errorname", "")
        if name in self._broken:
            return Trouble.BROKEN
        # SQLITE_ERROR is a statement that makes no sense; all else is a database that cannot do what does.
        return Trouble.OTHER if name == "SQLITE_ERROR" else Trouble.UNAVAILABLE


class PostgresqlDialect:
    """READ COMMITTED for writes behind row locks, REPEATABLE READ where one snapshot is promised."""

    name = "postgresql"
    alone = False

    _begin: ClassVar = {
        Kind.WRITE: "BEGIN ISOLATION LEVEL READ COMMITTED",
        Kind.READ: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    }
    # SQLSTATE classes (PostgreSQL, appendix A): connection, resources, operator intervention, system error.
    _unavailable = ("08", "53", "57", "58", "55P03")

    def engine(self, url: URL, *, read_only: bool = False) -> Engine:  # noqa: ARG002  # each transaction says it
        from service.store.limited import NETWORK, Limited

        arguments = {"connect_timeout": BUSY_SECONDS, "application_name": OUR_NAME, "autocommit": True}
        engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT", hide_parameters=True)

        @event.listens_for(engine, "do_connect")
        def connect(_: object, __: object, address: list[Any], parameters: dict[str, Any]) -> Limited:
            connection = Limited.connect(*address, **{**NETWORK, **parameters, **arguments})
            connection.prepare(BUSY_SECONDS, STATEMENT_SECONDS)
            return connection

        return engine

    def begin(self, connection: Connection, kind: Kind) -> None:
        postgresql_driver(connection).at_once(self._begin[kind], BUSY_SECONDS)

    def begin_migration(self, connection: Connection) -> None:
        postgresql_driver(connection).keep_to(0, 0)
        self.begin(connection, Kind.WRITE)
        postgresql_driver(connection).execute(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")

    def commit(self, connection: Connection) -> None:
        # PostgreSQL answers COMMIT with ROLLBACK, and no error, when a statement of the transaction had failed.
        if postgresql_driver(connection).execute("COMMIT").statusmessage != "COMMIT":
            raise TransactionLost

    def rollback(self, connection: Connection) -> None:
        postgresql_driver(connection).at_once("ROLLBACK", BUSY_SECONDS)

    def lock(self, statement: Select[Any], *of: FromClause) -> Select[Any]:
        return statement.with_for_update(of=of or None)

    def claim(self, statement: Select[Any], *of: FromClause) -> Select[Any]:
        return statement.with_for_update(skip_locked=True, of=of or None)

    def take_turn(self, connection: Connection, subject: str) -> None:
        # Under READ COMMITTED the next statement has a snapshot of its own, taken after the lock was had.
        turn = f"SELECT pg_advisory_xact_lock({TURN_LOCK}, hashtext(%s))"  # a whole number of our own
        postgresql_driver(connection).execute(turn, (subject,))

    def insert(self, table: Table) -> AnyInsert:
        return postgresql.insert(table)

    def take_stamp(self, connection: Connection, now: int) -> int:
        # One round trip: every other commit waits while the lock is held, from here until this one is durable.
        cursor = postgresql_driver(connection).execute(
            f"SELECT pg_advisory_xact_lock({STAMP_LOCK});"  # noqa: S608  # two whole numbers of our own
            f" UPDATE commit_clock SET last = greatest({now:d}, last + 1) RETURNING last",
            prepare=False,
        )
        cursor.nextset()
        return int(cursor.fetchall()[0][0])

    def classify_error(self, error: BaseException) -> Trouble:
        driver = original(error)
        if type(driver) in OURS:
            return OURS[type(driver)]
        if not type(driver).__module__.startswith("psycopg"):
            return Trouble.OTHER
        state = getattr(driver, "sqlstate", None)
        if state in ("40001", "40P01"):
            return Trouble.RETRY
        if state is None:
            # Without a code it did not come from the server: the connection failed, or our own use of the driver did.
            lost = type(driver).__name__ in ("OperationalError", "InterfaceError", "ConnectionTimeout")
            return Trouble.UNAVAILABLE if lost else Trouble.OTHER
        return Trouble.UNAVAILABLE if state.startswith(self._unavailable) else Trouble.OTHER
