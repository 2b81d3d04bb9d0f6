"""A running service in a process of its own, with everybody who speaks to it; or its store alone."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from service.demo.hospital import HospitalRecord
from service.flow.rules import Rules
from service.shared.clock import SystemClock
from tests.conftest import PostgresqlDatabase
from tests.flow.support import Service
from tests.journeys.support import EMBEDDED, ServiceProcess, World, furnish

NewService = Callable[..., ServiceProcess]


@contextmanager
def serving(folder: Path, database_url: str = "", **settings: str) -> Iterator[World]:
    with HospitalRecord() as record:
        service = ServiceProcess(folder, database_url, **settings)
        world = furnish(service, record)
        service.start()
        try:
            yield world
        finally:
            for party in world.parties:
                party.close()
            service.stop()


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The service on its embedded database, for tests whose subject is the door and not the store. It stands for all
    modules: each test has women of its own, and speaks of what others left there only by what it knew before."""
    with serving(tmp_path_factory.mktemp("service"), requests_per_minute="100000") as running:
        yield running


@pytest.fixture(scope="session")
def postgresql_world(
    tmp_path_factory: pytest.TempPathFactory, postgresql_database: PostgresqlDatabase, migrated_database: str
) -> Iterator[World]:
    """The same on PostgreSQL."""
    with (
        postgresql_database(migrated_database) as url,
        serving(tmp_path_factory.mktemp("service"), url, requests_per_minute="100000") as running,
    ):
        yield running


@pytest.fixture(params=["world", "postgresql_world"], ids=["sqlite", "postgresql"])
def either_world(request: pytest.FixtureRequest) -> World:
    """The service on each of the two databases."""
    world: World = request.getfixturevalue(request.param)
    return world


@pytest.fixture(scope="module")
def service(migrated_url: str, rules: Rules) -> Iterator[Service]:
    """A store without a process, on each database in turn; time passes there as it does everywhere."""
    with closing(Service(migrated_url, SystemClock(), rules, connections=16)) as opened:
        yield opened


@pytest.fixture
def migrated_folder(tmp_path: Path, migrated_file: Path) -> Path:
    """This test's data folder, whose database has our tables already."""
    shutil.copy(migrated_file, tmp_path / EMBEDDED)
    return tmp_path


@pytest.fixture
def new_service(migrated_folder: Path) -> Iterator[NewService]:
    """Services, not yet started, that share this test's data folder; each is ended when the test ends."""
    with ExitStack() as ended:

        def service(database_url: str = "", **settings: str) -> ServiceProcess:
            made = ServiceProcess(migrated_folder, database_url, **settings)
            ended.callback(made.stop)
            return made

        yield service


@pytest.fixture
def new_world(migrated_folder: Path) -> Iterator[Callable[..., World]]:
    """`new_world(database_url)`: a running service of this test's own."""
    with ExitStack() as ended:

        def world(database_url: str = "", **settings: str) -> World:
            running: AbstractContextManager[World] = serving(migrated_folder, database_url, **settings)
            return ended.enter_context(running)

        yield world
