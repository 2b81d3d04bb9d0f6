"""backup: everything that the service needs to start again, from one snapshot, while it goes on."""

import hashlib
import zipfile
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from service.shared.files import appearing
from service.shared.version import VERSION
from service.store.address import is_there, parse_url
from service.store.archive import MANIFEST, TELL_EVERY, BackupFailed, Held, Manifest, Shape, Tally, lines, shapes
from service.store.dialect import dialect_of
from service.store.migrate import version
from service.store.trouble import error_name
from service.store.whole import begin_copy

COMPRESSION = 3


def back_up(
    url: str,
    file: Path,
    keys: Mapping[str, bytes],
    now: datetime,
    *,
    replace: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> Manifest:
    """Write every table and these files of keys, by name, to `file`, which has that name only once it is whole.

    What had been acknowledged when this began is in it. `tell` hears how far it is with a long table. Raises
    BackupFailed when there is nothing to back up or the database cannot be read, OSError when the file cannot be
    written, FileExistsError when it is there and may not be replaced.
    """
    address = parse_url(url)
    if not is_there(address):
        raise BackupFailed("There is no database to back up yet.")
    dialect = dialect_of(address)
    try:
        with (
            appearing(file, replace=replace) as out,
            zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=COMPRESSION) as archive,
            dialect.engine(address, read_only=True).connect() as connection,
        ):
            begin_copy(connection, dialect)
            manifest = _write(connection, archive, dialect.name, keys, now, tell)
            dialect.rollback(connection)
    except SQLAlchemyError as problem:
        raise BackupFailed(f"The database cannot be read ({error_name(problem)}).") from None
    return manifest


def _write(
    connection: Connection,
    archive: zipfile.ZipFile,
    database: str,
    keys: Mapping[str, bytes],
    now: datetime,
    tell: Callable[[str], None],
) -> Manifest:
    schema = version(connection)
    if schema is None:
        raise BackupFailed("The database has no tables yet: there is nothing to back up.")
    manifest = Manifest(
        schema=schema,
        program=VERSION,
        made_at=now.isoformat(timespec="seconds"),
        database=database,
        tables=tuple(_write_table(connection, archive, shape, tell) for shape in shapes(connection)),
        keys={name: hashlib.sha256(content).hexdigest() for name, content in keys.items()},
    )
    for name, content in keys.items():
        archive.writestr(f"keys/{name}", content)
    archive.writestr(MANIFEST, manifest.written())
    return manifest


def _write_table(connection: Connection, archive: zipfile.ZipFile, shape: Shape, tell: Callable[[str], None]) -> Held:
    counted = Tally()
    with archive.open(f"tables/{shape.name}.jsonl", "w", force_zip64=True) as out:
        for line in lines(connection, shape):
            out.write(line)
            counted.add(line)
            if counted.rows % TELL_EVERY == 0:
                tell(f"{shape.name}: {counted.rows:,} rows so far")
    return Held(shape.name, shape.columns, counted.rows, counted.sha256)
