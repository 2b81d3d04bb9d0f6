"""Units on both databases: kept after their answer, whole or not at all, whoever asks and whatever goes wrong."""

import asyncio
import concurrent.futures
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import MetaData, Table, text

from service.shared.caller import the_service
from service.shared.errors import InvalidSettings, Unavailable
from service.store.address import exclusive, parse_url
from service.store.trouble import StatementRefused

CALLER = the_service("test")
Until = Callable[[Callable[[], bool]], None]


def written(store: Any) -> set[tuple[str, int]]:
    found: set[tuple[str, int]] = store.read_now(CALLER, lambda unit: unit.written())
    return found


def test_a_unit_answers_with_the_value_of_its_work_and_is_kept(open_notes: Any, notes_url: str) -> None:
    store = open_notes(notes_url)

    def work(unit: Any) -> str:
        unit.write_stamped("first")
        return f"for {unit.caller.client_id}"

    assert asyncio.run(store.run(CALLER, work)) == "for service"
    assert written(store) == {("first", 0)}
    assert store.ready() is None


def test_an_exception_is_heard_and_nothing_of_its_unit_is_kept(open_notes: Any, notes_url: str) -> None:
    store = open_notes(notes_url)

    def fail(unit: Any) -> None:
        unit.write("first")
        raise KeyError("mine")

    with pytest.raises(KeyError):
        asyncio.run(store.run(CALLER, fail))
    assert written(store) == set()
    assert store.run_now(CALLER, lambda unit: unit.write("second")) is None
    assert written(store) == {("second", 0)}


def test_a_broken_rule_is_named_without_the_values_that_broke_it(open_notes: Any, notes_url: str) -> None:
    store = open_notes(notes_url)
    store.run_now(CALLER, lambda unit: unit.write("Canary", 4711))

    with pytest.raises(StatementRefused) as refused:
        store.run_now(CALLER, lambda unit: unit.write("Canary", 4711))
    error = refused.value
    everything = "".join(map(repr, (error, str(error), error.__cause__, error.__context__)))
    assert "Canary" not in everything
    assert "4711" not in everything


def test_a_duplicate_is_found_without_an_error(open_notes: Any, notes_url: str) -> None:
    store = open_notes(notes_url)

    def write_once(unit: Any) -> bool:
        table = Table("note", MetaData(), autoload_with=unit.connection)
        values = {"writer": "first", "number": 1, "stamp": 0}
        insert = unit.dialect.insert(table).values(values).on_conflict_do_nothing().returning(table.c.id)
        return unit.connection.execute(insert).first() is not None

    assert [store.run_now(CALLER, write_once) for _ in range(3)] == [True, False, False]


def test_a_read_sees_one_snapshot_while_others_write(open_notes: Any, notes_url: str) -> None:
    store = open_notes(notes_url)
    store.run_now(CALLER, lambda unit: unit.write_stamped("before"))

    def look_twice(unit: Any) -> tuple[object, object]:
        first = unit.since(0)
        store.run_now(CALLER, lambda other: other.write_stamped("meanwhile"))
        return first, unit.since(0)

    first, second = store.read_now(CALLER, look_twice)
    assert first == second
    assert len(first[1]) == 1
    assert written(store) == {("before", 0), ("meanwhile", 0)}


def test_a_read_cannot_write(open_notes: Any, notes_url: str) -> None:
    store = open_notes(notes_url)

    with pytest.raises((StatementRefused, Unavailable)):
        store.read_now(CALLER, lambda unit: unit.write("first"))
    assert written(store) == set()


def test_what_a_read_noted_is_written_down_before_its_answer(open_notes: Any, notes_url: str) -> None:
    store = open_notes(notes_url)

    def show(unit: Any) -> str:
        unit.note("shown")
        return "what it showed"

    async def ask() -> tuple[str, set[tuple[str, int]]]:
        return await store.read(CALLER, show), written(store)

    assert asyncio.run(ask()) == ("what it showed", {("shown", 0)})


def test_what_cannot_be_written_down_is_not_answered(open_notes: Any, notes_url: str) -> None:
    store = open_notes(notes_url)
    store.run_now(CALLER, lambda unit: unit.write("shown"))
    with pytest.raises(StatementRefused):
        store.read_now(CALLER, lambda unit: unit.note("shown"))
    with pytest.raises(StatementRefused):
        asyncio.run(store.read(CALLER, lambda unit: unit.note("shown")))


def test_a_cancelled_request_cancels_neither_its_unit_nor_the_answer_of_another(
    open_notes: Any, notes_url: str, until: Until
) -> None:
    store = open_notes(notes_url, connections=1)
    begun, gate = threading.Event(), threading.Event()
    complaints: list[object] = []

    def hold(unit: Any) -> None:
        begun.set()
        gate.wait(10)

    async def play() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, complaint: complaints.append(complaint))
        first = asyncio.create_task(store.run(CALLER, hold))
        await asyncio.to_thread(begun.wait, 10)
        cancelled = asyncio.create_task(store.run(CALLER, lambda unit: unit.write("cancelled")))
        other = asyncio.create_task(store.run(CALLER, lambda unit: "heard"))
        await asyncio.sleep(0)
        cancelled.cancel()
        gate.set()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        await asyncio.wait_for(first, 10)
        assert await asyncio.wait_for(other, 10) == "heard"

    asyncio.run(play())
    until(lambda: written(store) == {("cancelled", 0)})
    assert complaints == []


def test_a_loop_that_has_closed_costs_nobody_else_their_answer(open_notes: Any, notes_url: str, until: Until) -> None:
    store = open_notes(notes_url)
    begun, gate = threading.Event(), threading.Event()

    def work(unit: Any) -> None:
        begun.set()
        gate.wait(10)
        unit.write("first")

    loop = asyncio.new_event_loop()
    task = loop.create_task(store.run(CALLER, work))
    loop.run_until_complete(asyncio.sleep(0))
    begun.wait(10)
    task.cancel()
    loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
    loop.close()
    gate.set()

    until(lambda: written(store) == {("first", 0)})
    assert store.run_now(CALLER, lambda unit: "heard") == "heard"


def test_many_loops_and_threads_are_all_answered(open_notes: Any, notes_url: str) -> None:
    store = open_notes(notes_url)

    async def write_twenty(name: str) -> list[int]:
        def work(number: int) -> Callable[[Any], int]:
            def write(unit: Any) -> int:
                unit.write_stamped(name, number)
                return number

            return write

        return list(await asyncio.gather(*[store.run(CALLER, work(number)) for number in range(20)]))

    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda name: asyncio.run(write_twenty(name)), "abcd"))

    assert answers == [list(range(20))] * 4
    assert written(store) == {(name, number) for name in "abcd" for number in range(20)}


def test_a_full_queue_refuses_at_once_and_keeps_its_word_to_those_inside(open_notes: Any, notes_url: str) -> None:
    store = open_notes(notes_url, capacity=3, connections=1)
    begun, gate = threading.Event(), threading.Event()

    def hold(unit: Any) -> None:
        begun.set()
        gate.wait(10)

    async def play() -> list[object]:
        first = asyncio.create_task(store.run(CALLER, hold))
        await asyncio.to_thread(begun.wait, 10)
        tasks = [
            asyncio.create_task(store.run(CALLER, lambda unit, n=n: unit.write_stamped("note", n))) for n in range(5)
        ]
        await asyncio.wait(tasks[3:], timeout=5)
        gate.set()
        await first
        return list(await asyncio.gather(*tasks, return_exceptions=True))

    heard = asyncio.run(play())
    assert heard[:3] == [None] * 3
    assert [type(answer) for answer in heard[3:]] == [Unavailable] * 2
    assert written(store) == {("note", 0), ("note", 1), ("note", 2)}


def test_a_unit_that_waited_too_long_is_not_begun(open_notes: Any, notes_url: str) -> None:
    store = open_notes(notes_url, patience=0.1, connections=1)
    begun, gate = threading.Event(), threading.Event()

    def hold(unit: Any) -> None:
        begun.set()
        gate.wait(0.5)

    async def play() -> None:
        first = asyncio.create_task(store.run(CALLER, hold))
        await asyncio.to_thread(begun.wait, 10)
        with pytest.raises(Unavailable):
            await store.run(CALLER, lambda unit: unit.write("late"))
        await first

    asyncio.run(play())
    assert written(store) == set()


def test_nobody_waits_for_ever_for_a_unit_that_hangs(
    open_notes: Any, notes_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.store.engine.ANSWER_SECONDS", 0.1)
    store = open_notes(notes_url, patience=0.1, connections=2)
    gate = threading.Event()

    def hang(unit: Any) -> None:
        gate.wait(10)

    for ask in (store.run, store.read):
        with pytest.raises(Unavailable, match="in time"):
            asyncio.run(ask(CALLER, hang))
        gate.set()
        gate = threading.Event()
    for ask in (store.run_now, store.read_now):
        with pytest.raises(Unavailable, match="in time"):
            ask(CALLER, hang)
        gate.set()
        gate = threading.Event()


def test_a_unit_goes_on_when_nobody_waits_for_it_any_more(
    open_notes: Any, notes_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.store.engine.ANSWER_SECONDS", 0.1)
    store = open_notes(notes_url, patience=0.1)
    gate = threading.Event()

    def write(unit: Any) -> None:
        gate.wait(10)
        unit.write("late")

    with pytest.raises(Unavailable, match="in time"):
        store.run_now(CALLER, write)
    assert written(store) == set()
    gate.set()
    store.close_now()
    monkeypatch.undo()
    assert written(open_notes(notes_url)) == {("late", 0)}


def test_closing_performs_what_waits_and_refuses_what_comes_after(open_notes: Any, notes_url: str) -> None:
    store = open_notes(notes_url, connections=1)

    async def play() -> list[object]:
        tasks = [
            asyncio.create_task(store.run(CALLER, lambda unit, n=n: unit.write_stamped("note", n))) for n in range(50)
        ]
        await asyncio.sleep(0)
        await store.close()
        with pytest.raises(Unavailable):
            await store.run(CALLER, lambda unit: None)
        return list(await asyncio.gather(*tasks))

    assert asyncio.run(play()) == [None] * 50
    assert store.ready() is not None
    assert len(written(open_notes(notes_url))) == 50


def test_a_thread_that_dies_fails_its_waiter_and_the_store_is_not_ready(open_notes: Any, notes_url: str) -> None:
    store = open_notes(notes_url, connections=1)

    def die(unit: Any) -> None:
        unit.write("first")
        raise SystemExit

    with pytest.raises(Unavailable):
        store.run_now(CALLER, die)
    assert "SystemExit" in str(store.ready())
    with pytest.raises(Unavailable):
        store.run_now(CALLER, lambda unit: None)
    assert written(open_notes(notes_url)) == set()


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///:memory:", "mysql://user@127.0.0.1/base", "not an address"], ids=str
)
def test_an_address_that_keeps_nothing_or_is_unknown_is_refused(url: str) -> None:
    with pytest.raises(InvalidSettings):
        parse_url(url)


def test_a_new_file_is_for_this_user_alone(open_notes: Any, tmp_path: Any) -> None:
    store = open_notes(f"sqlite:///{tmp_path / 'folder' / 'new.db'}")

    assert store.ready() is None
    assert stat.S_IMODE((tmp_path / "folder" / "new.db").stat().st_mode) == 0o600


def test_the_file_is_durable_and_keeps_its_references(open_notes: Any, notes_file: str) -> None:
    store = open_notes(notes_file)

    def settings(unit: Any) -> list[object]:
        names = ("journal_mode", "synchronous", "foreign_keys")
        return [unit.connection.execute(text(f"PRAGMA {name}")).scalar_one() for name in names]

    assert store.run_now(CALLER, settings) == ["wal", 2, 1]


def test_a_unit_that_changes_much_writes_no_temporary_file(open_notes: Any, notes_file: str) -> None:
    store = open_notes(notes_file)

    def write(unit: Any) -> None:
        rows = [{"writer": "anybody", "number": number, "body": bytes(2_000)} for number in range(100)]
        unit.connection.execute(
            text("INSERT INTO note (writer, number, stamp, body) VALUES (:writer, :number, 0, :body)"), rows
        )

    def change(unit: Any) -> list[str]:
        unit.connection.execute(text("UPDATE note SET stamp = stamp + 1"))
        return [str(each.readlink()) for each in Path("/proc/self/fd").glob("*") if each.is_symlink()]

    store.run_now(CALLER, write)
    assert not [name for name in store.run_now(CALLER, change) if "etilqs" in name]


def test_only_one_process_serves_a_file(notes_file: str) -> None:
    hold = "import sys; from service.store.address import exclusive\nwith exclusive(sys.argv[1]): print('held')"

    def other() -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-c", hold, notes_file], capture_output=True, text=True, check=False)

    with exclusive(notes_file):
        refused = other()
        assert refused.returncode != 0
        assert "InvalidSettings" in refused.stderr
    assert other().stdout == "held\n"
