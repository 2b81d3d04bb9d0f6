"""One sender's connection over MLLP: its frames are answered one after the other, and the answers go back in order."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, cast

from service.hl7v2.errors import NotKept
from service.hl7v2.frame import LONGEST, Fault, Frame, Framer, framed
from service.security.senders import fingerprint
from service.shared import telemetry
from service.shared.errors import Unavailable


@dataclass(frozen=True, slots=True)
class Limits:
    """What one connection, and all of them together, may take of us. Times are in seconds."""

    longest: int = LONGEST
    connections: int = 1_000
    of_one_address: int = 100
    message_seconds: float = 30
    idle_seconds: float = 1_800
    return_seconds: float = 1
    """How long the CR behind an FS is waited for."""
    handshake_seconds: float = 10


class Refused(Exception):
    """The connection ends here, and the message in hand gets no answer. `reason` is a fixed word."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class House(Protocol):
    """What a connection belongs to."""

    @property
    def limits(self) -> Limits: ...

    def arrived(self, connection: "Connection", /) -> None:
        """It is open."""

    async def answer(self, frame: Frame, connection: "Connection", /) -> Sequence[bytes]:
        """What is sent back, after a durable commit. Raises NotKept where that is what is sent, Unavailable or Refused
        where nothing is to be."""

    def left(self, connection: "Connection", /) -> None:
        """It is closed, and nothing of it is under way any more."""


class Connection(asyncio.Protocol):
    """While something is being answered nothing is read: a sender that is quicker than the store waits at its own end,
    and no connection has more than one unit in the store's queue.

    What was received whole is answered, also when the sender has left meanwhile: it is kept then, and the sender, who
    sends it again, is told so.
    """

    def __init__(self, house: House, address: str) -> None:
        self._house, self._limits, self.address = house, house.limits, address
        self._loop = asyncio.get_running_loop()
        self._framer = Framer(house.limits.longest)
        self._frames: deque[Frame] = deque()
        self._work: asyncio.Task[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._ends = self._lost = self._refused = self._told_of_noise = False
        # The message in hand began, the last bytes came, the last whole message was done, writing was blocked.
        self._began = self._heard = self._rested = self._blocked = self._loop.time()
        self.transport: asyncio.Transport
        self.certificate: str | None = None
        """The SHA-256, in hexadecimal, of the one that was shown."""

    # What the event loop says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        secured = transport.get_extra_info("ssl_object")
        shown = secured.getpeercert(binary_form=True) if secured else None
        self.certificate = fingerprint(shown) if shown else None
        self._rested = self._loop.time()
        self._house.arrived(self)

    def data_received(self, data: bytes) -> None:
        was_inside, self._heard = self._framer.inside, self._loop.time()
        self._frames.extend(self._framer.feed(data))
        if not was_inside:
            self._began = self._heard
        if self._framer.skipped and not self._told_of_noise:
            self._told_of_noise = True
            tell_fault("skipped", self.address)
        self._go_on()

    def eof_received(self) -> bool:
        left = self._framer.flush()
        if left is not None and left.fault is Fault.CUT_SHORT:
            tell_fault("cut-short-by-the-end", self.address)
        elif left is not None:
            self._frames.append(left)
        self._ends = True
        self._go_on()
        # A TLS connection has no half that could stay open.
        return self._work is not None and self.transport.get_extra_info("sslcontext") is None

    def pause_writing(self) -> None:
        self._writable.clear()
        self._blocked = self._loop.time()

    def resume_writing(self) -> None:
        self._writable.set()

    def connection_lost(self, _: Exception | None) -> None:
        self._lost = True
        self._writable.set()
        self._take_outside()
        if self._work is None:
            self._house.left(self)

    # What its house says

    def refuse(self, reason: str) -> None:
        """End it and say why."""
        self._refused = True
        self._frames.clear()
        tell_fault(reason, self.address)
        # What is never read cannot be waited for.
        (self.transport.close if self._writable.is_set() else self.transport.abort)()

    def idle(self, now: float) -> float:
        """For how many seconds nothing has been under way on it; 0 when something is."""
        framer = self._framer
        busy = self._work is not None or framer.inside or framer.outside or self.transport.is_closing()
        return 0 if busy else now - self._rested

    def look(self, now: float) -> None:
        """Do what is due by the clock: take a message whose CR does not come, end what is too slow or idle."""
        limits = self._limits
        if self._work is not None:
            if not self._writable.is_set() and now - self._blocked >= limits.message_seconds:
                self.refuse("answers-not-read")
        elif self.transport.is_closing():
            return
        elif self._framer.ends_without_return:
            if now - self._heard >= limits.return_seconds and (frame := self._framer.flush()) is not None:
                self._frames.append(frame)
                self._go_on()
        elif self._framer.inside:
            if now - self._began >= limits.message_seconds:
                self.refuse("too-slow")
        elif now - self._heard >= limits.message_seconds and self._framer.outside:
            self._take_outside()
        elif now - self._rested >= limits.idle_seconds:
            self.refuse("idle")

    def drain(self) -> None:
        """Close when what was received whole is answered. What is half received is left to the sender."""
        self._ends = True
        self._take_outside()
        if self._work is None:
            self.transport.close()

    # What it does

    def _take_outside(self) -> None:
        """What stood in no frame and may be part of a result: its sender believes that it was answered."""
        if self._framer.outside and (frame := self._framer.flush()) is not None:
            self._frames.append(frame)
            self._go_on()

    def _go_on(self) -> None:
        if self._work is None and self._frames and not self._refused:
            if not self._lost:
                self.transport.pause_reading()
            self._work = self._loop.create_task(self._answer_all())

    async def _answer_all(self) -> None:
        try:
            while self._frames:
                await self._answer(self._frames.popleft())
        except Refused as refused:
            self.refuse(refused.reason)
        finally:
            self._work = None
            self._rest()

    async def _answer(self, frame: Frame) -> None:
        if frame.fault is not None:
            tell_fault(frame.fault.value, self.address)
        if frame.fault is Fault.NOISE:
            self._ends = True
            return
        try:
            answers = await self._house.answer(frame, self)
            outcome = "answered" if answers else "no-answer-wanted"
        except NotKept as problem:
            answers, outcome = problem.answers, "not-kept"
        except Unavailable:
            telemetry.MLLP_FRAMES.labels("not-kept").inc()
            raise Refused("not-kept") from None
        except Refused:
            raise
        except Exception as defect:  # noqa: BLE001  # one message must not end the others' connections
            telemetry.MLLP_FRAMES.labels("defect").inc()
            telemetry.tell_defect("mllp-defect", defect)
            raise Refused("defect") from None
        if frame.fault is Fault.TOO_LONG:
            self._ends = True
        left = self.transport.is_closing()
        telemetry.MLLP_FRAMES.labels("sender-left" if left and outcome != "not-kept" else outcome).inc()
        if answers and not left:
            self.transport.write(b"".join(map(framed, answers)))
            await self._writable.wait()

    def _rest(self) -> None:
        if self._lost:
            self._house.left(self)
        elif self._ends or self.transport.is_closing():
            self.transport.close()
        else:
            # The time that we took is not the sender's.
            self._rested = self._began = self._heard = self._loop.time()
            self.transport.resume_reading()


def tell_fault(what: str, address: str) -> None:
    """Count and log what was wrong with a connection, in a fixed word."""
    telemetry.MLLP_FAULTS.labels(what).inc()
    telemetry.tell("mllp", what=what, address=address)
