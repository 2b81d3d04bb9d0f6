"""A small store of notes, to try the engine without the service's own tables; the service's store for each module."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    create_engine,
    insert,
    select,
)

from service.shared.caller import Caller
from service.shared.clock import Clock, SystemClock
from service.store.address import parse_url
from service.store.dialect import Dialect, sqlite_driver
from service.store.engine import Store, open_store
from service.store.feed import HIGHEST
from service.store.tables.clock import CommitClock
from tests.flow.support import Service

METADATA = MetaData()
NOTE = Table(
    "note",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("writer", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("stamp", BigInteger, nullable=False),
    Column("body", LargeBinary),
    UniqueConstraint("writer", "number", name="one_of_each"),
)
PAGE = Table(
    "page",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("note_id", ForeignKey("note.id", deferrable=True, initially="DEFERRED"), nullable=False),
)
CLOCK = CommitClock.metadata.tables["commit_clock"]


class Notes:
    """A unit of work that writes notes: at once with stamp 0, or with the commit's stamp when it finishes."""

    def __init__(self, connection: Connection, dialect: Dialect, caller: Caller) -> None:
        self.connection, self.dialect, self.caller = connection, dialect, caller
        self._later: list[dict[str, object]] = []
        self._noted: list[str] = []
        self.finish_fails = False

    def write(self, writer: str, number: int = 0, body: bytes | None = None) -> None:
        values = {"writer": writer, "number": number, "stamp": 0, "body": body}
        self.connection.execute(insert(NOTE), values)

    def write_stamped(self, writer: str, number: int = 0) -> None:
        self._later.append({"writer": writer, "number": number})

    def refer_to_a_note_that_is_not_there(self) -> None:
        self.connection.execute(insert(PAGE), {"note_id": 999_999})

    def written(self) -> set[tuple[str, int]]:
        return {(writer, number) for writer, number in self.connection.execute(select(NOTE.c.writer, NOTE.c.number))}

    def stamps(self) -> dict[str, int]:
        return {row.writer: row.stamp for row in self.connection.execute(select(NOTE.c.writer, NOTE.c.stamp))}

    def since(self, stamp: int) -> tuple[int, list[tuple[str, int]]]:
        """What a poller gets: the highest stamp, and the notes above the one that it had."""
        found = self.connection.execute(select(NOTE.c.writer, NOTE.c.number).where(NOTE.c.stamp > stamp))
        return self.connection.execute(HIGHEST.statement).scalar_one(), [(writer, number) for writer, number in found]

    def interrupt(self) -> None:
        sqlite_driver(self.connection).interrupt()

    def note(self, writer: str) -> None:
        """What a read leaves for the unit that writes it down."""
        self._noted.append(writer)

    def owes(self) -> bool:
        return False

    def noted(self) -> Callable[["Notes"], None] | None:
        return self._write_noted if self._noted else None

    def _write_noted(self, other: "Notes") -> None:
        for writer in self._noted:
            other.write(writer)

    def finish(self, take_stamp: Callable[[], int]) -> int | None:
        stamp = take_stamp() if self._later else None
        if self._later:
            self.connection.execute(insert(NOTE), [{**values, "stamp": stamp} for values in self._later])
        if self.finish_fails:
            raise RuntimeError("finish failed")
        return stamp


OpenNotes = Callable[..., Store[Notes]]


def make_tables(url: str) -> None:
    engine = create_engine(parse_url(url))
    with engine.begin() as connection:
        METADATA.drop_all(connection)
        CLOCK.drop(connection, checkfirst=True)
        CLOCK.create(connection)
        METADATA.create_all(connection)
        connection.execute(insert(CLOCK), {"id": 1, "last": 0})
    engine.dispose()


@pytest.fixture(scope="module")
def service(shared_service: Service) -> Service:
    """The store of the service, for the tests of a module that are not about the engine."""
    return shared_service


@pytest.fixture
def notes_file(tmp_path: Path) -> str:
    """A SQLite file with the tables of notes."""
    url = f"sqlite:///{tmp_path / 'notes.db'}"
    make_tables(url)
    return url


@pytest.fixture
def notes_server(postgresql_url: str) -> str:
    """A PostgreSQL database with the tables of notes."""
    make_tables(postgresql_url)
    return postgresql_url


@pytest.fixture(params=["notes_file", "notes_server"])
def notes_url(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue(request.param)
    return url


@pytest.fixture
def open_notes() -> Iterator[OpenNotes]:
    """Opens a store of notes at an address; every store is closed when the test ends."""
    opened: list[Store[Notes]] = []

    def open_one(url: str, clock: Clock | None = None, **options: Any) -> Store[Notes]:
        store = open_store(url, Notes, clock or SystemClock(), **options)
        opened.append(store)
        return store

    yield open_one
    for store in opened:
        store.close_now(5)


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], None]:
    """Waits for something to become true, at most ten seconds."""

    def wait(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < deadline, "It did not become true within ten seconds."
            time.sleep(0.01)

    return wait
