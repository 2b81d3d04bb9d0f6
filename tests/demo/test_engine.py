"""The infirmary's engine over real sockets: it lets in one other alone, and files before it answers."""

import asyncio
import ssl
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from service.demo.certificates import Certificate, self_signed
from service.demo.client import CallFailed
from service.demo.engine import HospitalEngine
from service.demo.mllp import Acknowledged, Sender
from tests.demo.support import sent

Send = Callable[..., list[Acknowledged]]


@pytest.fixture
def ours(tmp_path: Path) -> Certificate:
    return self_signed(tmp_path, "service")


@pytest.fixture
def theirs(tmp_path: Path) -> Certificate:
    return self_signed(tmp_path, "infirmary")


@pytest.fixture
def engine(ours: Certificate, theirs: Certificate) -> Iterator[HospitalEngine]:
    with HospitalEngine(theirs.listening(ours)) as serving:
        serving.chart.women.add("TEST-000417")
        serving.chart.orders.add("ORD-4711")
        yield serving


def sends(engine: HospitalEngine, tls: ssl.SSLContext, *messages: bytes) -> list[Acknowledged]:
    """All on one connection."""

    async def conversation() -> list[Acknowledged]:
        sender = Sender(int(engine.endpoint.rpartition(":")[2]), tls)
        try:
            return [await sender.send(message) for message in messages]
        finally:
            await sender.aclose()

    return asyncio.run(conversation())


@pytest.fixture
def send(engine: HospitalEngine, ours: Certificate, theirs: Certificate) -> Send:
    return lambda *messages: sends(engine, ours.calling(theirs), *messages)


def test_what_is_taken_is_on_file_and_answered_aa(engine: HospitalEngine, send: Send) -> None:
    (answered,) = send(sent("offer"))
    assert (answered.call.answer, answered.flaws) == ("AA", [])
    assert engine.chart.life("offer-status") == ["requested"]
    (heard,) = engine.heard
    assert heard.call.sent.body == answered.call.sent.body
    assert heard.call.received.body == answered.call.received.body


def test_what_has_a_flaw_is_answered_ar_with_the_reason_and_not_filed(engine: HospitalEngine, send: Send) -> None:
    (answered,) = send(sent("offer", ("TEST-000417", "TEST-000418")))
    assert (answered.call.answer, answered.call.good) == ("AR", False)
    assert answered.flaws == ["207 E"]
    assert answered.answer.first("ERR").text(8) == "PID-3 is nobody's here"
    assert engine.chart.observations == []
    assert engine.heard[0].problems == ("PID-3 is nobody's here",)


def test_the_same_control_id_again_gets_the_same_answer_and_is_filed_once(engine: HospitalEngine, send: Send) -> None:
    first, again = send(sent("offer"), sent("offer"))
    assert first.call.received.body == again.call.received.body
    assert len(engine.chart.observations) == 3
    assert len(engine.heard) == 2


def test_what_was_refused_is_refused_again(send: Send) -> None:
    flawed = sent("offer", ("TEST-000417", "TEST-000418"))
    first, again = send(flawed, flawed)
    assert [first.call.answer, again.call.answer] == ["AR", "AR"]


def test_a_stranger_is_not_let_in(engine: HospitalEngine, theirs: Certificate, tmp_path: Path) -> None:
    stranger = self_signed(tmp_path, "stranger")
    with pytest.raises(CallFailed, match=r"^ORU\^R01 \w+ got no answer \(\w+\)$"):
        sends(engine, stranger.calling(theirs), sent("offer"))
    assert engine.heard == []


def test_nobody_else_is_taken_for_the_other_end(engine: HospitalEngine, ours: Certificate) -> None:
    with pytest.raises(CallFailed, match="got no answer"):
        sends(engine, ours.calling(ours), sent("offer"))


@pytest.mark.parametrize("noise", [b"", b"\x0bMSH|^~\\&|\x1c", b"\x0bnothing\x1c\r", b"x" * 2_000_000])
def test_noise_ends_the_connection_and_nothing_else(
    engine: HospitalEngine, send: Send, ours: Certificate, theirs: Certificate, noise: bytes
) -> None:
    async def talk() -> bytes:
        port = int(engine.endpoint.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=ours.calling(theirs))
        writer.write(noise)
        if not noise.endswith(b"\r"):
            writer.close()
        # Where more was sent than anybody reads, the end comes as a reset.
        with suppress(ConnectionResetError):
            return await asyncio.wait_for(reader.read(), 10)
        return b""

    assert asyncio.run(talk()) == b""
    assert send(sent("offer"))[0].call.answer == "AA"


def answering(answer: bytes) -> Coroutine[Any, Any, Acknowledged]:
    async def conversation() -> Acknowledged:
        async def attend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\x1c\r")
            writer.write(answer)
            writer.close()

        server = await asyncio.start_server(attend, "127.0.0.1", 0)
        sender = Sender(server.sockets[0].getsockname()[1], None)
        try:
            return await sender.send(sent("offer"))
        finally:
            await sender.aclose()
            server.close()

    return conversation()


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (b"", r"got no answer \(IncompleteReadError\)"),
        (b"\x0bgood morning\x1c\r", r"got no answer \(NotRead\)"),
        (b"\x0bMSH|^~\\&|A\rMSA|AA|ANOTHER\r\x1c\r", "got the answer to another message"),
    ],
)
def test_a_message_without_its_own_answer_has_failed(answer: bytes, failure: str) -> None:
    with pytest.raises(CallFailed, match=failure):
        asyncio.run(answering(answer))
