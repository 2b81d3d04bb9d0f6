"""Running the program until it is told to stop: serve, listen and work."""

import asyncio
import gc
import os
import resource
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from functools import partial

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.delivery.worker import Worker
from service.hl7v2.listener import Listener
from service.parts import prepare
from service.settings import Settings
from service.shared import telemetry
from service.shared.errors import ServiceError
from service.store.address import exclusive
from service.wiring import Alongside, build_application, build_listener, build_probes, build_worker

# Together they are less than the 40 seconds that whoever stops us is asked to wait.
DRAIN_SECONDS = 20
MLLP_DRAIN_SECONDS = 8
WORKER_DRAIN_SECONDS = 10
BACKLOG = 2048
MLLP_PORT = 2575
"""The port that is registered for HL7."""
LISTEN_PROBES_PORT, WORKER_PROBES_PORT = 8081, 8082
# Beside the connections of senders: those of HTTP, the database, logs and libraries.
OTHER_FILES = 1_024


# As long as a message of HL7 v2 may take. The longest body comes in it at half a megabit a second.
REQUEST_SECONDS = 30


class NotStarted(ServiceError):
    """The service did not come up."""


def serve(settings: Settings, *, with_worker: bool, end_with_input: bool = False) -> None:
    """Serve until SIGTERM or SIGINT: requests and messages under way are answered, then the worker ends, then the
    store closes.

    `end_with_input` does the same when standard input ends, as a pipe does when whoever held it is gone.
    """
    _begin(settings.log_level)
    with exclusive(settings.database), ExitStack() as sockets:
        parts = prepare(settings)
        alongside: list[Alongside] = [partial(_working, build_worker(parts))] if with_worker else []
        if settings.mllp_port is not None:
            at = sockets.enter_context(_listening(settings.mllp_host, settings.mllp_port))
            alongside.append(partial(_hearing, build_listener(parts), at))
        application = build_application(parts, alongside)
        http = sockets.enter_context(_listening(settings.host, settings.port))
        _run(application, http, trusted_proxies=settings.trusted_proxies, end_with_input=end_with_input)


def listen(settings: Settings) -> None:
    """Listen for HL7 v2 alone, until SIGTERM or SIGINT: what was received whole is answered, then the store closes."""
    _begin(settings.log_level)
    with exclusive(settings.database), ExitStack() as sockets:
        parts = prepare(settings)
        at = sockets.enter_context(_listening(settings.mllp_host, settings.mllp_port or MLLP_PORT))
        http = sockets.enter_context(_answering_probes(settings.probes_port or LISTEN_PROBES_PORT))
        _run(build_probes(parts, [partial(_hearing, build_listener(parts), at)]), http)


def work(settings: Settings) -> None:
    """Run a worker alone until SIGTERM or SIGINT."""
    _begin(settings.log_level)
    parts = prepare(settings)
    with _answering_probes(settings.probes_port or WORKER_PROBES_PORT) as http:
        _run(build_probes(parts, [partial(_working, build_worker(parts))]), http)


def _begin(log_level: str) -> None:
    """From here on SIGTERM ends the program in order: until it serves, nothing is under way and it ends at once."""
    telemetry.configure(log_level)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))


def _run(application: FastAPI, http: socket.socket, *, trusted_proxies: str = "", end_with_input: bool = False) -> None:
    gc.freeze()  # what is there when serving begins stays, so the collector need not look through it again
    config = uvicorn.Config(
        application,
        http=Punctual,
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=bool(trusted_proxies),
        forwarded_allow_ips=trusted_proxies,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    server = uvicorn.Server(config)
    # uvicorn raises the signal anew when it has drained; this hears it, so that a service that ended well says so.
    signal.signal(signal.SIGTERM, server.handle_exit)
    if end_with_input:
        threading.Thread(target=_end_with_input, args=(server,), daemon=True).start()
    server.run(sockets=[http])
    if not server.started:
        raise NotStarted("The service did not come up; what it said is above.")


class Punctual(HttpToolsProtocol):
    """A request must have come whole, its headers and its body, REQUEST_SECONDS after the connection was made or it
    began; else the connection ends. The server below would wait for the rest for ever."""

    _limit: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._begin()

    def on_message_begin(self) -> None:
        self._end()
        self._begin()
        super().on_message_begin()

    def on_message_complete(self) -> None:
        self._end()
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()
        super().connection_lost(exc)

    def _begin(self) -> None:
        self._limit = self.loop.call_later(REQUEST_SECONDS, self._give_up)

    def _give_up(self) -> None:
        if self.flow.read_paused:
            # It is the service that does not read on.
            self._begin()
        else:
            self.transport.close()

    def _end(self) -> None:
        if self._limit is not None:
            self._limit.cancel()


@asynccontextmanager
async def _working(worker: Worker) -> AsyncIterator[None]:
    """The worker works for as long as the block lasts; what is under way when it ends is finished first, if that does
    not take too long."""
    task = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        worker.stop()
        with suppress(TimeoutError):
            await asyncio.wait_for(task, WORKER_DRAIN_SECONDS)


@asynccontextmanager
async def _hearing(listener: Listener, at: socket.socket) -> AsyncIterator[None]:
    """Senders of HL7 v2 are heard for as long as the block lasts; what was received whole when it ends is answered."""
    _open_enough_files(listener.limits.connections)
    listener.start(at)
    host, port, *_ = at.getsockname()
    telemetry.tell("mllp-listening", host=host, port=port, encrypted=str(listener.encrypted).lower())
    try:
        yield
    finally:
        await listener.drain(MLLP_DRAIN_SECONDS)


def _open_enough_files(connections: int) -> None:
    """The usual limit is 1,024 for a whole process, which is fewer than the senders that may connect."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + OTHER_FILES
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft not in (resource.RLIM_INFINITY, allowed) and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))


def _end_with_input(server: uvicorn.Server) -> None:
    # Not by way of sys.stdin: its lock, held by a thread that still reads, would spoil every other end.
    while os.read(0, 1024):
        pass
    server.should_exit = True


@contextmanager
def _answering_probes(port: int) -> Iterator[socket.socket]:
    """To this machine alone: there is no sign-in for them."""
    with _listening("127.0.0.1", port) as opened:
        telemetry.tell("probes-answered", port=port)
        yield opened


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        opened = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as problem:
        raise NotStarted(f"Cannot listen: {problem.strerror}.") from None
    with opened:
        yield opened
