"""`demo` as a person starts it: it tells where its page is, plays, serves on, and ends in peace on Ctrl-C."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from service.commands.demonstration import clear_away
from tests.journeys.support import PREFIX, PROJECT, wait_until

COMMAND = [sys.executable, "-m", "service", "demo"]
# What a developer has set for a service of their own does not reach the demonstration's.
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
LIVE = re.compile(r"Live page +(http://127\.0\.0\.1:\d+/demo)")
DOCS = re.compile(r"API documentation +(http://127\.0\.0\.1:\d+/docs)")


@pytest.fixture
def heard() -> Iterator[None]:
    """Ctrl-C reaches what is started: a shell without job control has all that it runs in the background ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heard")
def test_it_shows_its_page_while_it_plays_and_serves_on_until_it_is_interrupted() -> None:
    with subprocess.Popen(COMMAND, cwd=PROJECT, env=CLEAN, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        shown = [process.stdout.readline(), process.stdout.readline()]
        page, docs = LIVE.fullmatch(shown[0].strip()), DOCS.fullmatch(shown[1].strip())
        assert page is not None, shown
        assert docs is not None, shown
        with httpx.Client(trust_env=False, timeout=30) as http:
            steps = http.get(f"{page[1]}/steps").text
            assert steps.count("data: ") > 45
            assert "All 5 stories came to their end." in http.get(page[1]).text
            assert http.get(docs[1]).status_code == 200
            process.send_signal(signal.SIGINT)
            try:
                rest, _ = process.communicate(timeout=60)
            finally:
                process.kill()  # nothing any more, unless it did not hear
            assert process.returncode == 0
            assert "Stop with Ctrl-C." in rest
            wait_until(lambda: is_gone(http, docs[1]), "the service has ended with it")


def test_a_demonstration_that_is_killed_leaves_no_service_and_its_folder_only_until_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    environment = CLEAN | {"TMPDIR": str(tmp_path)}

    def left_after_an_hour() -> list[Path]:
        for folder in tmp_path.iterdir():
            os.utime(folder, (time.time() - 3600,) * 2)
        clear_away()
        return list(tmp_path.iterdir())

    with subprocess.Popen(COMMAND, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        docs = DOCS.fullmatch(process.stdout.readline().strip())
        assert docs is not None
        with httpx.Client(trust_env=False, timeout=30) as http:
            assert http.get(docs[1]).status_code == 200
            (folder,) = left_after_an_hour()
            process.kill()
            wait_until(lambda: is_gone(http, docs[1]), "the service has ended too")
            assert folder.is_dir()
            wait_until(lambda: left_after_an_hour() == [], "what it left is cleared away")


def is_gone(http: httpx.Client, url: str) -> bool:
    try:
        http.get(url)
    except httpx.ConnectError:
        return True
    return False


def test_it_ends_by_itself_with_0_when_every_step_was_found() -> None:
    ended = subprocess.run(
        [*COMMAND, "--exit"], cwd=PROJECT, env=CLEAN, capture_output=True, text=True, timeout=120, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "All 5 stories came to their end." in ended.stdout
