"""What the tests of the readers share: the rules as they are shipped, and a hospital that has mapped its messages."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from service.flow.rules import Rules
from service.hl7v2.dialect import Dialect
from service.mappings import load, load_dialects, own_folder

GOLDEN = Path(__file__).parents[2] / "golden" / "hl7v2"


@pytest.fixture(scope="session")
def rules() -> Rules:
    return load()


@pytest.fixture(scope="session")
def dialects(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Dialect]:
    folder = shutil.copytree(own_folder(), tmp_path_factory.mktemp("dialects") / "mappings")
    shutil.copy(GOLDEN / "site.toml", folder / "sites" / "hospital.toml")
    return load_dialects(load(folder), folder)


@pytest.fixture(scope="session")
def dialect(dialects: Mapping[str, Dialect]) -> Dialect:
    return dialects["hospital"]
