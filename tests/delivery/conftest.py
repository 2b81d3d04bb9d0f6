"""A sender with its hospital's record, each new for every test."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from service.demo.hospital import HospitalRecord
from service.flow.rules import Rules
from service.security.keys import SigningKeys, load_or_create
from tests.delivery.support import Sender, trusting
from tests.flow.support import StillClock

NewSender = Callable[..., Sender]


@pytest.fixture(scope="session")
def signing_keys(tmp_path_factory: pytest.TempPathFactory) -> SigningKeys:
    return load_or_create(tmp_path_factory.mktemp("keys") / "signing-keys.json")


@pytest.fixture
def new_sender(rules: Rules, signing_keys: SigningKeys) -> Iterator[NewSender]:
    with ExitStack() as ended:

        def sender(url: str, endpoint: str) -> Sender:
            clock = StillClock(datetime.now(UTC))
            made = Sender(url, clock, rules, endpoint=endpoint, signing_keys=signing_keys)
            ended.callback(made.end)
            return made

        yield sender


@pytest.fixture
def record(signing_keys: SigningKeys) -> Iterator[HospitalRecord]:
    with HospitalRecord() as serving:
        yield trusting(serving, signing_keys)


@pytest.fixture
def url(migrated_file: Path, tmp_path: Path) -> str:
    shutil.copy(migrated_file, tmp_path / "service.db")
    return f"sqlite:///{tmp_path / 'service.db'}"


@pytest.fixture
def sender(new_sender: NewSender, url: str, record: HospitalRecord) -> Sender:
    return new_sender(url, record.base)
