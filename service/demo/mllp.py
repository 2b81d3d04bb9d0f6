"""MLLP, release 1, as whoever sends uses it: one connection, on which each message waits for its acknowledgement."""

import asyncio
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass

from service.demo.client import CallFailed
from service.demo.er7 import END, START, Er7, NotRead, read
from service.demo.step import Call, Wire, masked

PATIENCE_SECONDS = 10.0
LONGEST = 1_048_576


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A message and what was answered. `call` is the same as it was on the wire, to be shown."""

    answer: Er7
    call: Call

    @property
    def flaws(self) -> list[str]:
        """What the answer finds fault with, as its ERR segments have it: place, condition, severity."""
        return [f"{one.raw(2)} {one.text(3)} {one.text(4)}".strip() for one in self.answer.named("ERR")]


class Sender:
    """`tls` proves who we are, and asks the service to prove that it is the one at 127.0.0.1; None sends plainly."""

    def __init__(self, port: int, tls: ssl.SSLContext | None) -> None:
        self._port, self._tls = port, tls
        self._connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, message: bytes) -> Acknowledged:
        """Raises CallFailed when nothing, or nothing that answers this message, comes back."""
        sent, begun = read(message), time.perf_counter()
        what = f"{sent.type} {sent.control}"
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                received = await self._exchange(START + message + END)
            answer = read(received)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, NotRead) as error:
            raise CallFailed(f"{what} got no answer ({type(error).__name__})") from error
        msa = answer.first("MSA")
        if msa.text(2) != sent.control:
            raise CallFailed(f"{what} got the answer to another message")
        seconds = time.perf_counter() - begun
        return Acknowledged(answer, exchanged(sent, START + message + END, msa.text(1), received, seconds))

    async def aclose(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection[1].close()
            with suppress(OSError):
                await connection[1].wait_closed()

    async def _exchange(self, frame: bytes) -> bytes:
        if self._connection is None:
            self._connection = await asyncio.open_connection("127.0.0.1", self._port, ssl=self._tls, limit=LONGEST)
        reader, writer = self._connection
        writer.write(frame)
        await writer.drain()
        return await self._answer(reader)

    async def _answer(self, reader: asyncio.StreamReader) -> bytes:
        return await reader.readuntil(END)


def exchanged(message: Er7, sent: bytes, answer: str, received: bytes, seconds: float) -> Call:
    """A message and its acknowledgement as they went over the wire, each in its frame."""
    return Call(message.type, message.control, answer, seconds, Wire((), masked(sent)), Wire((), masked(received)))
