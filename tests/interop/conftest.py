"""Programs that others have written, spoken with as they come. Nothing here is skipped: what is absent fails."""

import os
import shutil
from pathlib import Path

import pytest

from tests.hl7v2.conftest import new_sender
from tests.journeys.conftest import migrated_folder, new_service
from tests.journeys.support import PROJECT

__all__ = ["migrated_folder", "new_sender", "new_service"]

SCRIPTS = Path(__file__).parent / "node"


class Node:
    """The scripts in node/, which use what `make interop` has installed."""

    def __init__(self, program: str, libraries: Path) -> None:
        self.program, self.environment = program, {**os.environ, "NODE_PATH": str(libraries)}

    def command(self, script: str, *arguments: object) -> list[str]:
        return [self.program, str(SCRIPTS / script), *map(str, arguments)]


@pytest.fixture(scope="session")
def node() -> Node:
    program = shutil.which("node")
    assert program is not None, "Node 20 or newer is needed and was not found (Debian: packages nodejs and npm)"
    libraries = Path(os.environ.get("PEER_REFERRAL_TEST_NODE", PROJECT / ".venv" / "node")) / "node_modules"
    assert (libraries / "node-hl7-client").is_dir(), "node-hl7-client is not installed: `make interop` does it"
    return Node(program, libraries)
