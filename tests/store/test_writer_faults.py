"""The SQLite writer meets a full disk, I/O errors, failed commits, interrupts and raised exceptions.

Each time: no unit is half applied, whoever heard success finds it kept and whoever heard an error finds nothing of it,
and the store works again or says that it is not ready.
"""

import asyncio
import resource
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from service.shared.caller import the_service
from service.shared.errors import Unavailable
from service.store.dialect import SqliteDialect
from service.store.trouble import StatementRefused

CALLER = the_service("test")
Until = Callable[[Callable[[], bool]], None]

LONG_INSERT = text(
    "WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < 100000000)"
    " INSERT INTO note (writer, number, stamp) SELECT 'interrupted', n, 0 FROM counted"
)
LONG_SELECT = text(
    "WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < 100000000)"
    " SELECT max(n) FROM counted"
)


def as_one_group(store: Any, works: Sequence[Callable[[Any], object]]) -> list[object]:
    """What each unit hears when all of them wait together, in this order, for the writer."""

    async def play() -> list[object]:
        begun, gate = threading.Event(), threading.Event()

        def hold(unit: Any) -> None:
            begun.set()
            gate.wait(10)

        first = asyncio.create_task(store.run(CALLER, hold))
        await asyncio.to_thread(begun.wait, 10)
        tasks = [asyncio.create_task(store.run(CALLER, work)) for work in works]
        await asyncio.sleep(0)
        gate.set()
        async with asyncio.timeout(30):  # somebody who never hears is the fault that is looked for here
            await first
            return list(await asyncio.gather(*tasks, return_exceptions=True))

    return asyncio.run(play())


def kept(url: str) -> set[str]:
    connection = sqlite3.connect(url.removeprefix("sqlite:///"))
    try:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return {writer for (writer,) in connection.execute("SELECT writer FROM note")}
    finally:
        connection.close()


def write(writer: str, body: bytes | None = None) -> Callable[[Any], str]:
    def work(unit: Any) -> str:
        unit.write(writer, body=body)
        return writer

    return work


def assert_whole_again(store: Any, url: str, until: Until) -> None:
    until(lambda: store.ready() is None)
    assert store.run_now(CALLER, write("afterwards")) == "afterwards"
    assert "afterwards" in kept(url)


def test_an_exception_undoes_its_own_unit_and_no_other(open_notes: Any, notes_file: str) -> None:
    store = open_notes(notes_file)

    def fail(unit: Any) -> None:
        unit.write("second")
        raise KeyError("mine")

    heard = as_one_group(store, [write("first"), fail, write("third")])

    assert (heard[0], heard[2]) == ("first", "third")
    assert isinstance(heard[1], KeyError)
    assert kept(notes_file) == {"first", "third"}
    assert store.ready() is None


def test_an_exception_while_finishing_undoes_the_unit_and_its_stamp(open_notes: Any, notes_file: str) -> None:
    store = open_notes(notes_file)

    def fail_to_finish(unit: Any) -> None:
        unit.write_stamped("second")
        unit.finish_fails = True

    heard = as_one_group(store, [fail_to_finish, lambda unit: unit.write_stamped("third")])

    assert isinstance(heard[0], RuntimeError)
    stamps = store.read_now(CALLER, lambda unit: unit.stamps())
    assert set(stamps) == {"third"}
    assert store.read_now(CALLER, lambda unit: unit.since(0)[0]) == stamps["third"]


def test_a_broken_rule_is_heard_without_the_value_that_broke_it(open_notes: Any, notes_file: str) -> None:
    store = open_notes(notes_file)

    heard = as_one_group(store, [write("Canary"), write("Canary"), write("third")])

    assert isinstance(heard[1], StatementRefused)
    assert "Canary" not in str(heard[1])
    assert kept(notes_file) == {"Canary", "third"}


def test_a_unit_that_swallowed_a_broken_rule_goes_on(open_notes: Any, notes_file: str) -> None:
    store = open_notes(notes_file)

    def swallow(unit: Any) -> None:
        with pytest.raises(Exception, match="UNIQUE"):
            unit.write("first")
        unit.write("second")

    assert as_one_group(store, [write("first"), swallow]) == ["first", None]
    assert kept(notes_file) == {"first", "second"}


def test_a_failed_commit_is_heard_by_the_whole_group(open_notes: Any, notes_file: str, until: Until) -> None:
    store = open_notes(notes_file)

    heard = as_one_group(store, [write("first"), lambda unit: unit.refer_to_a_note_that_is_not_there(), write("third")])

    assert [type(answer) for answer in heard] == [Unavailable] * 3
    assert kept(notes_file) == set()
    assert_whole_again(store, notes_file, until)


def test_beside_a_unit_that_failed_a_failed_commit_concerns_its_own_unit_alone(
    open_notes: Any, notes_file: str, until: Until
) -> None:
    store = open_notes(notes_file)

    def fail(unit: Any) -> None:
        raise KeyError("mine")

    heard = as_one_group(store, [write("first"), fail, lambda unit: unit.refer_to_a_note_that_is_not_there()])

    assert [type(answer) for answer in heard] == [str, KeyError, Unavailable]
    assert kept(notes_file) == {"first"}
    assert_whole_again(store, notes_file, until)


def interrupted(statement: Any, swallow: bool) -> Callable[[Any], None]:
    def work(unit: Any) -> None:
        unit.write("before the interrupt")
        timer = threading.Timer(0.2, unit.interrupt)
        timer.start()
        try:
            unit.connection.execute(statement).close()
        except Exception:
            if not swallow:
                raise
        finally:
            timer.join()
        unit.write("after the interrupt")

    return work


@pytest.mark.parametrize("swallow", [False, True], ids=["raised", "swallowed"])
def test_an_interrupted_write_loses_the_group_and_nothing_after_it_runs(
    open_notes: Any, notes_file: str, until: Until, swallow: bool
) -> None:
    store = open_notes(notes_file)
    ran: list[str] = []

    def third(unit: Any) -> None:
        ran.append("third")

    heard = as_one_group(store, [write("first"), interrupted(LONG_INSERT, swallow), third])

    assert [type(answer) for answer in heard] == [Unavailable] * 3
    assert ran == []
    assert kept(notes_file) == set()
    assert_whole_again(store, notes_file, until)


def test_an_interrupted_read_costs_only_its_own_unit(open_notes: Any, notes_file: str) -> None:
    store = open_notes(notes_file)

    heard = as_one_group(store, [write("first"), interrupted(LONG_SELECT, False), write("third")])

    assert (heard[0], heard[2]) == ("first", "third")
    assert isinstance(heard[1], Unavailable)
    assert kept(notes_file) == {"first", "third"}


def test_a_unit_that_rolls_back_by_hand_loses_its_group(open_notes: Any, notes_file: str, until: Until) -> None:
    store = open_notes(notes_file)

    heard = as_one_group(store, [write("first"), lambda unit: unit.connection.rollback(), write("third")])

    assert [type(answer) for answer in heard] == [Unavailable] * 3
    assert kept(notes_file) == set()
    assert_whole_again(store, notes_file, until)


def test_a_full_database_refuses_what_does_not_fit_and_keeps_what_was_acknowledged(
    open_notes: Any, notes_file: str, until: Until
) -> None:
    store = open_notes(notes_file)

    def fill(unit: Any) -> None:
        pages = unit.connection.execute(text("PRAGMA page_count")).scalar_one()
        unit.connection.execute(text(f"PRAGMA max_page_count = {pages + 5}"))

    heard = as_one_group(store, [fill, write("small"), write("large", bytes(1_000_000)), write("last")])

    acknowledged = {answer for answer in heard if isinstance(answer, str)}
    assert isinstance(heard[2], Unavailable)
    assert kept(notes_file) == acknowledged
    assert_whole_again(store, notes_file, until)


@contextmanager
def no_file_longer_than(length: int) -> Iterator[None]:
    """The system refuses writes beyond `length` with EFBIG, which SQLite meets as an I/O error."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (length, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_an_input_output_error_makes_the_store_say_no_until_the_disk_takes_writes_again(
    open_notes: Any, notes_file: str, until: Until
) -> None:
    store = open_notes(notes_file)
    store.run_now(CALLER, write("earlier", bytes(200_000)))

    with no_file_longer_than(16_384):
        heard = as_one_group(store, [write("first", bytes(50_000)), write("second"), write("third")])
        assert [type(answer) for answer in heard] == [Unavailable] * 3
        for _ in range(20):
            assert "SQLITE_IOERR" in str(store.ready())
            with pytest.raises(Unavailable):
                store.run_now(CALLER, write("meanwhile"))
        assert kept(notes_file) == {"earlier"}

    assert_whole_again(store, notes_file, until)
    assert kept(notes_file) == {"earlier", "afterwards"}


def test_another_process_that_holds_the_file_too_long_makes_the_store_unavailable_until_it_lets_go(
    open_notes: Any, notes_file: str, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.store.dialect.BUSY_SECONDS", 0.1)
    store = open_notes(notes_file)
    hold = (
        "import sqlite3, sys; connection = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "connection.execute('BEGIN IMMEDIATE'); print('held', flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hold, notes_file.removeprefix("sqlite:///")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(Unavailable):
            store.run_now(CALLER, write("meanwhile"))
        assert "SQLITE_BUSY" in str(store.ready())
        assert store.read_now(CALLER, lambda unit: unit.written()) == set()
        holder.communicate("\n")

    assert_whole_again(store, notes_file, until)
    assert kept(notes_file) == {"afterwards"}


def test_a_disk_that_hangs_in_commit_makes_the_store_unavailable_until_it_goes_on(
    open_notes: Any, notes_file: str, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.store.sqlite_writer.SILENT_SECONDS", 0.3)
    store = open_notes(notes_file)
    heard, hangs, gate, commit = dict[str, object](), threading.Event(), threading.Event(), SqliteDialect.commit

    def hang(dialect: SqliteDialect, connection: Connection) -> None:
        if threading.current_thread().name == "store-writer":
            hangs.set()
            gate.wait(10)
        commit(dialect, connection)

    def wait(writer: str) -> None:
        try:
            heard[writer] = store.run_now(CALLER, write(writer))
        except Unavailable as error:
            heard[writer] = str(error)

    monkeypatch.setattr(SqliteDialect, "commit", hang)
    waiters = [threading.Thread(target=wait, args=(writer,)) for writer in ("first", "behind")]
    waiters[0].start()
    assert hangs.wait(10)
    waiters[1].start()
    until(lambda: store.ready() == "The disk does not answer.")
    with pytest.raises(Unavailable, match="does not answer"):
        store.run_now(CALLER, write("refused"))
    waiters[1].join(10)
    assert heard == {"behind": "The disk does not answer."}

    gate.set()
    waiters[0].join(10)
    assert heard["first"] == "first"
    assert_whole_again(store, notes_file, until)
    assert kept(notes_file) == {"first", "afterwards"}


def test_a_long_group_whose_units_go_on_is_ready(
    open_notes: Any, notes_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.store.sqlite_writer.SILENT_SECONDS", 1.0)
    store = open_notes(notes_file)
    told = list[str | None]()

    def slow(unit: Any) -> None:
        time.sleep(0.3)
        told.append(store.ready())

    as_one_group(store, [slow] * 5)
    assert told == [None] * 5


def test_a_garbled_file_stops_the_writer_for_good(open_notes: Any, notes_file: str) -> None:
    path = notes_file.removeprefix("sqlite:///")
    connection = sqlite3.connect(path)
    root = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'note'").fetchone()[0]
    size = connection.execute("PRAGMA page_size").fetchone()[0]
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    with Path(path).open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xff" * size)
    store = open_notes(notes_file)

    with pytest.raises(Unavailable):
        store.run_now(CALLER, write("first"))
    time.sleep(0.5)
    with pytest.raises(Unavailable):
        store.run_now(CALLER, lambda unit: None)
    assert "SQLITE_CORRUPT" in str(store.ready())


def test_a_dead_writer_fails_everyone_who_waits_and_is_never_ready_again(open_notes: Any, notes_file: str) -> None:
    store = open_notes(notes_file)

    def die(unit: Any) -> None:
        unit.write("second")
        raise SystemExit

    heard = as_one_group(store, [write("first"), die, *[write(f"later {n}") for n in range(100)]])

    assert [type(answer) for answer in heard] == [Unavailable] * 102
    with pytest.raises(Unavailable):
        store.run_now(CALLER, write("afterwards"))
    assert "SystemExit" in str(store.ready())
    assert kept(notes_file) == set()
