"""README.md's five minutes with curl: its blocks, as they are printed, in one shell against a service that runs."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.journeys.support import ServiceProcess

PRINTED_PORT = "127.0.0.1:8080"
# All that the page asks of curl, for a machine that has none.
CURL = """
import sys, urllib.request
method, headers, body, words = "GET", {}, None, iter(sys.argv[1:])
for word in words:
    if word == "--request": method = next(words)
    elif word == "--header": headers.update([next(words).split(": ", 1)])
    elif word == "--data-binary": body = sys.stdin.buffer.read() if next(words) == "@-" else sys.exit(2)
    elif word not in ("--silent", "--show-error", "--fail"): url = word
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
try:
    answer = opener.open(urllib.request.Request(url, body, headers, method=method), timeout=20)
    sys.stdout.buffer.write(answer.read())
except OSError as problem:
    sys.exit(f"{problem}")
"""


@pytest.fixture
def blocks(project: Path) -> dict[str, list[str]]:
    """The page's blocks by their language."""
    page = (project / "README.md").read_text(encoding="utf-8")
    start = page.index("A client makes its keys itself")
    found = re.findall(r"^```(\w+)\n(.*?)^```", page[start:], re.MULTILINE | re.DOTALL)
    return {kind: [text for each, text in found if each == kind] for kind in ("python", "sh")}


@pytest.fixture
def folder(tmp_path: Path, project: Path, blocks: dict[str, list[str]]) -> Path:
    """The folder of a newcomer: the project's files, what the page says to save, and the programs it names."""
    for name in ("mappings", "service"):
        (tmp_path / name).symlink_to(project / name)
    for name, text in zip(("keys.py", "access.py"), blocks["python"], strict=True):
        (tmp_path / name).write_text(text, encoding="utf-8")
    programs = {"peer-referral": f'"{sys.executable}" -m service', "python": f'"{sys.executable}"'}
    if not shutil.which("curl"):
        (tmp_path / "curl.py").write_text(CURL, encoding="utf-8")
        programs["curl"] = f'"{sys.executable}" "{tmp_path}/curl.py"'
    (tmp_path / "bin").mkdir()
    for name, command in programs.items():
        (tmp_path / "bin" / name).write_text(f'#!/bin/sh\nexec {command} "$@"\n', encoding="utf-8")
        (tmp_path / "bin" / name).chmod(0o755)
    return tmp_path


def test_the_five_minutes_go_as_they_are_printed(folder: Path, project: Path, blocks: dict[str, list[str]]) -> None:
    service = ServiceProcess(folder / "var")
    (folder / "var").mkdir()
    service.start("serve", "--port", str(service.port), "--no-worker")
    path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    environment = service.environment | {"PATH": path, "PYTHONPATH": str(project), "NO_PROXY": "*"}
    try:
        script = "\n".join(["set -e", "python keys.py", *blocks["sh"]]).replace(
            PRINTED_PORT, f"127.0.0.1:{service.port}"
        )
        finished = subprocess.run(
            ["sh"], input=script, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
        )
    finally:
        service.stop()
    assert finished.returncode == 0, finished.stderr
    last = finished.stdout[finished.stdout.rindex('{"resourceType":"Bundle"') :]
    assert [entry["resource"]["status"] for entry in json.loads(last)["entry"]] == ["completed"]
