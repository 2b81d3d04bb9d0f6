"""PostgreSQL hangs: the connections stand and nothing comes back.

Everybody hears within the store's limits that it is unavailable, readiness says so, and the store goes on by itself.
"""

import asyncio
import gc
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import text

from service.shared.caller import the_service
from service.shared.errors import Unavailable
from service.store.address import parse_url
from service.store.dialect import Kind, PostgresqlDialect, dialect_of
from service.store.limited import Limited
from service.store.trouble import StatementRefused
from service.store.whole import begin_copy
from tests.store.wire import Wire, wire_to

CALLER = the_service("test")
Until = Callable[[Callable[[], bool]], None]


@pytest.fixture(autouse=True)
def short_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in {
        "dialect.BUSY_SECONDS": 1,
        "dialect.STATEMENT_SECONDS": 1,
        "pool.IDLE_SECONDS": 0.2,
        "pool.RECONNECT_SECONDS": 0.1,
        "pool.SILENT_SECONDS": 1.5,
    }.items():
        monkeypatch.setattr(f"service.store.{name}", seconds)


@pytest.fixture
def wire(notes_server: str) -> Iterator[Wire]:
    with wire_to(parse_url(notes_server)) as opened:
        yield opened


def written(store: Any) -> set[tuple[str, int]]:
    found: set[tuple[str, int]] = store.read_now(CALLER, lambda unit: unit.written())
    return found


def is_unavailable(store: Any, stop: Callable[[], None], *writes: str) -> None:
    """A unit that writes these, and whose database hangs after the first."""

    def hang(unit: Any) -> None:
        for each in writes:
            unit.write(each)
            stop()

    with pytest.raises(Unavailable):
        store.run_now(CALLER, hang)


def test_a_unit_whose_database_hangs_is_unavailable_and_the_store_goes_on_when_it_is_back(
    open_notes: Any, wire: Wire, until: Until
) -> None:
    store = open_notes(wire.url, connections=1)
    is_unavailable(store, wire.stop, "first", "second")
    assert store.ready() is not None

    wire.carry()
    until(lambda: store.ready() is None)
    store.run_now(CALLER, lambda unit: unit.write("afterwards"))
    assert written(store) == {("afterwards", 0)}


def test_a_commit_without_an_answer_is_unavailable_and_the_repeat_finds_what_was_kept(
    open_notes: Any, wire: Wire, until: Until
) -> None:
    store = open_notes(wire.url, connections=1)
    is_unavailable(store, wire.stop_answers, "message")

    wire.carry()
    until(lambda: store.ready() is None)
    with pytest.raises(StatementRefused, match="one_of_each"):
        store.run_now(CALLER, lambda unit: unit.write("message"))


@pytest.mark.parametrize("ask", ["run", "read"])
def test_every_waiter_hears_and_neither_threads_nor_connections_are_left(
    open_notes: Any, wire: Wire, until: Until, ask: str
) -> None:
    store = open_notes(wire.url, connections=3)
    perform = getattr(store, ask)
    threads = [thread.name for thread in threading.enumerate() if thread.name.startswith("store-")]

    async def play() -> list[object]:
        units = [perform(CALLER, lambda unit: unit.written()) for _ in range(30)]
        return list(await asyncio.gather(*units, return_exceptions=True))

    for _ in range(2):
        wire.stop()
        began = time.monotonic()
        assert {type(answer) for answer in asyncio.run(play())} == {Unavailable}
        assert time.monotonic() - began < 10
        assert store.ready() is not None
        wire.carry()
        until(lambda: store.ready() is None)
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("store-")] == threads
    count = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
    until(lambda: store.read_now(CALLER, lambda unit: unit.connection.execute(count).scalar_one()) == 3)


@pytest.fixture
def kept_garbage() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("kept_garbage")
@pytest.mark.parametrize("step", [(PostgresqlDialect, "begin"), (Limited, "keep_to")], ids=["proved", "prepared"])
def test_a_connection_that_fails_while_it_is_opened_is_closed_at_once(
    open_notes: Any, notes_server: str, monkeypatch: pytest.MonkeyPatch, until: Until, step: tuple[type, str]
) -> None:
    """Nobody comes to collect it: what is closed, is closed by the store."""
    room, name = step
    original = getattr(room, name)
    opened: list[Limited] = []
    failed: list[object] = []

    def fails_at_first(*given: Any) -> None:
        if len(failed) < 4:
            failed.append(given)
            raise RuntimeError("made up")
        original(*given)

    def remember(connection: Limited) -> None:
        opened.append(connection)
        prepare(connection, 1, 1)

    prepare = Limited.prepare
    monkeypatch.setattr(Limited, "prepare", lambda connection, *_: remember(connection))
    monkeypatch.setattr(room, name, fails_at_first)
    store = open_notes(notes_server, connections=2)
    until(lambda: store.ready() is None and len([each for each in opened if not each.closed]) == 2)
    assert len(failed) == 4
    assert len(opened) == 6


def test_a_store_that_nobody_asks_notices_by_itself(open_notes: Any, wire: Wire, until: Until) -> None:
    store = open_notes(wire.url, connections=2)

    wire.stop()
    until(lambda: store.ready() is not None)
    began = time.monotonic()
    with pytest.raises(Unavailable):
        store.run_now(CALLER, lambda unit: None)
    assert time.monotonic() - began < 1


def test_while_every_thread_hangs_in_a_unit_new_ones_are_refused_at_once(
    open_notes: Any, wire: Wire, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.store.dialect.STATEMENT_SECONDS", 5)
    store = open_notes(wire.url, connections=1)
    heard = list[object]()

    def hang(unit: Any) -> None:
        wire.stop()
        unit.write("first")

    def wait() -> None:
        try:
            heard.append(store.run_now(CALLER, hang))
        except Unavailable as error:
            heard.append(error)

    waiter = threading.Thread(target=wait)
    waiter.start()
    until(lambda: store.ready() == "The database does not answer.")
    with pytest.raises(Unavailable, match="does not answer"):
        store.run_now(CALLER, lambda unit: None)
    assert heard == []
    wire.carry()
    waiter.join(10)
    assert heard == [None]
    assert store.ready() is None


@pytest.mark.parametrize("begin", ["begin_copy", "begin_migration"])
def test_what_may_take_its_time_has_no_limit(notes_server: str, begin: str) -> None:
    address = parse_url(notes_server)
    dialect = dialect_of(address)
    with dialect.engine(address).connect() as connection:
        if begin == "begin_copy":
            begin_copy(connection, dialect)
        else:
            dialect.begin_migration(connection)
        connection.execute(text("SELECT pg_sleep(2.5)"))


def test_a_statement_on_a_connection_of_the_store_has_one(notes_server: str, wire: Wire) -> None:
    dialect = dialect_of(parse_url(wire.url))
    with dialect.engine(parse_url(wire.url)).connect() as connection:
        dialect.begin(connection, Kind.WRITE)
        wire.stop()
        with pytest.raises(Exception, match="did not answer"):
            connection.execute(text("SELECT 1"))
