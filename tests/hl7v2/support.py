"""A listener on a port of its own, with a door that answers at once, and the other end of a connection."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import uvicorn

from service.hl7v2.connection import Limits
from service.hl7v2.frame import Frame, Framer
from service.hl7v2.listener import Listener, Refusals, Senders
from service.hl7v2.segments import header_of
from service.security.certificates import Context
from service.shared.caller import Caller

PATIENCE = 20.0
# The one that serves, where it is to be had, and Python's own.
LOOPS = [uvicorn.Config("").get_loop_factory() or asyncio.new_event_loop, asyncio.SelectorEventLoop]


def run_on(loop: Callable[[], asyncio.AbstractEventLoop], test: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(test)


@dataclass(slots=True)
class AnsweringDoor:
    """Keeps what it is given, and accepts it when `open` is set; `raises` and `says` are what it does instead."""

    open: asyncio.Event = field(default_factory=asyncio.Event)
    kept: list[Frame] = field(default_factory=list)
    callers: list[Caller | None] = field(default_factory=list)
    raises: Exception | None = None
    says: Sequence[bytes] | None = None

    def __post_init__(self) -> None:
        self.open.set()

    async def answer(self, frame: Frame, caller: Caller | None) -> Sequence[bytes]:
        await self.open.wait()
        if self.raises is not None:
            raise self.raises
        self.kept.append(frame)
        self.callers.append(caller)
        if self.says is not None:
            return self.says
        header = header_of(frame.body)
        return [b"MSA|%s|%s" % (b"AR" if frame.fault else b"AA", header.text(10).encode() if header else b"")]

    @property
    def controls(self) -> list[str]:
        headers = [header_of(frame.body) for frame in self.kept]
        return [header.text(10) if header else "" for header in headers]


class Nobody:
    """Who knows no certificate; on a connection without one nobody is asked."""

    async def caller(self, by: str, name: str, /) -> Caller | None:
        return None

    async def write(self, reason: str, address: str) -> None:
        return None


@dataclass(slots=True)
class Peer:
    """The other end of a connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    framer: Framer = field(default_factory=Framer)
    _answers: list[bytes] = field(default_factory=list)

    async def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()

    async def answers(self, count: int) -> list[str]:
        """The next `count` answers, as their text."""
        async with asyncio.timeout(PATIENCE):
            while len(self._answers) < count:
                data = await self.reader.read(65_536)
                assert data, f"closed after {len(self._answers)} of {count} answers"
                self._answers += [frame.body for frame in self.framer.feed(data)]
        taken, self._answers = self._answers[:count], self._answers[count:]
        return [each.decode() for each in taken]

    async def answer(self) -> str:
        (one,) = await self.answers(1)
        return one

    async def closed(self) -> list[str]:
        """What it still says until it closes."""
        rest = b""
        async with asyncio.timeout(PATIENCE):
            try:
                while data := await self.reader.read(65_536):
                    rest += data
            except OSError:
                pass
        self._answers += [frame.body for frame in self.framer.feed(rest)]
        taken, self._answers = self._answers, []
        return [each.decode() for each in taken]


@dataclass(slots=True)
class Running:
    listener: Listener
    door: AnsweringDoor
    port: int

    @asynccontextmanager
    async def peer(self, tls: ssl.SSLContext | None = None, source: str = "127.0.0.1") -> AsyncIterator[Peer]:
        name = None if tls is None else "localhost"
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.port, ssl=tls, server_hostname=name, local_addr=(source, 0)
        )
        try:
            yield Peer(reader, writer)
        finally:
            writer.close()
            # It may have been reset at the other end before.
            with suppress(OSError):
                await asyncio.wait_for(writer.wait_closed(), PATIENCE)


@asynccontextmanager
async def listening(
    limits: Limits | None = None,
    tls: Context | None = None,
    senders: Senders | None = None,
    refusals: Refusals | None = None,
) -> AsyncIterator[Running]:
    door = AnsweringDoor()
    listener = Listener(door, senders or Nobody(), refusals or Nobody(), limits, tls)
    at = socket.create_server(("127.0.0.1", 0), backlog=2048)
    listener.start(at)
    port = at.getsockname()[1]
    try:
        yield Running(listener, door, port)
    finally:
        door.open.set()
        await listener.drain(5)


async def until(holds: Callable[[], bool], what: str) -> None:
    """Fails, saying what was waited for, when it does not come true in time."""
    for _ in range(int(PATIENCE / 0.01)):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"Not within {PATIENCE:.0f} s: {what}")
