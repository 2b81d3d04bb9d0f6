"""The file that a backup is, the same for both databases: a ZIP archive that any tool for ZIP and JSON can read.

`manifest.json` says what it is. `tables/NAME.jsonl` has a JSON array for each row of a table, `keys/NAME` is a file of
keys as it was.
"""

import hashlib
import json
import zipfile
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any

import orjson
from sqlalchemy import (
    BigInteger,
    Boolean,
    Connection,
    Date,
    DateTime,
    Integer,
    LargeBinary,
    MetaData,
    Select,
    String,
    Text,
    select,
)
from sqlalchemy import column as sql_column
from sqlalchemy import table as sql_table
from sqlalchemy.sql.expression import TableClause
from sqlalchemy.types import TypeEngine

from service.shared.errors import ServiceError
from service.store.tables.columns import Instant

FORMAT = 1
MANIFEST = "manifest.json"
AT_ONCE, TELL_EVERY = 1_000, 100_000
# What belongs to the migrations, and what a recovering writer tries the disk with (sqlite_writer.py).
NOT_DATA = ("alembic_version", "store_probe")
_MODULUS = 2**256


class BackupFailed(ServiceError):
    """A backup cannot be made, read or restored; the message says why, and what to do. Nothing was changed."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How values of one kind stand in the file. `found_as` is what a database says of such a column."""

    found_as: type[TypeEngine[Any]]
    type: TypeEngine[Any]
    read: Callable[[Any], object] = lambda value: value


KINDS: dict[str, Kind] = {
    "flag": Kind(Boolean, Boolean()),
    "whole": Kind(Integer, BigInteger()),
    "instant": Kind(DateTime, Instant(), datetime.fromisoformat),
    "day": Kind(Date, Date(), date.fromisoformat),
    "bytes": Kind(LargeBinary, LargeBinary(), b64decode),
    "text": Kind(String, Text()),
}


@dataclass(frozen=True, slots=True)
class Shape:
    """A table as the database has it: the kind of each column by its name."""

    name: str
    columns: Mapping[str, str]

    def table(self) -> TableClause:
        return sql_table(self.name, *(sql_column(name, KINDS[kind].type) for name, kind in self.columns.items()))

    def write(self, row: Sequence[Any]) -> bytes:
        """One row as a line of its own."""
        return orjson.dumps([b64encode(each).decode() if isinstance(each, bytes) else each for each in row]) + b"\n"

    def read(self, line: bytes) -> dict[str, object]:
        values: list[Any] = orjson.loads(line)
        return {
            name: None if value is None else KINDS[kind].read(value)
            for (name, kind), value in zip(self.columns.items(), values, strict=True)
        }


@dataclass(slots=True)
class Tally:
    """How many rows, and the sum of their SHA-256, which is the same in whatever order a database gives them."""

    rows: int = 0
    _sum: int = 0

    def add(self, line: bytes) -> None:
        self.rows += 1
        self._sum = (self._sum + int.from_bytes(hashlib.sha256(line).digest())) % _MODULUS

    @property
    def sha256(self) -> str:
        return f"{self._sum:064x}"


@dataclass(frozen=True, slots=True)
class Held:
    """What the file holds of one table. `sha256` is of a `Tally`."""

    name: str
    columns: Mapping[str, str]
    rows: int
    sha256: str

    @property
    def shape(self) -> Shape:
        return Shape(self.name, self.columns)


@dataclass(frozen=True, slots=True)
class Manifest:
    """`tables` are in an order in which each only refers to earlier ones; `keys` is SHA-256 by file name."""

    schema: str
    program: str
    made_at: str
    database: str
    tables: tuple[Held, ...]
    keys: Mapping[str, str] = field(default_factory=dict)
    format: int = FORMAT

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables)

    def written(self) -> bytes:
        return json.dumps(asdict(self), indent=1).encode()


def shapes(connection: Connection) -> list[Shape]:
    """The tables of this database, in an order in which each only refers to earlier ones."""
    found = MetaData()
    found.reflect(connection)
    return [
        Shape(table.name, {column.name: _kind(column.type) for column in table.columns})
        for table in found.sorted_tables
        if table.name not in NOT_DATA
    ]


def _kind(type: TypeEngine[Any]) -> str:
    name = next((name for name, kind in KINDS.items() if isinstance(type, kind.found_as)), None)
    if name is None:
        raise BackupFailed("The database has a table that is not of this program. It needs a database of its own.")
    return name


def lines(connection: Connection, shape: Shape) -> Iterator[bytes]:
    """Every row of the table, a few at a time."""
    everything: Select[Any] = select(*shape.table().columns)
    result = connection.execute(everything, execution_options={"stream_results": True})
    for some in result.partitions(AT_ONCE):
        yield from map(shape.write, some)


def tally(found: Iterable[bytes]) -> Tally:
    counted = Tally()
    for line in found:
        counted.add(line)
    return counted


def read_manifest(archive: zipfile.ZipFile) -> Manifest:
    """Raises BackupFailed for a file of another kind, or of a newer one."""
    try:
        content = json.loads(archive.read(MANIFEST))
        if content["format"] != FORMAT:
            raise BackupFailed("The backup has a form that this program does not know; a newer one made it.")
        tables = tuple(Held(**table) for table in content.pop("tables"))
        manifest = Manifest(tables=tables, **content)
    except (KeyError, TypeError, ValueError):
        raise BackupFailed("The file is no backup of this program.") from None
    if not all(kind in KINDS for table in tables for kind in table.columns.values()):
        raise BackupFailed("The backup holds kinds of values that this program does not know.")
    return manifest
