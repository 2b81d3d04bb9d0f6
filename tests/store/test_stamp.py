"""Stamps order commits for pollers: whoever asks for what is newer than the highest stamp they saw misses nothing."""

import asyncio
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from service.shared.caller import the_service
from service.shared.clock import milliseconds

CALLER = the_service("test")
SECONDS = 3


class HeldClock:
    def __init__(self, now: datetime) -> None:
        self.held = now

    def now(self) -> datetime:
        return self.held


def test_a_poller_that_reuses_the_highest_stamp_sees_every_note_once(open_notes: Any, notes_url: str) -> None:
    store = open_notes(notes_url)
    stop = threading.Event()
    written: list[set[tuple[str, int]]] = [set() for _ in range(4)]
    polled: list[list[tuple[str, int]]] = [[], []]

    def keep_writing(number: int) -> None:
        while not stop.is_set():
            note = (f"writer {number}", len(written[number]))
            store.run_now(CALLER, lambda unit, note=note: unit.write_stamped(*note))
            written[number].add(note)

    def keep_polling(number: int) -> None:
        highest, last_round = 0, False
        while not last_round:
            last_round = stop.is_set() and not any(thread.is_alive() for thread in writers)
            highest, found = store.read_now(CALLER, lambda unit, since=highest: unit.since(since))
            polled[number].extend(found)

    writers = [threading.Thread(target=keep_writing, args=(number,)) for number in range(4)]
    pollers = [threading.Thread(target=keep_polling, args=(number,)) for number in range(2)]
    for thread in [*writers, *pollers]:
        thread.start()
    time.sleep(SECONDS)
    stop.set()
    for thread in [*writers, *pollers]:
        thread.join(20)

    everything = set().union(*written)
    assert len(everything) > 100
    for found in polled:
        assert len(found) == len(set(found)), "a note was seen twice"
        assert set(found) == everything


def test_units_of_one_commit_share_a_stamp(open_notes: Any, notes_file: str) -> None:
    store = open_notes(notes_file)

    async def play() -> None:
        begun, gate = threading.Event(), threading.Event()

        def hold(unit: Any) -> None:
            begun.set()
            gate.wait(10)

        first = asyncio.create_task(store.run(CALLER, hold))
        await asyncio.to_thread(begun.wait, 10)
        tasks = [
            asyncio.create_task(store.run(CALLER, lambda unit: unit.write_stamped("one"))),
            asyncio.create_task(store.run(CALLER, lambda unit: unit.write_stamped("two"))),
        ]
        await asyncio.sleep(0)
        gate.set()
        await first
        await asyncio.gather(*tasks)

    asyncio.run(play())
    highest, stamps = store.read_now(CALLER, lambda unit: (unit.since(0)[0], unit.stamps()))
    assert stamps["one"] == stamps["two"] == highest


@pytest.mark.parametrize("jump", [timedelta(0), timedelta(hours=-1), timedelta(minutes=5)], ids=str)
def test_stamps_rise_whatever_the_clock_does(open_notes: Any, notes_url: str, jump: timedelta) -> None:
    clock = HeldClock(datetime(2026, 3, 1, 12, tzinfo=UTC))
    store = open_notes(notes_url, clock=clock)
    store.run_now(CALLER, lambda unit: unit.write_stamped("first"))
    clock.held += jump
    store.run_now(CALLER, lambda unit: unit.write_stamped("second"))

    stamps = store.read_now(CALLER, lambda unit: unit.stamps())
    assert stamps["first"] == milliseconds(datetime(2026, 3, 1, 12, tzinfo=UTC))
    assert stamps["second"] == max(milliseconds(clock.held), stamps["first"] + 1)


def test_a_unit_without_stamped_rows_takes_no_stamp(open_notes: Any, notes_url: str) -> None:
    store = open_notes(notes_url)
    store.run_now(CALLER, lambda unit: unit.write("plain"))

    assert store.read_now(CALLER, lambda unit: unit.since(-1)[0]) == 0


def test_a_unit_is_answered_with_the_stamp_that_its_rows_have(open_notes: Any, notes_url: str) -> None:
    store = open_notes(notes_url)

    def write(unit: Any) -> str:
        unit.write_stamped("first")
        return "what it answers"

    answered, stamp = asyncio.run(store.run_stamped(CALLER, write))
    unstamped = asyncio.run(store.run_stamped(CALLER, lambda unit: unit.write("second")))

    assert (answered, stamp) == ("what it answers", store.read_now(CALLER, lambda unit: unit.stamps())["first"])
    assert unstamped == (None, None)
