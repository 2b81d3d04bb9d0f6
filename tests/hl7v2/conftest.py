"""A sender of HL7 v2 on a database of its own, new for every test."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hl7v2.sending import NewSender, senders


@pytest.fixture
def new_sender(migrated_file: Path, tmp_path: Path) -> Iterator[NewSender]:
    shutil.copy(migrated_file, tmp_path / "service.db")
    yield from senders(f"sqlite:///{tmp_path / 'service.db'}")
