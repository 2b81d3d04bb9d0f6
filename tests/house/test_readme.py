"""What the pages promise is there: links lead somewhere, and commands and their options exist."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
PAGES = [path for path in [*PROJECT.glob("*.md"), *(PROJECT / "docs").rglob("*.md")] if path.is_file()]
README = (PROJECT / "README.md").read_text(encoding="utf-8")
WHOLE = README.replace("\\\n", " ")
COMMANDS = sorted({
    tuple(words.split())
    for words in re.findall(r"(?:^|[(`])peer-referral ((?:[a-z][a-z0-9]* ?){1,2})", WHOLE, re.MULTILINE)
})  # fmt: skip


def named(path: Path) -> str:
    return path.relative_to(PROJECT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_leads_to_a_file(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_readme_is_short_and_names_the_two_commands() -> None:
    assert len(README.splitlines()) < 250
    assert "`make demo`" in README
    assert "`make test`" in README


def test_the_readme_shows_each_command_that_a_site_needs() -> None:
    assert set(COMMANDS) >= {
        ("serve",), ("worker",), ("migrate",), ("organisation", "add"), ("client", "add"), ("programme", "import"),
        ("client", "revoke"), ("deliveries", "list"), ("mappings", "check"),
    }  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_the_program_knows_each_command_and_every_option_that_the_readme_gives_it(command: tuple[str, ...]) -> None:
    finished = subprocess.run(
        [sys.executable, "-m", "service", *command, "--help"],
        cwd=PROJECT, env={"COLUMNS": "200", "PATH": ""}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr
    given = {
        option
        for line in re.findall(rf"peer-referral {' '.join(command)}\b([^\n`]*)", WHOLE)
        for option in re.findall(r"(?<!\S)--[a-z-]+", line.partition(")")[0].partition("#")[0])
    }
    assert [option for option in given if option not in finished.stdout] == []
