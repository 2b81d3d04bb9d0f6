"""The load: a bare client of HTTP/1.1 or MLLP on kept connections, in a process of its own.

It sends prepared bytes and reads no more of an answer than its status and where it ends, so that nearly all of the time
measured is the server's.
"""

import asyncio
import multiprocessing
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from itertools import count, cycle
from typing import cast

END_OF_HEAD = b"\r\n\r\n"
LENGTH = b"content-length: "
END_OF_FRAME = b"\x1c\r"
VERDICT = b"\rMSA|"
PATIENCE_SECONDS = 30


class Door(StrEnum):
    HTTP = "http"
    MLLP = "mllp"


@dataclass(frozen=True, slots=True)
class Load:
    """What to send and for how long. Without `again` every request is sent once, and the load ends with the last.

    `warm_up` and `seconds` are seconds of wall time; `expected` is the status, or the code of an acknowledgement, that
    counts as an answer. With `per_second` the requests go out evenly in time, over whichever connection is free, and
    each is as old as its time: what waits behind a slow one counts as slow too.
    """

    door: Door
    port: int
    requests: Sequence[bytes]
    expected: str
    again: bool
    connections: int
    warm_up: float
    seconds: float
    per_second: float | None = None


@dataclass(frozen=True, slots=True)
class Answers:
    """What one load met. `waits` is how long each answer took that came while it was measured, and `seconds` how long
    that was. `wrong` counts the answers of each other status. `client_seconds` is the load's own CPU time; it,
    `answered` and `wrong` include the warm-up.
    """

    waits: Sequence[float]
    seconds: float
    answered: int
    wrong: Mapping[str, int]
    client_seconds: float


@dataclass(frozen=True, slots=True)
class Measured:
    """The figures of one load or of several. `client_us` is the load's CPU time for one answer, in microseconds."""

    per_second: float
    p50_ms: float
    p99_ms: float
    answered: int
    wrong: Mapping[str, int]
    client_us: float


def measure(load: Load) -> Answers:
    """Runs the load in a fresh process. Raises ConnectionError or TimeoutError when the server fails meanwhile."""
    with ProcessPoolExecutor(max_workers=1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(_run, load).result()


def together(loads: Sequence[Answers]) -> Measured:
    """Raises ValueError when nothing was answered after the warm-up."""
    waits = sorted(wait for each in loads for wait in each.waits)
    if not waits:
        raise ValueError("Nothing was answered after the warm-up: give it more seconds, or more to send.")

    def at(share: float) -> float:
        return 1000 * waits[min(int(share * len(waits)), len(waits) - 1)]

    answered = sum(each.answered for each in loads)
    return Measured(
        per_second=len(waits) / sum(each.seconds for each in loads),
        p50_ms=at(0.50),
        p99_ms=at(0.99),
        answered=answered,
        wrong=sum((Counter(each.wrong) for each in loads), Counter()),
        client_us=1_000_000 * sum(each.client_seconds for each in loads) / answered,
    )


def _run(load: Load) -> Answers:
    with suppress(ImportError):
        import uvloop

        return uvloop.run(_load(load))
    return asyncio.run(_load(load))


async def _load(load: Load) -> Answers:
    requests: Iterator[bytes] = cycle(load.requests) if load.again else iter(load.requests)
    began, own = time.perf_counter(), time.process_time()
    from_, until = began + load.warm_up, began + load.warm_up + load.seconds
    answers: list[tuple[float, float]] = []
    wrong: Counter[str] = Counter()
    loop = asyncio.get_running_loop()

    def note(sent: float, heard: float, status: str) -> None:
        answers.append((heard, heard - sent))
        if status != load.expected:
            wrong[status] += 1

    times = None if load.per_second is None else (began + number / load.per_second for number in count())
    ended: list[asyncio.Future[None]] = []
    for _ in range(load.connections):
        done: asyncio.Future[None] = loop.create_future()
        ended.append(done)
        await loop.create_connection(
            partial(_Client, _ANSWERS[load.door], requests, times, until, note, done), "127.0.0.1", load.port
        )
    await asyncio.wait_for(asyncio.gather(*ended), load.warm_up + load.seconds + PATIENCE_SECONDS)
    end = min(until, answers[-1][0]) if answers else until
    return Answers(
        waits=[wait for heard, wait in answers if from_ <= heard <= end],
        seconds=max(end - from_, 0),
        answered=len(answers),
        wrong=dict(wrong),
        client_seconds=time.process_time() - own,
    )


def _http_status(received: bytes) -> str | None:
    head = received.find(END_OF_HEAD)
    if head < 0:
        return None
    length = received.find(LENGTH, 0, head) + len(LENGTH)
    whole = head + len(END_OF_HEAD) + int(received[length : received.find(b"\r", length)])
    return None if len(received) < whole else received[9:12].decode()


def _verdict(received: bytes) -> str | None:
    if not received.endswith(END_OF_FRAME):
        return None
    code = received.find(VERDICT) + len(VERDICT)
    return received[code : code + 2].decode()


_ANSWERS: Mapping[Door, Callable[[bytes], str | None]] = {Door.HTTP: _http_status, Door.MLLP: _verdict}


class _Client(asyncio.Protocol):
    """One connection: the next request goes out as soon as the answer to the one before is in, or at its time."""

    def __init__(
        self,
        answer: Callable[[bytes], str | None],
        requests: Iterator[bytes],
        times: Iterator[float] | None,
        until: float,
        note: Callable[[float, float, str], None],
        done: "asyncio.Future[None]",
    ) -> None:
        self._answer, self._requests, self._times = answer, requests, times
        self._until, self._note, self._done = until, note, done
        self._received, self._sent = b"", 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._go_on()

    def data_received(self, data: bytes) -> None:
        received = self._received = self._received + data
        status = self._answer(received)
        if status is None:
            return
        self._received = b""
        self._note(self._sent, time.perf_counter(), status)
        self._go_on()

    def connection_lost(self, error: Exception | None) -> None:
        if not self._done.done():
            self._done.set_exception(error or ConnectionResetError("The server closed the connection."))

    def _go_on(self) -> None:
        now = time.perf_counter()
        self._sent = now if self._times is None else next(self._times)
        if self._sent > now:
            asyncio.get_running_loop().call_later(self._sent - now, self._send)
        else:
            self._send()

    def _send(self) -> None:
        request = next(self._requests, None) if self._sent < self._until else None
        if request is not None:
            self._transport.write(request)
            return
        self._done.set_result(None)
        self._transport.close()
