"""docs/operations.md: its commands are run as they are printed, one block after the other, in one shell."""

import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from typer.testing import CliRunner

from service.__main__ import application
from service.parts import open_office
from service.settings import read_settings
from tests.journeys.support import free_port

FOLDER, PORT = "/var/lib/peer-referral", "8080"
SERVER = "postgresql+psycopg://peer_referral:secret@database/peer_referral"
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
# All that the page asks of curl, so that no machine needs it for this test.
CURL = """
import sys, urllib.request
*options, url = sys.argv[1:]
assert set(options) <= {"--fail", "--silent"}, options
urllib.request.install_opener(urllib.request.build_opener(urllib.request.ProxyHandler({})))
try:
    print(urllib.request.urlopen(url, timeout=10).read().decode())
except OSError:
    sys.exit(22)
"""


@pytest.fixture
def commands(tmp_path: Path, project: Path) -> dict[str, str]:
    """An environment that knows `peer-referral`, `curl` and `python3`."""
    programs = {
        "peer-referral": f'exec "{sys.executable}" -m service "$@"',
        "python3": f'exec "{sys.executable}" "$@"',
        "curl": f'exec "{sys.executable}" -c \'{CURL}\' "$@"',
    }
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, script in programs.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        (folder / name).chmod(0o755)
    return os.environ | {"PATH": f"{folder}:{os.environ['PATH']}", "PYTHONPATH": str(project)}


def test_the_page_can_be_followed_from_top_to_bottom(
    project: Path, tmp_path: Path, commands: dict[str, str], postgresql_url: str
) -> None:
    page = (project / "docs" / "operations.md").read_text(encoding="utf-8")
    blocks, port, folder = BLOCK.findall(page), str(free_port()), tmp_path / "data"
    assert len(blocks) >= 8
    script = "set -eu\n" + "".join(f"{block}echo '--- {number}'\n" for number, block in enumerate(blocks))
    for printed, here in ((FOLDER, str(folder)), (SERVER, f"'{postgresql_url}'"), (f":{PORT}", f":{port}")):
        assert printed in script
        script = script.replace(printed, here)
    settings = read_settings(data_folder=folder)
    with open_office(settings) as office:
        hospital = office.add_organisation("St Test", "hospital", None, None)

    script += "kill -TERM $SERVICE $WORKER; wait $SERVICE; wait $WORKER; peer-referral organisation list"
    ports = {"PEER_REFERRAL_PORT": port, "PEER_REFERRAL_PROBES_PORT": str(free_port())}
    shell = subprocess.Popen(
        ["sh", "-c", script],
        cwd=tmp_path, env=commands | ports, start_new_session=True, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        said, _ = shell.communicate(timeout=240)
    finally:
        if shell.returncode != 0:
            # A shell that gave up leaves behind what it has started.
            with suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)
    assert shell.returncode == 0, said
    assert [f"--- {number}" in said for number in range(len(blocks))] == [True] * len(blocks)
    assert '"status":"ready"' in said
    assert "peer_referral_requests_total" in said
    assert "is published, and signs from" in said
    assert said.count("compared them with the file") == 3
    # The last word is from PostgreSQL, which had nothing but the backup.
    assert hospital in said.rsplit("---", 1)[1]
    assert (folder / "trial" / "peer-referral.db").exists()


def test_every_command_that_the_page_names_is_there(project: Path) -> None:
    page = (project / "docs" / "operations.md").read_text(encoding="utf-8")
    named = set(re.findall(r"peer-referral ((?:client|deliveries|keys) [a-z]+|[a-z]+)\b", page)) - {"serve"}
    assert {"backup", "restore", "migrate", "keys rotate", "deliveries retry", "client revoke", "worker"} <= named
    for command in sorted(named):
        assert CliRunner().invoke(application, [*command.split(), "--help"]).exit_code == 0, command
