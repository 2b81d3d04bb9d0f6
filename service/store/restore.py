"""restore: a backup into an empty database, of either kind, in one transaction that keeps all of it or nothing."""

import hashlib
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from sqlalchemy import Connection, MetaData, delete, insert, inspect, select
from sqlalchemy.exc import SQLAlchemyError

from service.shared.errors import InvalidSettings
from service.store.address import create_privately, exclusive, parse_url
from service.store.archive import (
    AT_ONCE,
    TELL_EVERY,
    BackupFailed,
    Held,
    Manifest,
    Tally,
    lines,
    read_manifest,
    shapes,
    tally,
)
from service.store.dialect import dialect_of
from service.store.migrate import latest, upgrade, version
from service.store.trouble import TransactionLost, error_name
from service.store.whole import NotAlone, begin_alone

# Its one row is there in every database.
ALWAYS_FILLED = "commit_clock"
DAMAGED = "The file is no backup, or is damaged or cut short."
IN_USE = "The database is in use. Stop `serve` and every worker first."


@dataclass(frozen=True, slots=True)
class Backup:
    """An open backup whose manifest has been read."""

    archive: zipfile.ZipFile
    manifest: Manifest

    def keys(self) -> dict[str, bytes]:
        """The files of keys in it, by name. Raises BackupFailed when one is not as it was."""
        found = {name: self.archive.read(f"keys/{name}") for name in self.manifest.keys}
        if {name: hashlib.sha256(content).hexdigest() for name, content in found.items()} != self.manifest.keys:
            raise BackupFailed(DAMAGED)
        return found


@contextmanager
def open_backup(file: Path) -> Iterator[Backup]:
    """Raises BackupFailed, also from within the block, when it is no backup of ours or is damaged."""
    try:
        with zipfile.ZipFile(file) as archive:
            manifest = read_manifest(archive)
            named = {f"tables/{table.name}.jsonl" for table in manifest.tables} | {
                f"keys/{each}" for each in manifest.keys
            }
            if not named <= set(archive.namelist()):
                raise BackupFailed(DAMAGED)
            yield Backup(archive, manifest)
    except (zipfile.BadZipFile, zlib.error, EOFError):
        raise BackupFailed(DAMAGED) from None


def restore(url: str, backup: Backup, *, replace: bool = False, tell: Callable[[str], None] = lambda _: None) -> None:
    """Put the backup into the database, brought to the tables of this version, and compare every row with the file.

    Raises BackupFailed, with everything as it was, when the database holds anything and may not be replaced, when a
    process uses it, when a newer program made the backup, and when something is not as the manifest says.
    """
    if backup.manifest.schema > latest():
        raise BackupFailed("A newer version of this program made the backup. Install that version or a later one.")
    address = parse_url(url)
    dialect = dialect_of(address)
    create_privately(address)
    try:
        with _unserved(url), dialect.engine(address).connect() as connection:
            begin_alone(connection, dialect)
            try:
                _empty(connection, replace)
                _fill(connection, backup, tell)
                dialect.commit(connection)
            except BaseException:
                dialect.rollback(connection)
                raise
    except NotAlone:
        raise BackupFailed(IN_USE) from None
    except (SQLAlchemyError, TransactionLost) as problem:
        raise BackupFailed(f"The database cannot take the backup ({error_name(problem)}).") from None


@contextmanager
def _unserved(url: str) -> Iterator[None]:
    """Until the block ends nothing can begin to serve, or to migrate, a SQLite file."""
    try:
        with exclusive(url), exclusive(url, "migrate", wait=True):
            yield
    except InvalidSettings:
        raise BackupFailed(IN_USE) from None


def _empty(connection: Connection, replace: bool) -> None:
    found = version(connection)
    if found is None and inspect(connection).get_table_names():
        raise BackupFailed("The database holds tables that are not of this program. It needs a database of its own.")
    if found is not None and found > latest():
        raise BackupFailed("The database is of a newer version than this program.")
    tables = MetaData()
    tables.reflect(connection)
    data = [each for each in tables.sorted_tables if each.name not in (ALWAYS_FILLED, "alembic_version")]
    if not replace and any(connection.execute(select(1).select_from(each).limit(1)).first() for each in data):
        raise BackupFailed("The database is not empty. To replace all that it holds, say --yes.")
    tables.drop_all(connection)


def _fill(connection: Connection, backup: Backup, tell: Callable[[str], None]) -> None:
    manifest = backup.manifest
    upgrade(connection, manifest.schema)
    found = {shape.name: dict(shape.columns) for shape in shapes(connection)}
    if found != {table.name: dict(table.columns) for table in manifest.tables}:
        raise BackupFailed(f"The tables in the backup are not those of schema {manifest.schema}.")
    for table in reversed(manifest.tables):
        connection.execute(delete(table.shape.table()))  # a migration may have written rows
    for table in manifest.tables:
        _put(connection, backup.archive, table, tell)
        # What the database gives back is what counts, not what it was sent.
        if _differs(table, tally(lines(connection, table.shape))):
            raise BackupFailed(f"The database did not keep the table {table.name} as the backup has it.")
    upgrade(connection)


def _put(connection: Connection, archive: zipfile.ZipFile, table: Held, tell: Callable[[str], None]) -> None:
    counted, into, shape = Tally(), insert(table.shape.table()), table.shape
    with archive.open(f"tables/{table.name}.jsonl") as file:
        while some := list(islice(file, AT_ONCE)):
            for line in some:
                counted.add(line)
            try:
                rows = [shape.read(line) for line in some]
            except (ValueError, TypeError):
                raise BackupFailed(DAMAGED) from None
            try:
                connection.execute(into, rows)
            except (SQLAlchemyError, UnicodeError) as problem:
                said = f"The database cannot take a row of the table {table.name} ({error_name(problem)})."
                raise BackupFailed(said) from None
            if counted.rows % TELL_EVERY == 0:
                tell(f"{table.name}: {counted.rows:,} of {table.rows:,} rows")
    if _differs(table, counted):
        raise BackupFailed(DAMAGED)


def _differs(table: Held, counted: Tally) -> bool:
    return (counted.rows, counted.sha256) != (table.rows, table.sha256)
