"""A backup made while the service works, put into another database, and served from there."""

import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from typer.testing import CliRunner, Result

from service.__main__ import application
from service.demo.authority import TrustedClient
from service.demo.client import Identity
from service.demo.hospital import SERVICE_SCOPE, HospitalRecord
from service.demo.people import Person
from service.store.address import parse_url
from tests.journeys.support import NEGATIVE, PROJECT, Party, ServiceProcess, World, epds, furnish, wait_until

WRITERS = 4


def command(service: ServiceProcess, *arguments: str) -> Result:
    """In this process, as the service is in one of its own: to start another would take longer than most commands."""
    return CliRunner().invoke(application, arguments, env=service.environment)


class Writers:
    """Post results about one woman, each on a thread of its own; `kept` are those that were acknowledged."""

    def __init__(self, world: World, patient_id: str) -> None:
        self.kept: list[str] = []
        self._ends = threading.Event()
        works = (world.service.url, world.hospital.identity, patient_id)
        self._threads = [threading.Thread(target=self._write, args=works) for _ in range(WRITERS)]

    def _write(self, url: str, identity: Identity, patient_id: str) -> None:
        party = Party(url, identity)
        while not self._ends.is_set():
            sent = epds(patient_id, NEGATIVE)
            answer = party.ask("POST", "Observation", sent)
            if answer.status_code == 201:
                self.kept.append(answer.json()["id"])
        party.close()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._ends.set()
            for thread in self._threads:
                thread.join(30)


@pytest.fixture(params=["sqlite to postgresql", "postgresql to sqlite", "sqlite to sqlite"])
def databases(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Where the service was, and where it goes on; a SQLite file is in its data folder."""
    kinds = str(request.param).split(" to ")
    first, second = (request.getfixturevalue("postgresql_url") if kind == "postgresql" else "" for kind in kinds)
    return first, second


@pytest.fixture(autouse=True)
def empty_server(request: pytest.FixtureRequest) -> None:
    """The PostgreSQL database of this module starts each test without tables."""
    engine = create_engine(parse_url(request.getfixturevalue("postgresql_url")), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()


def test_a_service_goes_on_elsewhere_from_a_backup_that_was_made_while_it_worked(
    databases: tuple[str, str], tmp_path: Path
) -> None:
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    backup = tmp_path / "night.backup"
    first = ServiceProcess(tmp_path / "first", databases[0])
    second = ServiceProcess(tmp_path / "second", databases[1], migrate="false")
    with HospitalRecord() as record, ExitStack() as ended:
        world = furnish(first, record)
        moved = [Party(second.url, party.identity) for party in (world.hospital, world.programme)]
        for party in (*world.parties, *moved):
            ended.callback(party.close)
        for service in (first, second):
            ended.callback(service.stop)

        # One woman's deliveries are done, another's are owed.
        first.start()
        settled, _, task = world.offered()
        world.programme.must(200)("PUT", f"Task/{task['id']}", task | {"status": "accepted"})
        wait_until(lambda: statuses(world, settled) == ["accepted"], "the acceptance is on file")
        wait_until(lambda: len(command(first, "deliveries", "list").stdout.splitlines()) == 1, "nothing else is owed")
        assert first.stop() == 0
        first.start("serve", "--no-worker", "--port", str(first.port))
        owed, patient_id, _ = world.offered()
        mark = world.programme.must(200)("GET", f"Task?owner={world.programme.organisation}")["meta"]["lastUpdated"]

        writers = Writers(world, patient_id)
        with writers.at_work():
            wait_until(lambda: len(writers.kept) > 20, "the writers are at work")
            before = list(writers.kept)
            made = command(first, "backup", str(backup))
            after = len(writers.kept)
        assert made.exit_code == 0, made.stderr
        assert after > len(before), "nobody wrote while the backup was made"
        assert stat.S_IMODE(backup.stat().st_mode) == 0o600
        assert {path.name for path in tmp_path.iterdir()} == {"first", "second", backup.name}

        versions = written(record)
        _, _, unheard = world.offered()  # after the backup: the restored service knows nothing of it
        first.stop()
        put_back = command(second, "restore", str(backup))
        assert put_back.exit_code == 0, put_back.stderr
        for name in ("signing-keys.json", "sealing-key"):
            assert (second.folder / name).read_bytes() == (first.folder / name).read_bytes()
            assert stat.S_IMODE((second.folder / name).stat().st_mode) == 0o600

        record.trust(TrustedClient("peer-referral", SERVICE_SCOPE, jwks_url=f"{second.url}/.well-known/jwks.json"))
        second.start()
        world = replace(world, service=second, hospital=moved[0], programme=moved[1])
        for id in before:
            assert world.hospital.must(200)("GET", f"Observation/{id}")["valueInteger"] == sum(NEGATIVE)
        assert world.programme.ask("GET", f"Task/{unheard['id']}").status_code == 404

        # What was owed is sent now; what was done is not sent again.
        wait_until(lambda: statuses(world, owed) == ["requested"], "what was owed is on file")
        now = written(record)
        assert {name: now[name] for name in versions} == versions

        # The bookmark that the programme had still stands.
        _, _, newest = world.offered()
        query = f"owner={world.programme.organisation}&_lastUpdated=gt{mark}"
        assert [each["id"] for each in world.tasks(query)] == [newest["id"]]


def statuses(world: World, person: Person) -> list[str]:
    return [each["status"] for each in world.in_record("Task", person)]


def written(record: HospitalRecord) -> dict[str, int]:
    """How often each resource in the record was written."""
    kinds = ("Patient", "ServiceRequest", "Task", "Communication")
    return {f"{kind}/{found.id}": found.number for kind in kinds for found in record.record.search(kind, [])}


@pytest.mark.parametrize("arguments", [(), ("worker",)], ids=["serve", "worker"])
def test_nothing_is_restored_under_a_running_service(
    database_url: str, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    service = ServiceProcess(tmp_path, database_url, migrate="true")
    backup = str(tmp_path / "night.backup")
    assert command(service, "organisation", "add", "St Test", "--kind", "hospital").exit_code == 0
    assert command(service, "backup", backup).exit_code == 0
    service.start(*arguments)
    try:
        refused = command(service, "restore", backup, "--yes")
    finally:
        service.stop()
    assert refused.exit_code == 2
    assert refused.stderr == "The database is in use. Stop `serve` and every worker first.\n"
    assert command(service, "restore", backup, "--yes").exit_code == 0


def test_a_backup_that_is_killed_leaves_nothing_under_its_name(tmp_path: Path) -> None:
    service = ServiceProcess(tmp_path)
    assert command(service, "organisation", "add", "St Test", "--kind", "hospital").exit_code == 0
    slow = (
        "import os, signal\n"
        "from service.store import backup\n"
        "backup.Manifest.written = lambda _: os.kill(os.getpid(), signal.SIGKILL)\n"
        "from service.__main__ import main\n"
        "import sys; sys.argv = ['peer-referral', 'backup', sys.argv[1]]; main()\n"
    )
    target = tmp_path / "out" / "night.backup"
    target.parent.mkdir()
    killed = subprocess.run(
        [sys.executable, "-c", slow, str(target)], env=os.environ | service.environment, cwd=PROJECT, check=False
    )
    assert killed.returncode == -9
    assert not target.exists()
    assert command(service, "backup", str(target)).exit_code == 0
