"""A service of its own for each test, on a copy of a migrated SQLite file; rooms with other needs have their own."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.flow.rules import Rules
from service.store.migrate import migrate
from tests.flow.support import Service, load_rules


@pytest.fixture(scope="session")
def rules() -> Rules:
    return load_rules()


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("migrated") / "service.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def service(migrated_file: Path, tmp_path: Path, rules: Rules) -> Iterator[Service]:
    shutil.copy(migrated_file, tmp_path / "service.db")
    opened = Service(f"sqlite:///{tmp_path / 'service.db'}", rules=rules)
    yield opened
    opened.close()
