"""What may not stand anywhere in the project.

Each word is written with a `~` in it here, which is taken out before use, or this file would break its own rule.
"""

import re
from pathlib import Path

import pytest

# A package comes from wherever the installer is set to look: a hospital's mirror as well as the public registry.
REGISTRIES = r"(?i)py~pi\.org|python~hosted\.org|registry\.npm~js|deb\.deb~ian\.org|static\.crates~\.io|proxy\.gol~ang"
PLACES = r"(?<!\w)/(wo~rk|ro~ot|ho~me)/|/tmp/[a-z]~+/|\.libr~ary/"
STRANGERS = r"(?i)co-auth~ored-by|language mo~del|\bsub-?ag~ents?\b|\bissue #?~\d"
UNDONE = r"\b(TO~DO|FIX~ME|NotImple~mentedError)\b|\bassert Tr~ue\b"
SKIPPED = r"pytest\.(sk~ip|xf~ail|importor~skip)\b|mark\.(sk~ip|sk~ipif|xf~ail)\b|unittest\.sk~ip"
LOOSENED = r"# type: ig~nore(?!\[)|# ruff: no~qa(?!:)|# no~qa(?!:)|\bunittest\b.*\bmo~ck\b"

EVERYWHERE = {"package registries": REGISTRIES, "places of one machine": PLACES, "anyone but itself": STRANGERS}
IN_PYTHON = {"undone work": UNDONE, "skipped tests": SKIPPED, "loosened checks": LOOSENED}


def hits(pattern: str, files: list[Path], project: Path) -> list[str]:
    expression = re.compile(pattern.replace("~", ""))
    return [
        f"{path.relative_to(project)}:{number}: {line.strip()[:100]}"
        for path in files
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1)
        if expression.search(line)
    ]


@pytest.mark.parametrize("rule", EVERYWHERE)
def test_no_file_speaks_of(rule: str, project: Path, project_files: list[Path]) -> None:
    assert hits(EVERYWHERE[rule], project_files, project) == []


@pytest.mark.parametrize("rule", IN_PYTHON)
def test_no_python_file_holds(rule: str, project: Path, project_files: list[Path]) -> None:
    assert hits(IN_PYTHON[rule], [path for path in project_files if path.suffix == ".py"], project) == []


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        (REGISTRIES, "https://py~pi.org/simple"),
        (PLACES, "cd /wo~rk/somewhere"),
        (STRANGERS, "see issue ~7"),
        (UNDONE, "raise NotImple~mentedError"),
        (SKIPPED, "@pytest.mark.sk~ip"),
        (LOOSENED, "x = y  # type: ig~nore"),
    ],
)
def test_each_rule_finds_what_it_forbids(pattern: str, line: str, tmp_path: Path) -> None:
    file = tmp_path / "file.py"
    file.write_text("\n" + line.replace("~", "") + "\n", encoding="utf-8")
    assert hits(pattern, [file], tmp_path) == ["file.py:2: " + line.replace("~", "")]


def test_the_rules_read_the_whole_project(project: Path, project_files: list[Path]) -> None:
    names = {path.relative_to(project).as_posix() for path in project_files}
    assert {"Makefile", ".ci/run", "pyproject.toml", "service/__init__.py", "docs/glossary.md"} <= names
    assert not any(name.startswith((".venv/", ".git/")) for name in names)
