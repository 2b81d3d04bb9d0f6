"""kill -9 of `serve` in the story of the hospital that speaks only HL7 v2, over MLLP with a certificate at both ends.

The engine sends again what it got no acknowledgement of, and so does the service; everything is found in the end, and
once. When it is killed is as in the other stories, and also while a message is under way.
"""

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from service.commands.demonstration import by_messages, prepared
from service.demo.cast import assemble
from service.demo.certificates import self_signed
from service.demo.client import connection
from service.demo.engine import HospitalEngine
from service.demo.engine_stage import EngineStage
from service.demo.programme import Programme
from service.demo.stage import NotVerified
from service.demo.step import Party, Telling
from service.demo.story import BY_MESSAGES, Players
from tests.faults.danger import PATIENCE, CarefulBrowser, CarefulClient, CarefulSender, Danger, Heeded
from tests.faults.ending import CALLS, DELIVERIES, EVERY, ONCE, Ending, differing, kept, once, told_last
from tests.faults.store import MESSAGE, OFFER, Store
from tests.journeys.support import ServiceProcess, wait_until

ENDING = Ending(
    ("completed",), ("completed",), 2, ("escalation",), ("offered", "accepted", "completed"), observations=1
)
# Hers, another woman's result, and what is not taken: with three moments each.
MESSAGES, TAKEN = 6, 4


@dataclass(frozen=True, slots=True)
class Theatre:
    service: ServiceProcess
    engine: HospitalEngine
    players: Players
    sender: CarefulSender
    store: Store
    danger: Danger


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database for each time that the story is played."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'service.db'}"
        return
    with request.getfixturevalue("postgresql_database")(None) as made:
        yield made


@pytest.fixture
def theatre(tmp_path: Path, url: str) -> Iterator[Theatre]:
    ours, theirs = self_signed(tmp_path, "service"), self_signed(tmp_path, "infirmary")
    given = {name: str(value) for name, value in by_messages(ours, theirs).items()}
    given |= {"mappings_folder": str(tmp_path / "mappings"), "lease_seconds": "1", "requests_per_minute": "1000000"}
    service = ServiceProcess(tmp_path, url, **given)
    with HospitalEngine(theirs.listening(ours)) as engine:
        cast = assemble("http://127.0.0.1:1/fhir", engine.endpoint, theirs.file.read_bytes())
        players = prepared(service.settings(), cast)
        danger = Danger(service)
        engine.heard = Heeded(danger)
        sender = CarefulSender(int(given["mllp_port"]), theirs.calling(ours), danger)
        store = Store(url)
        try:
            service.start()
            yield Theatre(service, engine, players, sender, store, danger)
        finally:
            service.stop()
            store.engine.dispose()


@pytest.mark.parametrize("where", (CALLS, DELIVERIES) if EVERY else (ONCE,))
def test_the_story_by_messages_in_which_the_service_is_killed_ends_as_if_it_had_not_been(
    theatre: Theatre, where: str, capsys: pytest.CaptureFixture[str]
) -> None:
    danger, database = theatre.danger, theatre.store.engine.dialect.name
    chosen = random.Random(f"11 {database}")
    if where == DELIVERIES:
        # Each message, and not again when it comes once more.
        strikes = itertools.cycle((True, False))
        danger.lies_in(deliveries=lambda _: next(strikes))
    else:
        danger.lies_in(calls=itertools.repeat(True) if where == CALLS else once(chosen.randrange(3 * MESSAGES)))
    found = asyncio.run(played(theatre))
    with capsys.disabled():
        print(f"\n{database}: {BY_MESSAGES.title}: {danger.kills} kills, {theatre.sender.repeats} messages sent again")
    assert danger.kills > 0
    assert found == {name: [] for name in found}


async def played(theatre: Theatre) -> dict[str, list[str]]:
    """What is wrong when the story is over, by what must not be."""
    players, danger, telling = theatre.players, theatre.danger, Telling()
    async with connection() as http, httpx.AsyncClient(transport=CarefulBrowser(danger)) as browser:
        service = f"{theatre.service.url}/fhir"
        reader, first, second = (
            CarefulClient(service, identity, http, danger)
            for identity in (players.infirmary, players.programme, players.next_programme)
        )
        programmes = Programme(first), Programme(second, Party.PROGRAMME_2)
        for programme in programmes:
            await programme.poll()
        woman = BY_MESSAGES.woman(datetime.now(UTC).date())
        stage = EngineStage(
            telling, 5, *programmes, woman, PATIENCE, 0, theatre.sender, theatre.engine, reader, browser
        )
        try:
            await BY_MESSAGES.perform(stage)
        except NotVerified:
            return {"untold": told_last(telling)}
        finally:
            await theatre.sender.aclose()
    danger.lies_in()
    wait_until(lambda: theatre.store.time_passes() == 0, "everything owed is delivered", PATIENCE)
    (patient_id,) = set(theatre.store.column(OFFER, "patient_id"))
    return {**kept(theatre.store, patient_id, ENDING), "messages": differing(taken(theatre), {"accepted": TAKEN})}


def taken(theatre: Theatre) -> dict[str, int]:
    """How many messages have had an effect, by what became of them."""
    kinds = Counter(theatre.store.column(MESSAGE, "disposition", door="hl7v2"))
    return {kind: count for kind, count in kinds.items() if kind and kind != "repeated"}
