"""PostgreSQL meets deadlocks, lost races, locked rows and lost connections.

Each time: a unit is kept whole or not at all, whoever heard an error finds nothing of it, and the store works again.
"""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import MetaData, Table, create_engine, select, text

from service.shared.caller import the_service
from service.shared.errors import Unavailable
from service.store.address import parse_url
from service.store.pool import RETRY_SECONDS

CALLER = the_service("test")
Until = Callable[[Callable[[], bool]], None]


def written(store: Any) -> set[tuple[str, int]]:
    found: set[tuple[str, int]] = store.read_now(CALLER, lambda unit: unit.written())
    return found


def lock_then_write(first: str, second: str, meet: threading.Barrier, runs: list[str]) -> Callable[[Any], None]:
    """Locks one note, meets the other unit the first time, then writes to the note that the other has locked."""

    def work(unit: Any) -> None:
        runs.append(first)
        change = text("UPDATE note SET number = number + 1 WHERE writer = :writer")
        unit.connection.execute(change, {"writer": first})
        if runs.count(first) == 1:
            meet.wait(10)
        unit.connection.execute(change, {"writer": second})

    return work


def on_one_snapshot(unit: Any) -> None:
    """No unit that writes is begun so; here it is, for it loses races that READ COMMITTED waits out."""
    unit.connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))


def together(store: Any, *works: Callable[[Any], object]) -> list[object]:
    async def play() -> list[object]:
        units = [store.run(CALLER, work) for work in works]
        return list(await asyncio.gather(*units, return_exceptions=True))

    return asyncio.run(play())


def test_a_deadlock_runs_the_loser_again(open_notes: Any, notes_server: str) -> None:
    store = open_notes(notes_server)
    store.run_now(CALLER, lambda unit: (unit.write("left"), unit.write("right")))
    meet, runs = threading.Barrier(2), list[str]()

    heard = together(store, lock_then_write("left", "right", meet, runs), lock_then_write("right", "left", meet, runs))

    assert heard == [None, None]
    assert len(runs) == 3
    assert written(store) == {("left", 2), ("right", 2)}


def test_a_lost_race_over_a_snapshot_runs_the_loser_again(open_notes: Any, notes_server: str) -> None:
    store = open_notes(notes_server)
    store.run_now(CALLER, lambda unit: unit.write("note"))
    meet, runs = threading.Barrier(2), list[int]()

    def count(unit: Any) -> None:
        on_one_snapshot(unit)
        (_, number) = unit.written().pop()
        runs.append(number)
        if len(runs) <= 2:
            meet.wait(10)
        unit.connection.execute(text("UPDATE note SET number = :number"), {"number": number + 1})

    assert together(store, count, count) == [None, None]
    assert runs == [0, 0, 1]
    assert written(store) == {("note", 2)}


def test_no_two_losers_come_back_together(open_notes: Any, notes_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_notes(notes_server)
    store.run_now(CALLER, lambda unit: unit.write("note"))
    waits = list[float]()
    monkeypatch.setattr("service.store.pool.time.sleep", waits.append)

    def lose(unit: Any) -> None:
        on_one_snapshot(unit)
        unit.written()
        change = text("UPDATE note SET number = number + 1")
        store.run_now(CALLER, lambda other: other.connection.execute(change).close())
        unit.connection.execute(change)

    for _ in range(3):
        together(store, lose)
    # Threads of other stores may sleep meanwhile, for longer.
    lost = [wait for wait in waits if wait <= RETRY_SECONDS]
    assert len(set(lost)) == 3
    assert all(wait >= RETRY_SECONDS / 2 for wait in lost)


def test_a_race_lost_twice_is_unavailable(open_notes: Any, notes_server: str) -> None:
    store = open_notes(notes_server)
    store.run_now(CALLER, lambda unit: unit.write("note"))
    runs = list[int]()

    def always_lose(unit: Any) -> None:
        on_one_snapshot(unit)
        (_, number) = unit.written().pop()
        runs.append(number)
        change = text("UPDATE note SET number = number + 1")
        store.run_now(CALLER, lambda other: other.connection.execute(change).close())
        unit.connection.execute(change)

    assert [type(answer) for answer in together(store, always_lose)] == [Unavailable]
    assert runs == [0, 1]
    assert written(store) == {("note", 2)}


def test_a_row_locked_too_long_is_unavailable(
    open_notes: Any, notes_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.store.dialect.BUSY_SECONDS", 1)
    store = open_notes(notes_server)
    store.run_now(CALLER, lambda unit: unit.write("note"))
    change = text("UPDATE note SET number = number + 1")

    def hold(unit: Any) -> None:
        unit.connection.execute(change)
        with pytest.raises(Unavailable):
            store.run_now(CALLER, lambda other: other.connection.execute(change).close())

    store.run_now(CALLER, hold)
    assert written(store) == {("note", 1)}


def test_a_claim_passes_over_what_another_unit_has_claimed(open_notes: Any, notes_server: str) -> None:
    store = open_notes(notes_server)
    store.run_now(CALLER, lambda unit: [unit.write("note", number) for number in range(4)])

    def claim(unit: Any) -> list[int]:
        note = Table("note", MetaData(), autoload_with=unit.connection)
        statement = unit.dialect.claim(select(note.c.number).order_by(note.c.number).limit(2))
        return list(unit.connection.execute(statement).scalars())

    def claim_beside_another(unit: Any) -> tuple[list[int], list[int]]:
        return claim(unit), store.run_now(CALLER, claim)

    assert store.run_now(CALLER, claim_beside_another) == ([0, 1], [2, 3])


def test_a_unit_that_swallowed_a_failed_statement_is_not_taken_for_kept(open_notes: Any, notes_server: str) -> None:
    store = open_notes(notes_server)

    def swallow(unit: Any) -> None:
        unit.write("first")
        with pytest.raises(Exception, match="one_of_each"):
            unit.write("first")

    with pytest.raises(Unavailable):
        store.run_now(CALLER, swallow)
    assert written(store) == set()


def cut(unit: Any) -> None:
    """Ends every other connection to this database, as a failing server or network would."""
    unit.connection.execute(
        text(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    )


def test_a_connection_lost_within_a_unit_is_unavailable_and_replaced(open_notes: Any, notes_server: str) -> None:
    store = open_notes(notes_server, connections=1)

    def lose(unit: Any) -> None:
        unit.write("first")
        unit.connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    with pytest.raises(Unavailable):
        store.run_now(CALLER, lose)
    assert store.run_now(CALLER, lambda unit: unit.write("second")) is None
    assert written(store) == {("second", 0)}


def test_connections_cut_while_idle_cost_no_unit(open_notes: Any, notes_server: str) -> None:
    store = open_notes(notes_server, connections=3)
    other = open_notes(notes_server, connections=1)
    for _ in range(5):
        other.run_now(CALLER, cut)
        assert together(store, *[lambda unit: "kept"] * 6) == ["kept"] * 6


def test_a_database_that_goes_away_turns_the_store_red_until_it_is_back(
    open_notes: Any, notes_server: str, until: Until
) -> None:
    store = open_notes(notes_server, connections=2)
    name = parse_url(notes_server).database
    engine = create_engine(parse_url(notes_server).set(database="postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false'))
        try:
            connection.execute(
                text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"), {"name": name}
            )
            with pytest.raises(Unavailable):
                store.run_now(CALLER, lambda unit: unit.write("meanwhile"))
            until(lambda: store.ready() is not None)
            with pytest.raises(Unavailable):
                store.run_now(CALLER, lambda unit: unit.write("meanwhile"))
        finally:
            connection.execute(text(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true'))
    engine.dispose()

    until(lambda: store.ready() is None)
    store.run_now(CALLER, lambda unit: unit.write("afterwards"))
    assert written(store) == {("afterwards", 0)}


def test_a_database_that_cannot_be_reached_is_said_so_and_refuses(open_notes: Any) -> None:
    store = open_notes("postgresql://nobody@127.0.0.1:9/none")

    assert "cannot be reached" in str(store.ready())
    with pytest.raises(Unavailable):
        store.run_now(CALLER, lambda unit: None)
