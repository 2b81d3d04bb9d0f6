"""A sender of HL7 v2 on a database of its own, new for every test."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.store.migrate import migrate
from tests.hl7v2.sending import NewSender, senders


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("migrated") / "service.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def new_sender(migrated: Path, tmp_path: Path) -> Iterator[NewSender]:
    shutil.copy(migrated, tmp_path / "service.db")
    yield from senders(f"sqlite:///{tmp_path / 'service.db'}")
