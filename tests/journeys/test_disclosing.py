"""One client on many connections: every poll is answered, and what it was shown is counted to the last answer."""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from sqlalchemy import Engine, NullPool, create_engine, text

from tests.journeys.support import Party, World

SECONDS = float(os.environ.get("PEER_REFERRAL_TEST_SECONDS", "4"))
CONNECTIONS = 16
TASKS = 20
SHOWN = "SELECT subject, sum(times) FROM disclosure WHERE subject LIKE 'Task/%' GROUP BY subject"
FIRST = "SELECT count(*) FROM audit WHERE action = 'R' AND subject LIKE 'Task/%' AND outcome LIKE 'disclosed %'"


@pytest.fixture
def engine(postgresql_url: str) -> Iterator[Engine]:
    engine = create_engine(postgresql_url, poolclass=NullPool)
    yield engine
    engine.dispose()


def shown(engine: Engine) -> Counter[str]:
    """How often each Task was shown."""
    with engine.connect() as connection:
        return Counter({row[0]: row[1] for row in connection.execute(text(SHOWN))})


def poll(party: Party, until: float) -> Counter[int]:
    """The statuses of its answers; each that is 200 shows all of the tasks."""
    statuses = Counter[int]()
    while time.monotonic() < until:
        answer = party.ask("GET", f"Task?owner={party.organisation}")
        statuses[answer.status_code] += 1
        assert answer.status_code != 200 or len(answer.json()["entry"]) == TASKS
    return statuses


def test_a_client_that_polls_the_same_tasks_on_many_connections_is_always_answered(
    new_world: Callable[..., World], postgresql_url: str, engine: Engine
) -> None:
    world = new_world(postgresql_url, requests_per_minute="100000")
    for _ in range(TASKS):
        world.offered()
    before = shown(engine)
    with ExitStack() as ended, ThreadPoolExecutor(CONNECTIONS) as threads:
        parties = [Party(world.service.url, world.programme.identity) for _ in range(CONNECTIONS)]
        for party in parties:
            ended.callback(party.close)
            party.token()
        until = time.monotonic() + SECONDS
        statuses = sum(threads.map(poll, parties, [until] * CONNECTIONS), Counter[int]())

    print(f"{statuses[200]} polls in {SECONDS:.0f} s")
    assert statuses.keys() == {200}
    assert statuses[200] > CONNECTIONS
    assert sorted((shown(engine) - before).values()) == [statuses[200]] * TASKS
    with engine.connect() as connection:
        assert connection.execute(text(FIRST)).scalar_one() == TASKS
