"""The diagrams in the documentation are those of the tables."""

import re
import tomllib
from dataclasses import replace
from itertools import pairwise

import pytest

from tests.house.diagrams import MACHINES, MARKED, PAGE, section, written


def test_the_page_shows_the_tables_as_they_are() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == written(page), "A table has changed since docs/architecture.md was written: run `make diagrams`."


def layers() -> dict[str, int]:
    """Each room and how far out it is, as the import contract has it."""
    project = tomllib.loads((PAGE.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = [each for each in project["tool"]["importlinter"]["contracts"] if each["id"] == "inward"]
    inward = list(reversed(contract["layers"]))
    return {name: place for place, layer in enumerate(inward) for name in re.findall(r"\((\w+)\)", layer)}


def test_the_drawing_of_the_rooms_shows_every_room_and_no_arrow_that_the_contract_forbids() -> None:
    drawing = PAGE.read_text(encoding="utf-8").partition("flowchart LR")[2].partition("```")[0]
    rooms = layers()
    assert sorted(re.findall(r"<b>(\w+)</b>", drawing)) == sorted(set(rooms) - {"__main__"})
    arrows = [
        pair
        for line in drawing.splitlines()
        if "-->" in line
        for pair in pairwise(re.findall(r"(?:^|-->)\s*(\w+)", line))
    ]
    in_one_box_with_wiring, alone = {"__main__", "commands", "serving", "messages", "parts", "office"}, {"demo"}
    assert {room for pair in arrows for room in pair} == set(rooms) - in_one_box_with_wiring - alone
    assert all(rooms[outer] > rooms[inner] for outer, inner in arrows), arrows


def test_the_page_shows_every_machine_once() -> None:
    shown = [found["name"] for found in MARKED.finditer(PAGE.read_text(encoding="utf-8"))]
    assert sorted(shown) == sorted(MACHINES)


@pytest.mark.parametrize("name", MACHINES)
def test_every_row_is_in_the_page_and_every_change_of_state_in_the_diagram(name: str) -> None:
    machine = MACHINES[name]
    diagram, _, rows = section(machine).partition("<details>")
    for (state, trigger), (target, effects) in machine.rows.items():
        there = "stays" if target == state else target
        [row] = [
            line
            for line in rows.splitlines()
            if line.startswith(f"| {trigger} |") and state in line.split(" | ")[1].split(", ")
        ]
        assert row.endswith(f"| {there} | {', '.join(effects)} |")
        if target != state:
            assert any(trigger in line and f"--> {target.replace('-', '_')}:" in line for line in diagram.splitlines())


@pytest.mark.parametrize("name", MACHINES)
def test_a_change_of_any_row_changes_the_page(name: str) -> None:
    machine, page = MACHINES[name], section(MACHINES[name])
    for pair, (target, effects) in machine.rows.items():
        without = {each: step for each, step in machine.rows.items() if each != pair}
        assert section(replace(machine, rows=without)) != page
        assert section(replace(machine, rows={**machine.rows, pair: (target, (*effects, "more"))})) != page
