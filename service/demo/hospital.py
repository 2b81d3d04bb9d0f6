"""A simulated hospital record: a real HTTP FHIR R4 server on this machine that checks tokens and keeps what it gets.

Run alone, for tests that need a receiver that outlives the sender:
`python -m service.demo.hospital --port 8181 --journal record.jsonl --trust CLIENT=URL-OF-ITS-KEYS`.
"""

import argparse
import asyncio
import json
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from service.demo.authority import Authority, TrustedClient
from service.demo.door import Door, Reply, Work
from service.demo.faults import Disturbance, DisturbanceKind, Disturbances
from service.demo.record import Record, Resource
from service.demo.server import LoopbackServer, loopback
from service.demo.step import Call, Wire, wire

SERVICE_SCOPE = (
    "system/Patient.crs system/ServiceRequest.crus system/Task.crus system/Communication.crs "
    "system/DocumentReference.crs"
)


@dataclass(frozen=True, slots=True)
class Received:
    """One call and its answer. `status` 0: the connection was closed without one. A token call keeps no trees.

    `call` is the same as it was on the wire, to be shown, with its secrets masked.
    """

    at: datetime
    client_id: str | None
    method: str
    path: str
    body: Resource | None
    status: int
    answer: Resource | None
    call: Call


class HospitalRecord:
    """The server. `with HospitalRecord() as hospital:` serves at `hospital.base` from a thread until the block ends.

    `record` is what is on file, `journal` what was said (the last 10,000 calls), `faults` the switches.
    Port 0 takes a free one; a journal file makes what is on file survive the process.
    """

    def __init__(self, port: int = 0, journal: Path | None = None, clock: Callable[[], float] = time.time) -> None:
        listening, origin = loopback(port)
        self.base = f"{origin}/fhir"
        self.authority = Authority(f"{origin}/token", clock)
        self.record = Record(journal)
        self.faults = Disturbances()
        self.journal: deque[Received] = deque(maxlen=10_000)
        routes = Door(self.base, self.authority, self.record).routes
        application = Starlette(routes=[Route(path, self._met(work), methods=[way]) for path, way, work in routes])
        self._server = LoopbackServer(listening, application)

    def trust(self, client: TrustedClient) -> None:
        """Register a client, or register it anew."""
        self.authority.trust(client)

    def serve(self) -> None:
        """Serve in this thread until told to stop; on the main thread SIGTERM and SIGINT tell it."""
        self._server.serve()
        self.record.close()

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.__exit__(kind, error, trace)
        self.record.close()

    def _met(self, work: Work) -> Callable[[Request], Awaitable[Response]]:
        """An endpoint that does the work, meets the faults that are switched on and writes the journal."""

        async def endpoint(request: Request) -> Response:
            begun = time.perf_counter()
            kind = request.path_params.get("type") or request.url.path.rpartition("/")[2]
            fault = self.faults.strike(request.method, kind)
            reply = await _under(fault, request, work)
            cut = fault is not None and fault.kind is DisturbanceKind.LOST_ANSWER
            text = _text(reply, fault)
            await self._note(request, reply, 0 if cut else reply.status, text, time.perf_counter() - begun)
            if cut:
                await _cut(request)
            return Response(text, reply.status, reply.headers)

        return endpoint

    async def _note(self, request: Request, reply: Reply, status: int, text: str, seconds: float) -> None:
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        secret = request.url.path == "/token"
        sent = await request.body()
        body = None if secret else _tree(sent)
        answer = None if secret else reply.body
        received = wire(reply.headers, text.encode()) if status else Wire((), b"")
        target = request.scope["raw_path"].decode() + path.removeprefix(request.url.path)
        call = Call(request.method, target, str(status or ""), seconds, wire(request.headers, sent), received)
        self.journal.append(
            Received(datetime.now(UTC), reply.client_id, request.method, path, body, status, answer, call)
        )


async def _under(fault: Disturbance | None, request: Request, work: Work) -> Reply:
    kind = fault.kind if fault else None
    if fault and kind is DisturbanceKind.ERROR:
        return Reply(500, {}, {"Content-Type": "application/json"})
    if fault and kind is DisturbanceKind.THROTTLE:
        return Reply(429, {}, {"Content-Type": "application/json", "Retry-After": str(max(1, round(fault.seconds)))})
    if fault and kind is DisturbanceKind.DELAY:
        await asyncio.sleep(fault.seconds)
    reply = await work(request)
    if kind is DisturbanceKind.HTML:
        return Reply(200, reply.body, {"Content-Type": "text/html; charset=utf-8"}, reply.client_id)
    return reply


def _text(reply: Reply, fault: Disturbance | None) -> str:
    if fault and fault.kind is DisturbanceKind.HTML:
        return "<!doctype html><title>Please sign in</title>"
    return json.dumps(reply.body)


async def _cut(request: Request) -> None:
    request.state.connection.abort()
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _tree(body: bytes) -> Resource | None:
    try:
        tree = json.loads(body)
    except ValueError:
        return None
    return tree if isinstance(tree, dict) else None


def main(arguments: list[str] | None = None) -> None:
    """Serve until SIGTERM or SIGINT, with the FHIR base as the first line of output."""
    parser = argparse.ArgumentParser(prog="python -m service.demo.hospital", description="A simulated hospital record.")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--journal", type=Path, help="keep each stored version here as a JSON line, synced to disk")
    parser.add_argument("--trust", action="append", default=[], metavar="CLIENT=JWKS-URL", help="may be repeated")
    parser.add_argument("--fault", action="append", default=[], metavar="KIND=RATE", help="error, lost-answer, …")
    given = parser.parse_args(arguments)
    hospital = HospitalRecord(given.port, given.journal)
    for client_id, _, url in (one.partition("=") for one in given.trust):
        hospital.trust(TrustedClient(client_id, SERVICE_SCOPE, jwks_url=url))
    for kind, _, rate in (one.partition("=") for one in given.fault):
        hospital.faults.add(Disturbance(DisturbanceKind(kind), times=None, rate=float(rate or 1)))
    print(hospital.base, flush=True)
    hospital.serve()


if __name__ == "__main__":
    main()
