"""The infirmary's interface engine: an MLLP receiver of its own, over TLS, that lets in the service alone.

What it takes is on file before it says AA; what it does not take is answered AR with the reason, and not on file.
"""

import asyncio
import ssl
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from service.demo.chart import Chart
from service.demo.er7 import END, START, Er7, NotRead, read, segment, text, written
from service.demo.er7 import time as written_time
from service.demo.infirmary import FACILITY
from service.demo.mllp import LONGEST, exchanged
from service.demo.server import loopback
from service.demo.step import Call


@dataclass(frozen=True, slots=True)
class Heard:
    """A message that came, and its acknowledgement. `call` is the same as it was on the wire, to be shown."""

    at: datetime
    message: Er7
    problems: tuple[str, ...]
    call: Call


class HospitalEngine:
    """`with HospitalEngine(tls) as engine:` takes messages at `engine.endpoint` from a thread until the block ends.

    `chart` is what is on file, `heard` all that came. The same MSH-10 again gets the same answer and is
    not filed again.
    """

    def __init__(self, tls: ssl.SSLContext) -> None:
        self._listening, origin = loopback()
        self.endpoint = origin.replace("http:", "mllps:")
        self.chart = Chart()
        self.heard: list[Heard] = []
        self._tls, self._answers = tls, dict[str, tuple[tuple[str, ...], bytes]]()
        self._open: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._up = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._up.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(timeout=10)

    async def _serve(self) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._attend, sock=self._listening, ssl=self._tls, limit=LONGEST)
        self._up.set()
        await self._ended.wait()
        server.close()
        for writer in self._open.values():
            writer.transport.abort()
        if self._open:
            await asyncio.wait(self._open)

    async def _attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        attending = asyncio.current_task()
        assert attending is not None  # noqa: S101  # a server attends to each connection in a task of its own
        self._open[attending] = writer
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, NotRead):
            while True:
                await self._hear(await reader.readuntil(END), writer)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        del self._open[attending]

    async def _hear(self, frame: bytes, writer: asyncio.StreamWriter) -> None:
        begun, message = time.perf_counter(), read(frame)
        problems, answer = self._answers.get(message.control) or self._filed(message)
        code, seconds = "AR" if problems else "AA", time.perf_counter() - begun
        self.heard.append(Heard(datetime.now(UTC), message, problems, exchanged(message, frame, code, answer, seconds)))
        writer.write(answer)
        await writer.drain()

    def _filed(self, message: Er7) -> tuple[tuple[str, ...], bytes]:
        """Why it is not taken, if it is not, and what is answered."""
        problems = tuple(self.chart.file(message))
        answer = START + _acknowledgement(message, problems, f"INF-A{len(self._answers) + 1}") + END
        self._answers[message.control] = problems, answer
        return problems, answer


def _acknowledgement(message: Er7, problems: Sequence[str], control: str) -> bytes:
    header = message.first("MSH")
    fields = {
        3: "ENGINE",
        4: FACILITY,
        5: header.raw(3),
        6: header.raw(4),
        7: written_time(datetime.now(UTC)),
        9: f"ACK^{header.text(9, 2)}^ACK",
        10: control,
        11: "P",
        12: "2.6",
    }
    told = [segment("ERR", {3: "207", 4: "E", 8: text(each)}) for each in problems]
    return written(segment("MSH", fields), segment("MSA", {1: "AR" if problems else "AA", 2: header.raw(10)}), *told)
