"""The load: a bare HTTP/1.1 client on keep-alive connections, in a process of its own.

It sends prepared bytes and reads no more of an answer than its status and length, so that nearly all of the time
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
from functools import partial
from itertools import cycle
from typing import cast

END_OF_HEAD = b"\r\n\r\n"
LENGTH = b"content-length: "
PATIENCE_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Load:
    """What to send and for how long. Without `again` every request is sent once, and the load ends with the last.

    `warm_up` and `seconds` are seconds of wall time; `expected` is the status that counts as an answer.
    """

    port: int
    requests: Sequence[bytes]
    expected: int
    again: bool
    connections: int
    warm_up: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Measured:
    """`wrong` counts the answers of each other status.

    `answered`, `wrong` and `client_seconds` (CPU) include the warm-up, the other figures do not.
    """

    per_second: float
    p50_ms: float
    p99_ms: float
    answered: int
    wrong: Mapping[str, int]
    client_seconds: float


def measure(load: Load) -> Measured:
    """Runs the load in a fresh process. Raises ConnectionError or TimeoutError when the server fails meanwhile."""
    with ProcessPoolExecutor(max_workers=1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(_run, load).result()


def _run(load: Load) -> Measured:
    with suppress(ImportError):
        import uvloop

        return uvloop.run(_load(load))
    return asyncio.run(_load(load))


async def _load(load: Load) -> Measured:
    requests: Iterator[bytes] = cycle(load.requests) if load.again else iter(load.requests)
    began = time.perf_counter()
    from_, until = began + load.warm_up, began + load.warm_up + load.seconds
    answers: list[tuple[float, float]] = []
    wrong: Counter[str] = Counter()
    loop = asyncio.get_running_loop()

    def note(sent: float, heard: float, status: int) -> None:
        answers.append((heard, heard - sent))
        if status != load.expected:
            wrong[str(status)] += 1

    ended: list[asyncio.Future[None]] = []
    for _ in range(load.connections):
        done: asyncio.Future[None] = loop.create_future()
        ended.append(done)
        await loop.create_connection(partial(_Client, requests, until, note, done), "127.0.0.1", load.port)
    await asyncio.wait_for(asyncio.gather(*ended), load.warm_up + load.seconds + PATIENCE_SECONDS)
    return _figures(answers, dict(wrong), from_, min(until, answers[-1][0]))


def _figures(answers: list[tuple[float, float]], wrong: Mapping[str, int], from_: float, until: float) -> Measured:
    waits = sorted(wait for heard, wait in answers if from_ <= heard <= until)
    if not waits:
        raise ValueError("Nothing was answered after the warm-up: give it more seconds, or more to send.")

    def at(share: float) -> float:
        return 1000 * waits[min(int(share * len(waits)), len(waits) - 1)]

    return Measured(
        per_second=len(waits) / (until - from_),
        p50_ms=at(0.50),
        p99_ms=at(0.99),
        answered=len(answers),
        wrong=wrong,
        client_seconds=time.process_time(),
    )


class _Client(asyncio.Protocol):
    """One connection: the next request goes out as soon as the answer to the one before is in."""

    def __init__(
        self,
        requests: Iterator[bytes],
        until: float,
        note: Callable[[float, float, int], None],
        done: "asyncio.Future[None]",
    ) -> None:
        self._requests, self._until, self._note, self._done = requests, until, note, done
        self._received, self._sent = b"", 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        received = self._received = self._received + data
        head = received.find(END_OF_HEAD)
        if head < 0:
            return
        length = received.find(LENGTH, 0, head) + len(LENGTH)
        if len(received) < head + len(END_OF_HEAD) + int(received[length : received.find(b"\r", length)]):
            return
        self._received = b""
        self._note(self._sent, time.perf_counter(), int(received[9:12]))
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        if not self._done.done():
            self._done.set_exception(error or ConnectionResetError("The server closed the connection."))

    def _send(self) -> None:
        self._sent = time.perf_counter()
        request = next(self._requests, None) if self._sent < self._until else None
        if request is not None:
            self._transport.write(request)
            return
        self._done.set_result(None)
        self._transport.close()
