"""docs/configuration.md lists every setting, and no document speaks of one that does not exist."""

import re
from pathlib import Path

import pytest

from service.settings import Settings

PREFIX = str(Settings.model_config["env_prefix"])
ROW = re.compile(r"^\| `(\w+)` \| (?:`([^`]+)` )?\| (\S.*) \|$", re.MULTILINE)


@pytest.fixture(scope="module")
def rows(project: Path) -> list[tuple[str, str, str]]:
    return ROW.findall((project / "docs" / "configuration.md").read_text(encoding="utf-8"))


def written(default: object) -> str:
    """A default as somebody would set it; nothing for one that stands for not set."""
    return "" if default is None else str(default).lower() if isinstance(default, bool) else str(default)


def test_every_setting_stands_in_the_table_in_the_order_of_the_code(rows: list[tuple[str, str, str]]) -> None:
    assert [name for name, _, _ in rows] == [f"{PREFIX}{name.upper()}" for name in Settings.model_fields]


def test_the_table_gives_the_defaults_of_the_code(rows: list[tuple[str, str, str]]) -> None:
    defaults = {f"{PREFIX}{name.upper()}": written(field.default) for name, field in Settings.model_fields.items()}
    assert {name: default for name, default, _ in rows} == defaults


def test_no_document_names_a_setting_that_is_not_read(project: Path) -> None:
    documents = [*project.glob("*.md"), *(project / "docs").rglob("*.md")]
    named = {
        name
        for each in documents
        for name in re.findall(rf"\b{PREFIX}([A-Z_]+[A-Z])\b", each.read_text(encoding="utf-8"))
        if not name.startswith("TEST_")
    }
    assert len(named) >= len(Settings.model_fields)
    assert named - {name.upper() for name in Settings.model_fields} == set()
