"""The composition root: the only place that knows every concrete class, and where the program is put together."""

import asyncio
import gc
import os
import signal
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

import uvicorn
from fastapi import FastAPI

from service import mappings
from service.console import answering
from service.delivery.copies import Copies
from service.delivery.worker import Worker
from service.fhir.application import Gauges, create_application
from service.fhir.channel import FhirChannel
from service.fhir.door import Door, RateLimit
from service.flow.rules import Rules
from service.office import Office
from service.security import keys, sealing
from service.security.bearer import Bearers
from service.security.jwks import KeySource
from service.security.keys import SigningKeys
from service.security.outgoing import Outgoing
from service.security.routes import router as access_routes
from service.security.token import TokenEndpoint
from service.settings import Settings
from service.shared import telemetry
from service.shared.caller import the_service
from service.shared.clock import Clock, SystemClock
from service.shared.errors import ServiceError
from service.shared.ids import IdMaker, new_id
from service.store.address import exclusive
from service.store.engine import Store, open_store
from service.store.migrate import migrate
from service.store.unit_of_work import UnitOfWork

DRAIN_SECONDS = 30
BACKLOG = 2048


class NotStarted(ServiceError):
    """The service did not come up."""


class NotMigrated(ServiceError):
    """The database's tables are not those of this program; the message says what to do."""


@dataclass(slots=True)
class Parts:
    """What every way of running the program shares."""

    settings: Settings
    rules: Rules
    store: Store[UnitOfWork]
    clock: Clock
    _connections: dict[str, Outgoing] = field(default_factory=dict)

    def signing_keys(self) -> SigningKeys:
        return keys.load_or_create(self.settings.signing_keys)

    def connect(self, endpoint: str) -> Outgoing:
        """The one connection to this hospital's record; it keeps its token between deliveries."""
        if endpoint not in self._connections:
            # Read anew for each token, so that a rotation needs no restart.
            self._connections[endpoint] = Outgoing(
                endpoint, self.settings.client_id, lambda: self.signing_keys().current(self.clock.now())
            )
        return self._connections[endpoint]

    async def close(self) -> None:
        for connection in self._connections.values():
            await connection.aclose()
        await self.store.close()


def prepare(settings: Settings, *, clock: Clock | None = None, make_id: IdMaker = new_id) -> Parts:
    """Everything below the doors, with the database migrated where that is automatic.

    Raises InvalidMappings, InvalidSettings or MigrationFailed, and NotMigrated when the tables are not this program's.
    """
    rules = mappings.load(settings.mappings_folder)
    settings.data_folder.mkdir(parents=True, exist_ok=True)
    if settings.migrates:
        migrate(settings.database)
    clock = clock or SystemClock()
    store: Store[UnitOfWork] = open_store(
        settings.database,
        partial(UnitOfWork, now=clock.now, new_id=make_id),
        clock,
        connections=settings.database_connections,
    )
    if wrong := store.read_now(the_service(make_id()), lambda tx: tx.problem_with_tables()):
        store.close_now()
        raise NotMigrated(wrong)
    return Parts(settings, rules, store, clock)


@contextmanager
def office(settings: Settings) -> Iterator[Office]:
    """Administration by a command; it may work beside a running service."""
    parts = prepare(settings)
    try:
        yield Office(parts.store, parts.rules, parts.clock, new_id, allow_loopback=settings.allow_loopback)
    finally:
        parts.store.close_now()


def serve(settings: Settings, *, with_worker: bool, end_with_input: bool = False) -> None:
    """Serve until SIGTERM or SIGINT: requests under way are answered, then the worker ends, then the store closes.

    `end_with_input` does the same when standard input ends, as a pipe does when whoever held it is gone.
    """
    telemetry.configure(settings.log_level)
    with exclusive(settings.database):
        parts = prepare(settings)
        application = build_application(parts, partial(build_worker, parts) if with_worker else None)
        gc.freeze()  # what is there when serving begins stays, so the collector need not look through it again
        config = uvicorn.Config(
            application,
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=bool(settings.trusted_proxies),
            forwarded_allow_ips=settings.trusted_proxies,
            timeout_graceful_shutdown=DRAIN_SECONDS,
        )
        server = uvicorn.Server(config)
        # uvicorn raises the signal anew when it has drained; this hears it, so that a service that ended well says so.
        signal.signal(signal.SIGTERM, server.handle_exit)
        if end_with_input:
            threading.Thread(target=_end_with_input, args=(server,), daemon=True).start()
        with _listening(settings) as listener:
            server.run(sockets=[listener])
        if not server.started:
            raise NotStarted("The service did not come up; what it said is above.")


def _end_with_input(server: uvicorn.Server) -> None:
    # Not by way of sys.stdin: its lock, held by a thread that still reads, would spoil every other end.
    while os.read(0, 1024):
        pass
    server.should_exit = True


def _listening(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=BACKLOG)
    except OSError as problem:
        raise NotStarted(f"Cannot listen: {problem.strerror}.") from None


def work(settings: Settings) -> None:
    """Run a worker alone until SIGTERM or SIGINT."""
    telemetry.configure(settings.log_level)
    asyncio.run(_work(prepare(settings)))


async def _work(parts: Parts) -> None:
    worker = build_worker(parts)
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_number, worker.stop)
    await worker.run()
    await parts.close()


@asynccontextmanager
async def running(worker: Worker | None) -> AsyncIterator[None]:
    """The worker works for as long as the block lasts; what is under way when it ends is finished first."""
    if worker is None:
        yield
        return
    task = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        worker.stop()
        await task


def build_worker(parts: Parts) -> Worker:
    channel = FhirChannel(parts.connect, parts.rules)
    return Worker(
        store=parts.store,
        rules=parts.rules,
        clock=parts.clock,
        channel=channel,
        lease=timedelta(seconds=parts.settings.lease_seconds),
        tell=lambda resource_type, outcome: telemetry.DELIVERIES.labels(resource_type, outcome).inc(),
        answer_address=f"{parts.settings.public_url}/answer",
        copies=Copies(parts.store, parts.rules, parts.clock, channel),
        copies_pause=parts.settings.copies_seconds,
    )


def build_application(parts: Parts, alongside: Callable[[], Worker] | None = None) -> FastAPI:
    """The HTTP application; `alongside` also runs a worker for as long as it serves."""
    settings = parts.settings
    key_source = KeySource(allow_loopback=settings.allow_loopback)
    door = Door(
        store=parts.store,
        rules=parts.rules,
        clock=parts.clock,
        bearers=Bearers(parts.store, parts.clock),
        sealer=sealing.load_or_create(settings.sealing_key),
        base_url=settings.public_url,
        limit=RateLimit(settings.requests_per_minute),
    )
    parts.signing_keys()  # made at the first start, so that a backup taken then has them
    token_endpoint = TokenEndpoint(parts.store, key_source, f"{settings.public_url}/token", parts.clock)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with running(alongside() if alongside else None):
            yield
        await key_source.aclose()
        await parts.close()

    return create_application(
        door,
        access_routes(token_endpoint, parts.signing_keys, settings.public_url),
        answering.router(parts.store, parts.rules, parts.clock),
        mappings.definitions(),
        Gauges(ready=parts.store.ready),
        lifespan,
    )
