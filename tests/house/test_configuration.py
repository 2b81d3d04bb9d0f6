"""docs/configuration.md lists every setting, and no document speaks of one that does not exist."""

import re
import shutil
import tomllib
from pathlib import Path

import pytest

from service import mappings
from service.mappings.reader import Table
from service.settings import Settings

PREFIX = str(Settings.model_config["env_prefix"])
OWN_SITE = """
organisation = "019aa000-0000-7000-8000-000000000001"
approval = { by = "Somebody", on = 2026-11-22 }
cut_off.epds.antenatal = { positive_at = 14, repeat_at = 10, source = "a study" }
proceed_with_alert = { by = "Somebody", on = 2026-11-22 }
as_recorded_safe_contact = { by = "Somebody", on = 2026-11-22 }
form = [{ instrument = "epds", questionnaire = "urn:form", items = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"] }]
answer_link = { by = "Somebody", on = 2026-11-22, hours = 24 }
escalation_contact = { name = "Triage", telephone = "+44 1632 960100" }
"""
KEY = re.compile(r"^\| `([\w.\[\]]+)` \| ((?:`[^`]+`(?:, )?)*) ?\| (\S.*) \|$", re.MULTILINE)
ROW = re.compile(r"^\| `(\w+)` \| (?:`([^`]+)` )?\| (\S.*) \|$", re.MULTILINE)


@pytest.fixture(scope="module")
def rows(project: Path) -> list[tuple[str, str, str]]:
    return [row for row in ROW.findall(page(project)) if row[0].startswith(PREFIX)]


def page(project: Path) -> str:
    return (project / "docs" / "configuration.md").read_text(encoding="utf-8")


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


# mappings/sites/


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Every key that the program looks for in a site's file which says all that one may say."""
    folder = tmp_path / "mappings"
    shutil.copytree(mappings.own_folder(), folder)
    (folder / "sites" / "own.toml").write_text(OWN_SITE, encoding="utf-8")
    heard: set[str] = set()
    take, contains = Table._take, Table.__contains__

    def hear(table: Table, key: str) -> None:
        _, found, place = table.place.partition("sites/own.toml")
        if found:
            heard.add(re.sub(r"\[\d+\]", "[]", f"{place}.{key}".strip(".")))

    def hear_take(table: Table, key: str, *rest: object) -> object:
        hear(table, key)
        return take(table, key, *rest)  # type: ignore[arg-type]  # whatever it is, it is passed on

    def hear_contains(table: Table, key: str) -> bool:
        hear(table, key)
        return contains(table, key)

    monkeypatch.setattr(Table, "_take", hear_take)
    monkeypatch.setattr(Table, "__contains__", hear_contains)
    mappings.load(folder)
    leaves = {key for key in heard if not any(other.startswith((f"{key}.", f"{key}[")) for other in heard)}
    stages = r"cut_off\.epds\.(antenatal|postnatal)"
    named = {re.sub(stages, "cut_off.INSTRUMENT.STAGE", key) for key in leaves}
    return named - {"cut_off.INSTRUMENT.STAGE"}


def test_every_key_of_a_site_stands_in_the_table_and_no_other(project: Path, asked: set[str]) -> None:
    rows = [key for key, _, _ in KEY.findall(page(project)) if not key.startswith(PREFIX)]
    assert len(asked) > 20
    assert len(rows) == len(set(rows))
    assert set(rows) == asked


def leaves(content: object, place: str = "") -> dict[str, list[str]]:
    """Each value by its key, as the page writes both."""
    if isinstance(content, dict):
        below = [leaves(value, f"{place}.{key}".strip(".")) for key, value in content.items()]
        return {key: values for each in below for key, values in each.items()}
    if isinstance(content, list) and not any(isinstance(row, dict) for row in content):
        return {place: [str(value) for value in content]}
    if isinstance(content, list):
        found: dict[str, list[str]] = {}
        for row in content:
            for key, values in leaves(row, f"{place}[]").items():
                found.setdefault(key, []).extend(values)
        return found
    return {place: [str(content)]}


def test_the_table_gives_the_values_of_the_default_site(project: Path) -> None:
    default = tomllib.loads((mappings.own_folder() / "sites" / "default.toml").read_text(encoding="utf-8"))
    told = {key: re.findall(r"`([^`]+)`", values) for key, values, _ in KEY.findall(page(project)) if values}
    assert {key: values for key, values in told.items() if not key.startswith(PREFIX)} == leaves(default)
