"""kill -9 of `serve` in the middle of each story of the demonstration: everything is found in the end, and once.

`make faults` kills before and after every call that changes something, and whenever the service writes into the
hospital's record; `make test` once in each story on each database, always at the same moment.
"""

import asyncio
import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest

from service.commands.enrolment import enrol
from service.demo.authority import TrustedClient
from service.demo.cast import assemble, new_key
from service.demo.client import Identity, SmartClient, connection
from service.demo.hospital import SERVICE_SCOPE, HospitalRecord
from service.demo.programme import Programme
from service.demo.record_stage import SERVICE_CLIENT_ID, RecordStage
from service.demo.stage import NotVerified
from service.demo.step import Party, Telling
from service.demo.stories.chronicle import her_record
from service.demo.story import SCRIPTS, WARD_SCOPE, Players, Script
from tests.faults.danger import PATIENCE, CarefulClient, Danger
from tests.faults.ending import CALLS, DELIVERIES, EVERY, OBSERVATIONS, ONCE, Ending, differing, kept, once, told_last
from tests.faults.store import Store
from tests.faults.support import doubles
from tests.journeys.support import ServiceProcess, wait_until

SEED = 11
_NUMBERS = itertools.count(700)


ENDINGS = dict(
    zip(
        (script.title for script in SCRIPTS),
        (
            Ending(("completed",), ("completed",), 3, ("escalation",), ("offered", "accepted", "completed")),
            Ending((), (), 0, ("self-harm-present",), ()),
            Ending(("active",), ("accepted",), 0, ("consent-needed",), ("awaiting-consent", "offered", "accepted")),
            Ending(
                ("active",),
                ("rejected", "accepted"),
                0,
                ("escalation",),
                ("offered", "offered", "accepted"),
                consents=2,
            ),
        ),
        strict=True,
    )
)


@dataclass(frozen=True, slots=True)
class Theatre:
    """For all stories on one database: everybody in them, and the danger that the service is in."""

    service: ServiceProcess
    record: HospitalRecord
    players: Players
    ward: Identity
    store: Store
    danger: Danger


@pytest.fixture(scope="module")
def theatre(tmp_path_factory: pytest.TempPathFactory, database_url: str) -> Iterator[Theatre]:
    service = ServiceProcess(
        tmp_path_factory.mktemp("service"), database_url, lease_seconds="1", requests_per_minute="1000000"
    )
    with HospitalRecord() as record:
        cast = assemble(record.base)
        first, second = (
            cast.programme_description | {"places": 2000},
            cast.next_programme_description | {"places": 1000},
        )
        players = enrol(
            service.settings(), replace(cast, programme_description=first, next_programme_description=second)
        )
        ward = Identity("", "ward", WARD_SCOPE, new_key())
        record.trust(TrustedClient(ward.client_id, ward.scope, jwks={"keys": [ward.key.as_dict(private=False)]}))
        record.trust(TrustedClient(SERVICE_CLIENT_ID, SERVICE_SCOPE, jwks_url=f"{service.url}/.well-known/jwks.json"))
        record.journal = danger = Danger(service)
        store = Store(database_url)
        try:
            service.start()
            yield Theatre(service, record, players, ward, store, danger)
        finally:
            service.stop()
            store.engine.dispose()


def lay(danger: Danger, where: str, chosen: random.Random, ending: Ending) -> None:
    # At least so many moments are there, of either kind.
    calls = 2 * (OBSERVATIONS + ending.consents + ending.contacts + len(ending.offers))
    deliveries = len(ending.offers) + len(ending.alerts) + len(ending.notes)
    sample = chosen.choice((CALLS, DELIVERIES))
    if where == CALLS:
        danger.lies_in(calls=itertools.repeat(True))
    elif where == DELIVERIES:
        # What was created is found again, what was updated is updated again: that has to succeed some time.
        by_method = {"POST": itertools.repeat(True), "PUT": itertools.cycle((True, False))}
        danger.lies_in(deliveries=lambda method: next(by_method[method]))
    elif sample == CALLS:
        danger.lies_in(calls=once(chosen.randrange(calls)))
    else:
        moments = once(chosen.randrange(deliveries))
        danger.lies_in(deliveries=lambda _: next(moments))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.perform.__module__.rpartition(".")[2])
@pytest.mark.parametrize("where", (CALLS, DELIVERIES) if EVERY else (ONCE,))
def test_a_story_in_which_the_service_is_killed_ends_as_if_it_had_not_been(
    theatre: Theatre, script: Script[RecordStage], where: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before, engine, ending = theatre.danger.kills, theatre.store.engine.dialect.name, ENDINGS[script.title]
    lay(theatre.danger, where, random.Random(f"{SEED} {engine} {script.title}"), ending)
    found = asyncio.run(played(theatre, script, ending))
    kills = theatre.danger.kills - before
    with capsys.disabled():
        print(f"\n{engine}: {script.title}: {kills} kills")
    assert kills > 0
    assert found == {name: [] for name in found}


async def played(theatre: Theatre, script: Script[RecordStage], ending: Ending) -> dict[str, list[str]]:
    """What is wrong when the story is over, by what must not be."""
    players, danger = theatre.players, theatre.danger
    telling = Telling()
    async with connection() as http:
        service = f"{theatre.service.url}/fhir"
        hospital, first, second = (
            CarefulClient(service, identity, http, danger)
            for identity in (players.hospital, players.programme, players.next_programme)
        )
        programmes = Programme(first), Programme(second, Party.PROGRAMME_2)
        inboxes = [await inbox(programme.client) for programme in programmes]
        for programme, empty in zip(programmes, inboxes, strict=True):
            programme.high_mark = empty.high_mark
        woman = replace(script.woman(datetime.now(UTC).date()), hospital_number=f"TEST-{next(_NUMBERS):06}")
        ward = SmartClient(theatre.record.base, theatre.ward, http)
        stage = RecordStage(telling, 1, *programmes, woman, PATIENCE, 0, hospital, ward, theatre.record)
        try:
            await script.perform(stage)
        except NotVerified:
            return {"untold": told_last(telling)}
        danger.lies_in()
        await asyncio.to_thread(
            wait_until, lambda: theatre.store.time_passes() == 0, "everything owed is delivered", PATIENCE
        )
        return {**await received(stage, inboxes, ending), **kept(theatre.store, stage.patient_id, ending)}


async def inbox(client: SmartClient) -> Programme:
    """A reader of the tasks that come to a programme from now on."""
    reader = Programme(client)
    await reader.poll()
    return reader


async def received(stage: RecordStage, inboxes: list[Programme], ending: Ending) -> dict[str, list[str]]:
    """On the sides that receive: the hospital's record, and what the programmes find in their inboxes."""
    histories = await her_record(stage)
    held = {kind: len(found) for kind, found in histories.items()}
    wanted = {
        "Patient": 1,
        "ServiceRequest": len(ending.referral),
        "Task": len(ending.offers),
        "Communication": len(ending.alerts),
        "DocumentReference": len(ending.notes),
    }
    statuses = {
        kind: tuple(versions[-1]["status"] for versions in histories[kind]) for kind in ("ServiceRequest", "Task")
    }
    tasks = [task["status"] for reader in inboxes for task in (await reader.poll())[0]]
    return {
        "in the record": [f"{held[kind]} {kind}, not {count}" for kind, count in wanted.items() if held[kind] != count],
        "doubles in the record": doubles(stage.record.record),
        "another status there": differing(statuses, {"ServiceRequest": ending.referral, "Task": ending.offers}),
        "with the programmes": differing(tasks, list(ending.offers)),
    }
