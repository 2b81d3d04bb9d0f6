"""A migrated database for each test or module, and a service on it; rooms with other needs have their own."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from service.flow.rules import Rules
from service.store.address import parse_url
from service.store.migrate import migrate
from tests.conftest import PostgresqlDatabase
from tests.flow.support import Service, load_rules


@pytest.fixture(scope="session")
def rules() -> Rules:
    return load_rules()


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("migrated") / "service.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def migrated_database(postgresql_database: PostgresqlDatabase) -> Iterator[str]:
    """The name of a PostgreSQL database that is only copied."""
    with postgresql_database(None) as url:
        migrate(url)
        yield str(parse_url(url).database)


@pytest.fixture(scope="module")
def migrated_sqlite_url(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{shutil.copy(migrated_file, tmp_path_factory.mktemp('sqlite'))}"


@pytest.fixture(scope="module")
def migrated_postgresql_url(postgresql_database: PostgresqlDatabase, migrated_database: str) -> Iterator[str]:
    with postgresql_database(migrated_database) as url:
        yield url


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def migrated_url(request: pytest.FixtureRequest) -> str:
    """A database with our tables and nothing in them for one test module, on each engine in turn."""
    url: str = request.getfixturevalue(f"migrated_{request.param}_url")
    return url


@pytest.fixture(scope="module")
def shared_service(migrated_url: str, rules: Rules) -> Iterator[Service]:
    """One service for the tests of a module, on each database in turn."""
    with closing(Service(migrated_url, rules=rules, connections=16)) as opened:
        yield opened


@pytest.fixture
def service(migrated_file: Path, tmp_path: Path, rules: Rules) -> Iterator[Service]:
    """A service of its own for each test, on a copy of a migrated SQLite file."""
    with closing(Service(f"sqlite:///{shutil.copy(migrated_file, tmp_path)}", rules=rules)) as opened:
        yield opened
