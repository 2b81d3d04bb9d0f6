"""What the pages promise is there: links lead somewhere, and commands and their options exist."""

import re
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from service import mappings
from service.__main__ import application

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


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_into_a_page_leads_to_a_heading_of_it(page: Path) -> None:
    links = re.findall(r"\]\(([\w./-]*\.md)?#([^)\s]+)\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if link[1] not in anchors(page.parent / link[0] if link[0] else page)] == []


def anchors(page: Path) -> set[str]:
    """What its headings are called in an address: lower case, no punctuation, hyphens for blanks."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


def test_the_readme_is_short_and_names_the_two_commands() -> None:
    assert len(README.splitlines()) < 250
    assert "`make demo`" in README
    assert "`make test`" in README


def test_the_readme_shows_each_command_that_a_site_needs() -> None:
    assert set(COMMANDS) >= {
        ("serve",), ("worker",), ("migrate",), ("organisation", "add"), ("client", "add"), ("programme", "import"),
        ("client", "revoke"), ("deliveries", "list"), ("mappings", "check"),
    }  # fmt: skip


def test_the_site_that_the_readme_shows_is_one_and_names_whom_a_programme_rings(tmp_path: Path) -> None:
    [shown] = re.findall(r"^```toml\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    shutil.copytree(mappings.own_folder(), tmp_path / "mappings")
    (tmp_path / "mappings" / "sites" / "st-test.toml").write_text(shown, encoding="utf-8")
    policy = mappings.load(tmp_path / "mappings").policy("019aa000-0000-7000-8000-000000000001")
    assert policy.escalation_contact is not None
    assert policy.escalation_contact.name in README


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_the_program_knows_each_command_and_every_option_that_the_readme_gives_it(command: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(application, [*command, "--help"], env={"COLUMNS": "200"})
    assert shown.exit_code == 0, shown.output
    given = {
        option
        for line in re.findall(rf"peer-referral {' '.join(command)}\b([^\n`]*)", WHOLE)
        for option in re.findall(r"(?<!\S)--[a-z-]+", line.partition(")")[0].partition("#")[0])
    }
    assert [option for option in given if option not in shown.stdout] == []
