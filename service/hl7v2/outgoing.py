"""A connection over MLLP to where a hospital's interface engine listens.

One connection for each destination and one message in flight on it, in both lanes together: many engines take a single
connection for a feed, and would leave the second waiting for as long as the first stays open, with an alert in it. So
an alert goes before every status that waits, and waits itself for no more than the one message in flight.
"""

import asyncio
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, StrEnum

from service.hl7v2.address import Address
from service.hl7v2.frame import Frame, Framer, framed
from service.hl7v2.turns import Turns
from service.security.certificates import Context
from service.shared import telemetry

READ_AT_ONCE = 65_536


class Failure(StrEnum):
    """Why there is no answer. After those in `NOTHING_WAS_SENT` it cannot have been taken."""

    BUSY = "busy"
    NOT_REACHED = "not-reached"
    NOT_TRUSTED = "tls-refused"
    NO_ANSWER = "no-answer"
    CUT_OFF = "cut-off"
    NO_MESSAGE = "answer-is-no-message"
    OTHER_ANSWER = "answer-to-another"


# In the names of the TLS alerts by which a receiver refuses our certificate: by TLS 1.3 only once we are connected.
_OF_OUR_CERTIFICATE = ("CERTIFICATE", "UNKNOWN_CA", "ACCESS_DENIED")

NOTHING_WAS_SENT = (Failure.BUSY, Failure.NOT_REACHED, Failure.NOT_TRUSTED)


class NotAnswered(Exception):
    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.value)
        self.failure = failure


@dataclass(frozen=True, slots=True)
class Patience:
    """In seconds. `longest` stays below half a lease, in which a delivery must be sent and settled.

    `others`: how long the answer is waited for behind one to another message: an engine that names the wrong one sends
    no other.
    `idle`: a connection that was not used for so long is opened anew, for what lies between may have forgotten it.
    `return_`: how long the CR behind an FS is waited for.
    """

    connect: float = 5
    answer: float = 15
    others: float = 3
    idle: float = 300
    return_: float = 1

    @property
    def exchange(self) -> float:
        """How long a message may be under way, as a rule: a connection that ends under it begins this once more."""
        return self.connect + self.answer

    @property
    def turn(self) -> float:
        """How long others are waited for: an alert outlasts the message in front of it that gets no answer."""
        return self.answer + 2

    @property
    def longest(self) -> float:
        """From when a message is to be sent until there is an answer or none."""
        return self.turn + self.exchange


class Meaning(Enum):
    """What a frame is to the message that was sent: all that was waited for, that it is to come again, a part of what
    was waited for, another's, or nothing."""

    ANSWER = "answer"
    NOT_NOW = "not-now"
    MORE_TO_COME = "more-to-come"
    ANOTHERS = "anothers"
    NO_MESSAGE = "no-message"


Hear = Callable[[Frame], tuple[Meaning, bytes | None]]
"""What a frame that came means, and what is to be sent back for it."""


@dataclass(slots=True)
class _Open:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    framer: Framer = field(default_factory=Framer)
    used_at: float = field(default_factory=time.monotonic)
    received: int = 0

    @property
    def ended(self) -> bool:
        return self.reader.at_eof() or self.writer.is_closing()


@dataclass(slots=True)
class Line:
    """The connection is kept between messages. A receiver that closes it after each is met with a new one each time."""

    address: Address
    tls: Context | None
    patience: Patience = field(default_factory=Patience)
    _turns: Turns = field(default_factory=Turns)
    _open: _Open | None = None
    _refused: str = ""

    async def exchange(self, message: bytes, rank: int, hear: Hear) -> None:
        """Send one message and wait until `hear` has had its answer. When that is not the last of it, what is less
        urgent and waits behind it is sent away. Raises NotAnswered, or GaveWay."""
        try:
            async with self._turns.turn(rank, self.patience.turn):
                meaning = None
                try:
                    meaning = await self._exchange(framed(message), hear)
                finally:
                    if meaning is not Meaning.ANSWER:
                        self._turns.send_away(rank)
        except TimeoutError:
            raise NotAnswered(Failure.BUSY) from None

    async def aclose(self) -> None:
        connection, self._open = self._open, None
        if connection is not None:
            connection.writer.close()
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(1):
                    await connection.writer.wait_closed()

    async def _exchange(self, data: bytes, hear: Hear) -> Meaning:
        meaning = None
        try:
            connection = await self._connected()
            was_used = connection.received > 0
            try:
                meaning = await self._send(connection, data, hear)
            except _Unheard:
                # It may have been closed at the other end since it was used, which only sending shows.
                if not was_used:
                    raise NotAnswered(Failure.CUT_OFF) from None
                await self.aclose()
                meaning = await self._send(await self._connected(), data, hear)
            return meaning
        except _Unheard:
            raise NotAnswered(Failure.CUT_OFF) from None
        finally:
            if meaning is None:
                # An answer that comes too late must meet nobody who takes it for another one's.
                await self.aclose()

    async def _connected(self) -> _Open:
        kept = self._open
        if kept is not None:
            await asyncio.sleep(0)  # so that an end which has come is known
            if not kept.ended and time.monotonic() - kept.used_at < self.patience.idle:
                return kept
            await self.aclose()
        (host, port, _), tls = self.address, self.tls and self.tls()
        try:
            async with asyncio.timeout(self.patience.connect):
                reader, writer = await asyncio.open_connection(host, port, ssl=tls)
        except ssl.SSLError as problem:
            raise self._not_trusted(problem) from None
        except (OSError, TimeoutError):
            raise NotAnswered(Failure.NOT_REACHED) from None
        plain = writer.get_extra_info("socket")
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._open = _Open(reader, writer)
        return self._open

    def _not_trusted(self, problem: ssl.SSLError) -> NotAnswered:
        """Logged with the reason, in the words of OpenSSL, and once until it is another: it is tried each second."""
        reason = getattr(problem, "verify_message", "") or problem.reason or ""
        if reason != self._refused:
            self._refused = reason
            telemetry.tell("tls-refused", engine=f"{self.address.host}:{self.address.port}", reason=reason)
        return NotAnswered(Failure.NOT_TRUSTED)

    async def _send(self, connection: _Open, data: bytes, hear: Hear) -> Meaning:
        failure, received = Failure.NO_ANSWER, connection.received
        try:
            async with asyncio.timeout(self.patience.answer) as limit:
                await _write(connection, data)
                while True:
                    for frame in await self._read(connection):
                        meaning, reply = hear(frame)
                        if reply is not None:
                            await _write(connection, framed(reply))
                        if meaning in (Meaning.ANSWER, Meaning.NOT_NOW):
                            connection.used_at, self._refused = time.monotonic(), ""
                            return meaning
                        if meaning is Meaning.NO_MESSAGE:
                            raise NotAnswered(Failure.NO_MESSAGE)
                        if meaning is Meaning.ANOTHERS and failure is Failure.NO_ANSWER:
                            failure = Failure.OTHER_ANSWER
                            soon = asyncio.get_running_loop().time() + self.patience.others
                            limit.reschedule(min(soon, limit.when() or soon))
        except TimeoutError:
            raise NotAnswered(failure) from None
        except OSError as problem:
            if isinstance(problem, ssl.SSLError) and any(each in str(problem.reason) for each in _OF_OUR_CERTIFICATE):
                raise self._not_trusted(problem) from None
            raise _Unheard if connection.received == received else NotAnswered(Failure.CUT_OFF) from None

    async def _read(self, connection: _Open) -> list[Frame]:
        """The frames that are whole now. Raises ConnectionError when the other end has closed."""
        framer = connection.framer
        try:
            patience = self.patience.return_ if framer.ends_without_return else None
            data = await asyncio.wait_for(connection.reader.read(READ_AT_ONCE), patience)
        except TimeoutError:
            data = b""
        connection.received += len(data)
        if data:
            return list(framer.feed(data))
        last = framer.flush()
        if last is None or last.fault is not None:
            raise ConnectionAbortedError
        return [last]


async def _write(connection: _Open, data: bytes) -> None:
    connection.writer.write(data)
    await connection.writer.drain()


class _Unheard(Exception):
    """The connection ended before a single byte of an answer."""
