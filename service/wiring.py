"""The composition root: the only place that knows every concrete class, and where the program is put together."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from datetime import timedelta

from fastapi import FastAPI

from service import mappings
from service.console import answering
from service.delivery import waits
from service.delivery.channel import EitherChannel
from service.delivery.copies import Copies
from service.delivery.links import Links
from service.delivery.reach import answerless, led_nowhere, unheard
from service.delivery.worker import Worker
from service.fhir import probes
from service.fhir.application import create_application
from service.fhir.channel import FhirChannel
from service.fhir.door import Door, RateLimit
from service.hl7v2 import shapes, tls
from service.hl7v2.channel import Hl7v2Channel
from service.hl7v2.connection import Limits
from service.hl7v2.door import Door as MessageDoor
from service.hl7v2.listener import Listener
from service.messages import Messages
from service.parts import Parts, prepare
from service.security import sealing
from service.security.bearer import Bearers
from service.security.jwks import KeySource
from service.security.refusals import Refusals
from service.security.routes import router as access_routes
from service.security.senders import Senders
from service.security.token import TokenEndpoint
from service.settings import Settings
from service.shared import telemetry
from service.shared.caller import the_service
from service.shared.errors import InvalidMappings
from service.shared.ids import new_id

Alongside = Callable[[], AbstractAsyncContextManager[None]]


@contextmanager
def messages(settings: Settings) -> Iterator[Messages]:
    """What came in, for a command; it may work beside a running service."""
    parts = prepare(settings)
    try:
        yield Messages(build_message_door(parts), build_door(parts))
    finally:
        parts.store.close_now()


def build_worker(parts: Parts) -> Worker:
    """Who sends deliveries and keeps due times. Raises InvalidSettings, and InvalidMappings also for a hospital that
    would hear of no alert."""
    organisations, clients = parts.store.read_now(
        the_service(new_id()), lambda tx: (tx.organisations.all(), tx.access.clients())
    )
    problems = unheard(organisations, parts.rules)
    if problems:
        raise InvalidMappings(problems)
    for each in answerless(organisations, clients, parts.rules):
        telemetry.tell_person("alerts-cannot-be-answered", organisation=each)
    for each in led_nowhere(organisations, parts.rules, parts.settings.public_url):
        telemetry.tell_person("answer-links-lead-nowhere", organisation=each)
    by_fhir = FhirChannel(parts.connect, parts.rules, parts.clock)
    worker = Worker(
        store=parts.store,
        rules=parts.rules,
        clock=parts.clock,
        channel=EitherChannel(by_fhir, _by_hl7v2(parts)),
        lease=timedelta(seconds=parts.settings.lease_seconds),
        tell=lambda resource_type, outcome: telemetry.DELIVERIES.labels(resource_type, outcome).inc(),
        links=Links(f"{parts.settings.public_url}/answer", sealing.load_or_create(parts.settings.sealing_key).token),
        exchange=timedelta(seconds=parts.lines().patience.exchange),
        copies=Copies(parts.store, parts.rules, parts.clock, by_fhir),
        copies_pause=parts.settings.copies_seconds,
    )
    parts.store.when_owed = worker.rouse
    return worker


def build_door(parts: Parts) -> Door:
    """What takes in FHIR."""
    return Door(
        store=parts.store,
        rules=parts.rules,
        clock=parts.clock,
        bearers=Bearers(parts.store, parts.clock),
        sealer=sealing.load_or_create(parts.settings.sealing_key),
        base_url=parts.settings.public_url,
        limit=RateLimit(parts.settings.requests_per_minute),
    )


def build_message_door(parts: Parts) -> MessageDoor:
    """What takes in HL7 v2. Raises InvalidMappings."""
    return MessageDoor(
        store=parts.store,
        rules=parts.rules,
        clock=parts.clock,
        sealer=sealing.load_or_create(parts.settings.sealing_key),
        senders=Senders(parts.store),
        dialects=parts.dialects(),
    )


def _by_hl7v2(parts: Parts) -> Hl7v2Channel:
    settings = parts.settings
    return Hl7v2Channel(
        connect=parts.lines().connect,
        rules=parts.rules,
        dialects=parts.dialects(),
        outbound=mappings.load_outbound(settings.mappings_folder),
        sender=(settings.mllp_application, settings.mllp_facility),
        clock=parts.clock,
    )


def build_application(parts: Parts, alongside: Sequence[Alongside] = ()) -> FastAPI:
    """The HTTP application; what runs `alongside` it does so for as long as it serves, and ends in reverse order."""
    settings, door = parts.settings, build_door(parts)
    key_source = KeySource(allow_loopback=settings.allow_loopback)
    parts.signing_keys()  # made at the first start, so that a backup taken then has them
    token_endpoint = TokenEndpoint(parts.store, key_source, f"{settings.public_url}/token", parts.clock)

    return create_application(
        door,
        access_routes(token_endpoint, parts.signing_keys, settings.public_url),
        answering.router(parts.store, parts.rules, parts.clock),
        mappings.definitions(),
        parts.store.ready,
        _lifespan(parts, alongside, key_source.aclose),
    )


def build_probes(parts: Parts, alongside: Sequence[Alongside]) -> FastAPI:
    """The application of a process without doors of HTTP: it answers probes while what is `alongside` works."""
    return probes.application(parts.store.ready, _lifespan(parts, alongside))


def _lifespan(parts: Parts, alongside: Sequence[Alongside], *closing: Callable[[], Awaitable[None]]) -> probes.Lifespan:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as running:
            for close in (parts.close, *closing):
                running.push_async_callback(close)
            await running.enter_async_context(probes.watching(parts.store.ready))
            await running.enter_async_context(waits.watching(parts.store, parts.clock))
            for each in alongside:
                await running.enter_async_context(each())
            yield

    return lifespan


def build_listener(parts: Parts) -> Listener:
    """Who listens for HL7 v2. Raises InvalidSettings or InvalidMappings."""
    settings, door = parts.settings, build_message_door(parts)
    shapes.prepare()
    limits = Limits(
        longest=settings.mllp_longest,
        connections=settings.mllp_connections,
        of_one_address=settings.mllp_connections_of_address,
        message_seconds=settings.mllp_message_seconds,
        idle_seconds=settings.mllp_idle_seconds,
    )
    context = tls.listening(settings.mllp_certificate, settings.mllp_key, settings.mllp_client_ca)
    return Listener(door, door.senders, Refusals(parts.store), limits, context)
