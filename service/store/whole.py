"""What differs between the two databases when the whole of one is read or replaced."""

import sqlite3
import time

from sqlalchemy import Connection

from service.store.dialect import BUSY_SECONDS, OUR_NAME, Dialect, Kind, postgresql_driver, sqlite_driver

_OTHERS = (
    "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    " AND application_name = %s"
)


class NotAlone(Exception):
    """Another process of this program uses the database."""


def begin_copy(connection: Connection, dialect: Dialect) -> None:
    """Opens one snapshot to read everything from, for as long as that takes, while others write."""
    if dialect.name == "postgresql":
        postgresql_driver(connection).keep_to(BUSY_SECONDS, 0)
    dialect.begin(connection, Kind.READ)
    connection.begin()  # SQLAlchemy's own transaction, which the driver does not know of


def begin_alone(connection: Connection, dialect: Dialect) -> None:
    """Opens the transaction in which everything is replaced. Raises NotAlone when others use the database."""
    alone = _alone_on_postgresql if dialect.name == "postgresql" else _alone_on_sqlite
    if not alone(connection):
        raise NotAlone
    dialect.begin_migration(connection)
    connection.begin()


def _alone_on_sqlite(connection: Connection) -> bool:
    """SQLite gives up the log beside the file only to the last that has it open; whoever opens it next has it back."""
    try:
        found = sqlite_driver(connection).execute("PRAGMA journal_mode = DELETE").fetchall()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorname != "SQLITE_BUSY":
            raise
        return False
    return bool(found[0][0] == "delete")


def _alone_on_postgresql(connection: Connection) -> bool:
    # A process that has just ended may stand in the list for a moment still.
    until = time.monotonic() + BUSY_SECONDS
    while postgresql_driver(connection).execute(_OTHERS, (OUR_NAME,)).fetchone():
        if time.monotonic() > until:
            return False
        time.sleep(0.1)
    return True
