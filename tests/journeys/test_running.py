"""The service as an operator runs it: one process on SQLite, an end that loses nothing, a database that goes away."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx
import pytest
from sqlalchemy import NullPool, create_engine, text

from service.demo.hospital import HospitalRecord
from service.demo.people import patient
from service.parts import prepare
from service.security import keys
from service.settings import Settings
from service.store.address import parse_url
from tests.flow.support import StillClock
from tests.journeys.conftest import NewService
from tests.journeys.support import Party, World, furnish, new_person, wait_until

PROBES = ("livez", "readyz", "metrics", "fhir/metadata", ".well-known/jwks.json", "docs", "openapi.json")


def test_a_second_process_on_the_same_sqlite_file_is_refused(new_service: NewService) -> None:
    first, second = new_service(), new_service()
    first.start()
    second.said = second.folder / "second.txt"
    second.start(ready=False)
    assert second.wait(90) == 2
    (line,) = second.said.read_text().splitlines()
    assert "One process serves a SQLite file" in line
    assert first.is_ready()


def test_an_address_that_is_taken_is_said_so_in_one_line(new_service: NewService, postgresql_url: str) -> None:
    first, second = new_service(), new_service(postgresql_url, migrate="true")
    first.start()
    second.said = second.folder / "second.txt"
    second.start("serve", "--port", str(first.port), ready=False)
    assert second.wait(90) == 2
    last = second.said.read_text().splitlines()[-1]
    assert last.startswith("Cannot listen")


class Load:
    """Several threads that register women until told to stop. `kept` are those that the service acknowledged."""

    def __init__(self, party: Party, threads: int) -> None:
        self.kept: dict[str, str] = {}
        self.other: list[str] = []
        self._ends = threading.Event()
        headers = {"Authorization": f"Bearer {party.token()}", "Content-Type": "application/fhir+json"}
        self._threads = [threading.Thread(target=self._register, args=(party.url, headers)) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def _register(self, url: str, headers: dict[str, str]) -> None:
        with httpx.Client(timeout=30, trust_env=False) as http:
            while not self._ends.is_set():
                person = new_person()
                try:
                    answer = http.post(f"{url}/fhir/Patient", json=patient(person), headers=headers)
                except httpx.TransportError as problem:
                    self.other.append(type(problem).__name__)
                    if isinstance(problem, httpx.ConnectError):
                        return
                    continue
                if answer.status_code == 201:
                    self.kept[person.hospital_number] = answer.json()["id"]
                else:
                    self.other.append(str(answer.status_code))

    def end(self) -> None:
        self._ends.set()
        for thread in self._threads:
            thread.join(40)


def test_sigterm_under_load_answers_what_is_under_way_and_keeps_what_it_acknowledged(
    new_service: NewService, database_url: str
) -> None:
    with HospitalRecord() as record:
        service = new_service(database_url, requests_per_minute="1000000")
        world = furnish(service, record)
        service.start()
        load = Load(world.hospital, 8)
        wait_until(lambda: len(load.kept) > 100, "a hundred registrations")
        begun = time.monotonic()
        assert service.stop() == 0
        drained = time.monotonic() - begun
        load.end()
        assert drained < 30
        # Nobody was cut off in the middle: who was not acknowledged could not connect, or was told to try again.
        assert set(load.other) <= {"ConnectError", "RemoteProtocolError", "ReadError", "503"}
        service.start()
        for number, id in load.kept.items():
            held = world.hospital.must(200)("GET", f"Patient/{id}")
            assert held["identifier"][0]["value"] == number
        for party in world.parties:
            party.close()


@contextmanager
def gone(database_url: str) -> Iterator[None]:
    """The server refuses and ends every connection to this database, as a restart or a failover does."""
    address = parse_url(database_url)
    engine = create_engine(address.set(database="postgres"), isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        name = {"name": address.database}
        cut = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name")
        connection.execute(text(f'ALTER DATABASE "{address.database}" ALLOW_CONNECTIONS false'))
        try:
            connection.execute(cut, name)
            yield
        finally:
            connection.execute(text(f'ALTER DATABASE "{address.database}" ALLOW_CONNECTIONS true'))


@pytest.fixture
def own_url(postgresql_database: Callable[[str | None], AbstractContextManager[str]]) -> Iterator[str]:
    """An empty database of one test's own, in which nobody is registered yet."""
    with postgresql_database(None) as url:
        yield url


def test_a_database_that_goes_away_costs_no_acknowledged_message_and_no_restart(
    new_world: Callable[..., World], own_url: str
) -> None:
    # What was being sent when the database went is taken up again when its lease has run out.
    world = new_world(own_url, lease_seconds="2")
    person, patient_id, task = world.offered()
    with gone(own_url):
        refused = world.hospital.ask("POST", "Patient", patient(new_person()))
        assert (refused.status_code, refused.json()["issue"][0]["code"]) == (503, "transient")
        assert int(refused.headers["retry-after"]) > 0
        assert world.programme.ask("GET", f"Task?owner={world.programme.organisation}").status_code == 503
        worried = world.programme.ask("POST", "Communication", {"resourceType": "Communication"})
        first, emergency = worried.json()["issue"]
        assert (worried.status_code, first["code"]) == (503, "transient")
        assert "ring the emergency services" in emergency["diagnostics"]
        wait_until(
            lambda: httpx.get(f"{world.service.url}/readyz", trust_env=False).status_code == 503, "readyz is red"
        )
        wait_until(lambda: told(world, "store-unavailable") == ["error"], "the log says so")
        assert "peer_referral_ready 0.0" in httpx.get(f"{world.service.url}/metrics", trust_env=False).text
        assert httpx.get(f"{world.service.url}/livez", trust_env=False).status_code == 200
        assert world.hospital.http.post(f"{world.service.url}/token", data={"grant_type": "x"}).status_code == 503

    wait_until(world.service.is_ready, "readyz is green again")
    assert world.hospital.must(200)("GET", f"Patient/{patient_id}")["identifier"][0]["value"] == person.hospital_number
    assert world.hospital.ask("POST", "Patient", patient(new_person())).status_code == 201
    world.programme.must(200)("PUT", f"Task/{task['id']}", task | {"status": "accepted"})
    wait_until(
        lambda: [each["status"] for each in world.in_record("Task", person)] == ["accepted"],
        "the worker goes on, and the record hears of the acceptance",
    )
    wait_until(lambda: told(world, "store-available") == ["info"], "the log says that it is over")
    assert told(world, "store-unavailable") == ["error"]
    assert "peer_referral_ready 1.0" in httpx.get(f"{world.service.url}/metrics", trust_env=False).text


def told(world: World, event: str) -> list[str]:
    """The level of each line of the log that tells of it."""
    lines = (json.loads(line) for line in world.service.said.read_text().splitlines() if line.startswith("{"))
    return [line["level"] for line in lines if line["event"] == event]


@pytest.mark.parametrize("path", PROBES)
def test_what_needs_no_token_answers_without_one(world: World, path: str) -> None:
    answer = httpx.get(f"{world.service.url}/{path}", trust_env=False)
    assert answer.status_code == 200
    assert answer.content


def test_a_rotated_key_signs_from_the_next_day_without_a_restart(tmp_path: Path) -> None:
    clock, settings = StillClock(), Settings(data_folder=tmp_path)
    parts = prepare(settings, clock=clock)
    parts.signing_keys()
    connection = parts.connect("http://127.0.0.1:9/fhir")
    old = connection._signing_key().kid
    new = keys.rotate(settings.signing_keys, clock.now()).keys[-1].kid
    assert connection._signing_key().kid == old
    clock.pass_time(keys.PUBLISHED_BEFORE_USE)
    assert connection._signing_key().kid == new != old
    asyncio.run(parts.close())
