"""The listener over real sockets: order, patience, limits, and an end that answers what was received whole."""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from functools import wraps
from typing import Any

import hl7
import pytest
from hl7.client import MLLPClient
from hl7.mllp import open_hl7_connection
from prometheus_client import REGISTRY

from service.hl7v2.connection import Limits
from service.hl7v2.errors import NotKept
from service.hl7v2.frame import LONGEST_NOISE, Fault, Frame, framed
from service.shared.errors import Unavailable
from tests.hl7v2.support import LOOPS, listening, run_on, until
from tests.hl7v2.wire import message

VT, FS, CR = b"\x0b", b"\x1c", b"\r"
ONE = message("M1")
HASTY = Limits(longest=10_000, connections=5, message_seconds=0.3, idle_seconds=0.6, return_seconds=0.1)


def on_a_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    @wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        run_on(LOOPS[0], test(*args, **kwargs))

    return run


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"peer_referral_mllp_{name}", labels) or 0.0


@on_a_loop
async def test_a_message_is_answered_byte_by_byte_and_as_a_whole() -> None:
    """trust.md, E37."""
    async with listening() as running, running.peer() as peer:
        await peer.send(*(framed(ONE)[place : place + 1] for place in range(len(framed(ONE)))))
        assert await peer.answer() == "MSA|AA|M1"
        await peer.send(framed(message("M2")))
        assert await peer.answer() == "MSA|AA|M2"
        assert running.door.kept == [Frame(ONE), Frame(message("M2"))]


@on_a_loop
async def test_a_hundred_at_once_are_answered_in_their_order() -> None:
    """trust.md, E38."""
    async with listening() as running, running.peer() as peer:
        controls = [f"M{number}" for number in range(100)]
        await peer.send(b"".join(framed(message(control)) for control in controls))
        assert await peer.answers(100) == [f"MSA|AA|{control}" for control in controls]
        assert running.door.controls == controls


@on_a_loop
async def test_an_answer_of_two_messages_and_one_of_none_keep_the_order() -> None:
    async with listening() as running, running.peer() as peer:
        running.door.says = [b"MSA|CA|M1", b"MSA|AA|M1"]
        await peer.send(framed(ONE))
        assert await peer.answers(2) == ["MSA|CA|M1", "MSA|AA|M1"]
        running.door.says = []
        await peer.send(framed(ONE))
        await until(lambda: len(running.door.kept) == 2, "the second message is kept")
        running.door.says = None
        await peer.send(framed(message("M3")))
        assert await peer.answer() == "MSA|AA|M3"


@on_a_loop
async def test_line_ends_and_garbage_before_a_message_are_skipped_and_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """trust.md, E39."""
    caplog.set_level(logging.INFO, "peer_referral")
    async with listening() as running, running.peer() as peer:
        await peer.send(b"\r\nTessie said\r\n" + framed(ONE), b"and more" + framed(message("M2")))
        assert await peer.answers(2) == ["MSA|AA|M1", "MSA|AA|M2"]
        assert running.door.controls == ["M1", "M2"]
    facts = [getattr(each, "facts", {}) for each in caplog.records]
    assert facts.count({"what": "skipped", "address": "127.0.0.1"}) == 1
    assert "Tessie" not in caplog.text


@pytest.mark.parametrize("end", ["the next message", "the end", "a moment", "a reset", "our own end"])
def test_segments_in_no_message_are_put_to_the_door_and_never_answered(end: str) -> None:
    async def test() -> None:
        async with listening(HASTY) as running, running.peer() as peer:
            await peer.send(framed(ONE) + b"text\rOBX|9\r" + FS + CR)
            assert await peer.answer() == "MSA|AA|M1"
            running.door.says = []
            if end == "the next message":
                await peer.send(framed(message("M2")))
            elif end == "the end":
                peer.writer.write_eof()
            elif end == "a reset":
                peer.writer.transport.abort()
            elif end == "our own end":
                await running.listener.drain(5)
            await until(lambda: len(running.door.kept) > 1, "it is at the door")
            assert running.door.kept[1].fault is Fault.OUTSIDE
            assert running.door.controls[:2] == ["M1", "M1"]

    run_on(LOOPS[0], test())


@on_a_loop
async def test_64_kilobytes_without_a_message_end_the_connection() -> None:
    """trust.md, E40."""
    async with listening() as running, running.peer() as peer:
        await peer.send(b"x" * (LONGEST_NOISE + 1))
        assert await peer.closed() == []
        assert running.door.kept == []


@on_a_loop
async def test_a_message_that_does_not_end_is_waited_for_and_then_left_to_its_sender() -> None:
    """trust.md, E41."""
    async with listening(HASTY) as running, running.peer() as slow:
        await slow.send(VT + ONE)
        assert await slow.closed() == []
        assert running.door.kept == []


@on_a_loop
async def test_a_byte_now_and_then_buys_no_time() -> None:
    """trust.md, E41."""
    async with listening(HASTY) as running, running.peer() as slow:
        sent = 0
        while not slow.reader.at_eof() and sent < 200:
            try:
                await slow.send(VT if sent == 0 else b"x")
            except (OSError, RuntimeError):  # the second is how one of the loops says that it is closed
                break
            sent += 1
            await asyncio.sleep(0.02)
        assert sent < 200
        assert running.door.kept == []


@on_a_loop
async def test_fs_without_cr_is_enough_after_a_moment_and_before_the_next() -> None:
    """trust.md, E42."""
    async with listening(HASTY) as running, running.peer() as peer:
        await peer.send(VT + ONE + FS)
        assert await peer.answer() == "MSA|AA|M1"
        await peer.send(VT + message("M2") + FS + framed(message("M3")))
        assert await peer.answers(2) == ["MSA|AA|M2", "MSA|AA|M3"]
        assert running.door.controls == ["M1", "M2", "M3"]


@on_a_loop
async def test_a_sender_that_ends_its_half_still_hears_the_answer() -> None:
    async with listening() as running, running.peer() as peer:
        running.door.open.clear()
        await peer.send(VT + ONE + FS)
        peer.writer.write_eof()
        await asyncio.sleep(0.05)
        running.door.open.set()
        assert await peer.answer() == "MSA|AA|M1"
        assert await peer.closed() == []


@pytest.mark.parametrize(
    ("sent", "fault"),
    [
        (framed(ONE + FS + b"OBX|9" + CR), Fault.EMBEDDED),
        (framed(ONE + VT + b"OBX|9" + CR), Fault.EMBEDDED),
        (VT + ONE + framed(message("M2")), Fault.CUT_SHORT),
        (framed(ONE + b"x" * 10_000), Fault.TOO_LONG),
    ],
    ids=["FS inside", "VT inside", "cut short", "too long"],
)
def test_a_frame_with_a_fault_is_put_to_the_door_and_refused_by_it(sent: bytes, fault: Fault) -> None:
    async def test() -> None:
        async with listening(HASTY) as running, running.peer() as peer:
            before = counted("faults_total", fault=fault.value)
            await peer.send(sent)
            assert await peer.answer() == "MSA|AR|M1"
            assert running.door.kept[0].fault is fault
            assert counted("faults_total", fault=fault.value) == before + 1
            if fault is Fault.TOO_LONG:
                assert await peer.closed() == []
            else:
                await peer.send(framed(message("M9")))
                assert (await peer.closed())[-1] == "MSA|AA|M9"

    run_on(LOOPS[0], test())


@on_a_loop
async def test_an_idle_connection_is_closed_and_one_that_is_used_is_not() -> None:
    async with listening(HASTY) as running, running.peer() as idle, running.peer() as busy:
        for number in range(6):
            await asyncio.sleep(0.2)
            await busy.send(framed(message(f"M{number}")))
            assert await busy.answer() == f"MSA|AA|M{number}"
        assert idle.reader.at_eof()
        assert await idle.closed() == []


@on_a_loop
async def test_while_a_message_is_answered_no_more_is_read_and_no_clock_runs_against_the_sender() -> None:
    async with listening(HASTY) as running, running.peer() as peer:
        running.door.open.clear()
        await peer.send(framed(ONE) + VT + message("M2")[:50])
        # More than the kernel takes for us: as long as nobody reads, the sender has to wait.
        rest = message("M2")[50:] + FS + CR + framed(message("M3") + b"NTE|1||x\r" * 300) * 2_000
        sending = asyncio.ensure_future(peer.send(rest))
        await asyncio.sleep(1.0)
        assert not sending.done()
        (connection,) = running.listener._connections
        assert len(connection._framer._buffer) < 300_000
        running.door.open.set()
        assert await peer.answers(2_002) == ["MSA|AA|M1", "MSA|AA|M2"] + ["MSA|AA|M3"] * 2_000
        await sending


@on_a_loop
async def test_answers_that_nobody_reads_end_the_connection_and_no_other() -> None:
    async with listening(HASTY) as running, running.peer() as deaf, running.peer() as other:
        running.door.says = [b"x" * 1_000_000]
        asyncio.get_running_loop().call_later(0, deaf.writer.transport.pause_reading)  # type: ignore[attr-defined]
        before = counted("faults_total", fault="answers-not-read")
        await deaf.send(framed(ONE) * 20)
        await until(lambda: counted("faults_total", fault="answers-not-read") == before + 1, "it was closed")
        running.door.says = None
        await other.send(framed(message("M2")))
        assert await other.answer() == "MSA|AA|M2"


@on_a_loop
async def test_where_nothing_could_be_kept_the_connection_closes_without_an_answer() -> None:
    async with listening() as running, running.peer() as peer:
        running.door.raises = Unavailable("the disk is full")
        before = counted("messages_total", outcome="not-kept")
        await peer.send(framed(ONE) * 3)
        assert await peer.closed() == []
        assert counted("messages_total", outcome="not-kept") == before + 1
        running.door.raises = None
        async with running.peer() as again:
            await again.send(framed(ONE))
            assert await again.answer() == "MSA|AA|M1"


@on_a_loop
async def test_where_nothing_could_be_kept_and_the_sender_is_told_so_it_is_counted_and_the_connection_stays() -> None:
    async with listening() as running, running.peer() as peer:
        running.door.raises = NotKept([b"MSA|AE|M1"])
        counts = {each: counted("messages_total", outcome=each) for each in ("not-kept", "answered")}
        await peer.send(framed(ONE))
        assert await peer.answer() == "MSA|AE|M1"
        running.door.raises = None
        await peer.send(framed(ONE))
        assert await peer.answer() == "MSA|AA|M1"
        assert {each: counted("messages_total", outcome=each) - was for each, was in counts.items()} == {
            "not-kept": 1,
            "answered": 1,
        }


@on_a_loop
async def test_a_defect_costs_one_connection_and_tells_no_value(caplog: pytest.LogCaptureFixture) -> None:
    async with listening() as running, running.peer() as peer, running.peer() as other:
        running.door.raises = KeyError("Tessie")
        await peer.send(framed(ONE))
        assert await peer.closed() == []
        running.door.raises = None
        await other.send(framed(message("M2")))
        assert await other.answer() == "MSA|AA|M2"
    assert [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR] == ["mllp-defect"]


@on_a_loop
async def test_what_was_received_whole_is_kept_also_when_the_sender_leaves() -> None:
    async with listening() as running:
        running.door.open.clear()
        before = counted("messages_total", outcome="sender-left")
        async with running.peer() as peer:
            controls = [f"M{number}" for number in range(1, 5)]
            await peer.send(b"".join(framed(message(control)) for control in controls))
            await until(lambda: bool(running.listener._connections), "it is connected")
            await asyncio.sleep(0.1)
            peer.writer.transport.abort()
        running.door.open.set()
        await until(lambda: len(running.door.kept) == 4, "all are kept")
        assert running.door.controls == controls
        await until(lambda: not running.listener._connections, "its connection is forgotten")
        # The first answers go to a socket of which nobody knows yet that it was reset.
        assert counted("messages_total", outcome="sender-left") > before
        async with running.peer() as again:
            await again.send(framed(ONE))
            assert await again.answer() == "MSA|AA|M1"


@on_a_loop
async def test_more_connections_than_allowed_are_closed_at_once_and_the_others_go_on() -> None:
    async with listening(HASTY) as running, running.peer() as healthy:
        before = counted("faults_total", fault="too-many-connections")
        others = [await asyncio.open_connection("127.0.0.1", running.port) for _ in range(6)]
        await until(lambda: counted("faults_total", fault="too-many-connections") == before + 2, "two are refused")
        assert counted("connections") == 5
        await healthy.send(framed(ONE))
        assert await healthy.answer() == "MSA|AA|M1"
        for _, writer in others:
            writer.close()
        await until(lambda: counted("connections") == 1, "the others have left")
        async with running.peer() as late:
            await late.send(framed(message("M2")))
            assert await late.answer() == "MSA|AA|M2"


@on_a_loop
async def test_the_one_that_has_been_idle_longest_gives_way_and_none_that_is_in_use() -> None:
    patient = Limits(connections=3, message_seconds=2, idle_seconds=60)
    async with listening(patient) as running, running.peer() as used, running.peer() as first, running.peer() as second:
        before = [counted("faults_total", fault=each) for each in ("gave-way", "too-many-connections")]
        await asyncio.sleep(2.1)
        await used.send(framed(ONE))
        assert await used.answer() == "MSA|AA|M1"
        newcomers = []
        for gone in (first, second, None):
            newcomers.append(await asyncio.open_connection("127.0.0.1", running.port))
            assert await (gone.closed() if gone else newcomers[-1][0].read()) in ([], b"")
            await until(lambda: counted("connections") == 3, "there are as many as before")
        after = [counted("faults_total", fault=each) for each in ("gave-way", "too-many-connections")]
        assert [new - old for new, old in zip(after, before, strict=True)] == [2, 1]
        await used.send(framed(message("M2")))
        assert await used.answer() == "MSA|AA|M2"
        for _, writer in newcomers:
            writer.close()


@on_a_loop
async def test_one_address_has_its_share_of_the_connections_and_another_one_the_rest() -> None:
    few = Limits(connections=4, of_one_address=2, message_seconds=2, idle_seconds=60)
    async with listening(few) as running, running.peer() as used, running.peer() as unused:
        before = [counted("faults_total", fault=each) for each in ("gave-way", "too-many-of-one-address")]
        async with running.peer() as refused, running.peer(source="127.0.0.2") as elsewhere:
            assert await refused.closed() == []
            await elsewhere.send(framed(ONE))
            assert await elsewhere.answer() == "MSA|AA|M1"
            await asyncio.sleep(2.1)
            await used.send(framed(ONE))
            assert await used.answer() == "MSA|AA|M1"
            async with running.peer() as newcomer:
                # Of its own address, though the other has been idle as well.
                assert await unused.closed() == []
                for each in (newcomer, elsewhere, used):
                    await each.send(framed(message("M2")))
                    assert await each.answer() == "MSA|AA|M2"
        after = [counted("faults_total", fault=each) for each in ("gave-way", "too-many-of-one-address")]
        assert [new - old for new, old in zip(after, before, strict=True)] == [1, 1]


@on_a_loop
async def test_beyond_a_thousand_idle_and_slow_senders_none_comes_in_and_a_healthy_one_never_waits() -> None:
    """trust.md, E58."""

    async def slowest_but_few(crowd: Sequence[asyncio.StreamWriter]) -> float:
        """The time within which 95 of 100 messages are answered."""
        took = []
        for number in range(100):
            for each in crowd:
                each.write(b"x" if number else VT)
            began = time.perf_counter()
            await healthy.send(framed(message(f"M{number}")))
            assert await healthy.answer() == f"MSA|AA|M{number}"
            took.append(time.perf_counter() - began)
        return sorted(took)[94]

    before = counted("faults_total", fault="too-many-connections")
    async with listening(Limits(of_one_address=2_000)) as running, running.peer() as healthy:
        alone = await slowest_but_few([])
        others = [await asyncio.open_connection("127.0.0.1", running.port) for _ in range(1_100)]
        await until(lambda: counted("faults_total", fault="too-many-connections") == before + 101, "101 are refused")
        assert counted("connections") == 1_000
        assert await slowest_but_few([writer for _, writer in others[:100]]) < max(0.1, 3 * alone)
        assert len(running.door.kept) == 200
        for _, writer in others:
            writer.transport.abort()


@on_a_loop
async def test_draining_answers_what_was_received_whole_and_nothing_that_is_half() -> None:
    async with listening() as running, running.peer() as whole, running.peer() as half, running.peer() as idle:
        running.door.open.clear()
        await whole.send(framed(ONE) + framed(message("M2")) + VT + message("M3")[:40])
        await half.send(VT + message("M4")[:40])
        await until(lambda: len(running.listener._connections) == 3, "all are connected")
        await asyncio.sleep(0.1)
        draining = asyncio.ensure_future(running.listener.drain(10))
        assert await half.closed() == []
        assert await idle.closed() == []
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", running.port)
        assert not draining.done()
        running.door.open.set()
        assert await whole.closed() == ["MSA|AA|M1", "MSA|AA|M2"]
        await draining
        assert running.door.controls == ["M1", "M2"]


@on_a_loop
async def test_draining_cuts_off_what_takes_too_long() -> None:
    async with listening() as running, running.peer() as peer:
        running.door.open.clear()
        await peer.send(framed(ONE))
        await until(lambda: any(each._work for each in running.listener._connections), "the message is at the door")
        await running.listener.drain(0.2)
        assert await peer.closed() == []


@on_a_loop
async def test_the_clients_of_the_library_hl7_are_answered() -> None:
    def plain(port: int) -> list[bytes]:
        with MLLPClient("127.0.0.1", port) as client:
            return [client.send_message(message(control)) for control in ("M1", "M2")]

    async with listening() as running:
        assert await asyncio.to_thread(plain, running.port) == [framed(b"MSA|AA|M1"), framed(b"MSA|AA|M2")]
        # Its other client reads the answer as a message, so it is given one.
        running.door.says = [message("ANSWER")]
        reader, writer = await open_hl7_connection("127.0.0.1", running.port)
        for control in ("M3", "M4"):
            writer.writemessage(hl7.parse(message(control).decode()))
            await writer.drain()
            assert str((await reader.readmessage())[0][10]) == "ANSWER"
        writer.close()
        await writer.wait_closed()
        assert running.door.controls == ["M1", "M2", "M3", "M4"]
