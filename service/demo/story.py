"""The four stories, played one after the other against the running service."""

import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime

from service.demo.authority import TrustedClient
from service.demo.cast import new_key
from service.demo.client import CallFailed, Identity, SmartClient, connection
from service.demo.hospital import SERVICE_SCOPE, HospitalRecord
from service.demo.people import Person, tessie
from service.demo.programme import Programme
from service.demo.stage import SERVICE_CLIENT_ID, NotVerified, Stage
from service.demo.step import Ending, Party, Story, Telling
from service.demo.stories import consent_later, danger, loop, next_programme
from service.demo.women import tabby, tesni, thea

WARD_SCOPE = (
    "system/Patient.rs system/ServiceRequest.rs system/Task.rs system/Communication.rs system/DocumentReference.rs"
)


@dataclass(frozen=True, slots=True)
class Players:
    """Who speaks to the service, each as it knows them."""

    hospital: Identity
    programme: Identity
    next_programme: Identity


@dataclass(frozen=True, slots=True)
class Script:
    title: str
    about: str
    woman: Callable[[date], Person]
    perform: Callable[[Stage], Awaitable[None]]


SCRIPTS = (
    Script(loop.TITLE, loop.ABOUT, tessie, loop.perform),
    Script(danger.TITLE, danger.ABOUT, thea, danger.perform),
    Script(consent_later.TITLE, consent_later.ABOUT, tesni, consent_later.perform),
    Script(next_programme.TITLE, next_programme.ABOUT, tabby, next_programme.perform),
)


async def play(
    service_url: str,
    players: Players,
    record: HospitalRecord,
    telling: Telling,
    patience: float = 20.0,
    pause: float = 0.0,
) -> bool:
    """Play them against the running service at `service_url` (scheme, host and port). True if every step was verified.

    The service knows the players already, with `record.base` as the hospital's FHIR endpoint; `record` is being served
    and holds nothing about the women yet. `patience` is how many seconds a step may take to show on the receiving side,
    `pause` how many to wait after each. A step that fails ends its story; nothing is raised for it.
    """
    begun, service_url = time.perf_counter(), service_url.rstrip("/")
    record.trust(TrustedClient(SERVICE_CLIENT_ID, SERVICE_SCOPE, jwks_url=f"{service_url}/.well-known/jwks.json"))
    ward = _ward(record)
    async with connection() as http:
        service = f"{service_url}/fhir"
        hospital, first, second = (
            SmartClient(service, identity, http)
            for identity in (players.hospital, players.programme, players.next_programme)
        )
        programme, following = Programme(first), Programme(second, Party.PROGRAMME_2)
        told = 0
        for number, script in enumerate(SCRIPTS, start=1):
            telling.tell(Story(number, script.title, script.about))
            woman = script.woman(datetime.now(UTC).date())
            reader = SmartClient(record.base, ward, http)
            stage = Stage(telling, number, hospital, programme, following, reader, record, woman, patience, pause)
            told += await _is_told(script, stage)
    telling.tell(_ending(telling, told, time.perf_counter() - begun))
    return told == len(SCRIPTS)


async def _is_told(script: Script, stage: Stage) -> bool:
    """Afterwards nothing is new in the programmes' inboxes, in which the next story begins."""
    try:
        await script.perform(stage)
    except NotVerified:
        return False
    finally:
        with suppress(CallFailed):
            for programme in (stage.programme, stage.next_programme):
                await programme.poll()
    return True


def _ending(telling: Telling, told: int, seconds: float) -> Ending:
    facts = sum(not fact.problems for step in telling.steps for fact in step.facts)
    calls = sum(len(message.calls) for step in telling.steps for message in step.messages)
    return Ending(told, len(SCRIPTS), facts, calls, seconds)


def _ward(record: HospitalRecord) -> Identity:
    """The hospital's own reader of its record, with a key that is used for nothing else."""
    ward = Identity("", "ward", WARD_SCOPE, new_key())
    record.trust(TrustedClient(ward.client_id, ward.scope, jwks={"keys": [ward.key.as_dict(private=False)]}))
    return ward
