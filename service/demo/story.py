"""The five stories, played one after the other against the running service."""

import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Generic, TypeVar

from service.demo.authority import TrustedClient
from service.demo.cast import new_key
from service.demo.client import CallFailed, Identity, SmartClient, connection
from service.demo.engine import HospitalEngine
from service.demo.engine_stage import EngineStage
from service.demo.hospital import SERVICE_SCOPE, HospitalRecord
from service.demo.mllp import Sender
from service.demo.people import Person, tessie
from service.demo.programme import Programme
from service.demo.record_stage import SERVICE_CLIENT_ID, RecordStage
from service.demo.stage import NotVerified, Stage
from service.demo.step import Ending, Party, Story, Telling
from service.demo.stories import by_messages, consent_later, danger, loop, next_programme
from service.demo.women import tabby, tesni, thea, tilly

WARD_SCOPE = (
    "system/Patient.rs system/ServiceRequest.rs system/Task.rs system/Communication.rs system/DocumentReference.rs"
)


StageKind = TypeVar("StageKind", bound=Stage)


@dataclass(frozen=True, slots=True)
class Players:
    """Who speaks to the service, each as it knows them. The infirmary's is who reads there; its engine has none."""

    hospital: Identity
    infirmary: Identity
    programme: Identity
    next_programme: Identity


@dataclass(frozen=True, slots=True)
class Infirmary:
    """The engine of the hospital that speaks only HL7 v2: `engine` is being served, `sender` is its way out."""

    engine: HospitalEngine
    sender: Sender


@dataclass(frozen=True, slots=True)
class Script(Generic[StageKind]):
    title: str
    about: str
    woman: Callable[[date], Person]
    perform: Callable[[StageKind], Awaitable[None]]


SCRIPTS: tuple[Script[RecordStage], ...] = (
    Script(loop.TITLE, loop.ABOUT, tessie, loop.perform),
    Script(danger.TITLE, danger.ABOUT, thea, danger.perform),
    Script(consent_later.TITLE, consent_later.ABOUT, tesni, consent_later.perform),
    Script(next_programme.TITLE, next_programme.ABOUT, tabby, next_programme.perform),
)
BY_MESSAGES: Script[EngineStage] = Script(by_messages.TITLE, by_messages.ABOUT, tilly, by_messages.perform)
STORIES = len(SCRIPTS) + 1


async def play(
    service_url: str,
    players: Players,
    record: HospitalRecord,
    infirmary: Infirmary,
    telling: Telling,
    patience: float = 20.0,
    pause: float = 0.0,
) -> bool:
    """Play them against the running service at `service_url` (scheme, host and port). True if every step was verified.

    The service knows the players already, with `record.base` as the hospital's FHIR endpoint and the infirmary's engine
    as its HL7 v2 endpoint; `record` and the engine are being served and hold nothing about the women yet. `patience` is
    how many seconds a step may take to show on the receiving side, `pause` how many to wait after each. A step that
    fails ends its story; nothing is raised for it.
    """
    begun, service_url = time.perf_counter(), service_url.rstrip("/")
    record.trust(TrustedClient(SERVICE_CLIENT_ID, SERVICE_SCOPE, jwks_url=f"{service_url}/.well-known/jwks.json"))
    ward = _ward(record)
    told, today = 0, datetime.now(UTC).date()
    async with connection() as http:
        hospital, reader, first, second = (
            SmartClient(f"{service_url}/fhir", identity, http)
            for identity in (players.hospital, players.infirmary, players.programme, players.next_programme)
        )
        programme, following = Programme(first), Programme(second, Party.PROGRAMME_2)
        for number, script in enumerate(SCRIPTS, start=1):
            common = telling, number, programme, following, script.woman(today), patience, pause
            at_record = RecordStage(*common, hospital, SmartClient(record.base, ward, http), record)
            told += await _is_told(script, at_record)
        common = telling, STORIES, programme, following, BY_MESSAGES.woman(today), patience, pause
        at_engine = EngineStage(*common, infirmary.sender, infirmary.engine, reader, http)
        told += await _is_told(BY_MESSAGES, at_engine)
    await infirmary.sender.aclose()
    telling.tell(_ending(telling, told, time.perf_counter() - begun))
    return told == STORIES


async def _is_told(script: Script[StageKind], stage: StageKind) -> bool:
    """Afterwards nothing is new in the programmes' inboxes, in which the next story begins."""
    stage.telling.tell(Story(stage.story, script.title, script.about))
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
    return Ending(told, STORIES, facts, calls, seconds)


def _ward(record: HospitalRecord) -> Identity:
    """The hospital's own reader of its record, with a key that is used for nothing else."""
    ward = Identity("", "ward", WARD_SCOPE, new_key())
    record.trust(TrustedClient(ward.client_id, ward.scope, jwks={"keys": [ward.key.as_dict(private=False)]}))
    return ward
