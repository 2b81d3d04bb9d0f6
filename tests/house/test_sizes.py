"""A file that grows past 250 lines holds a second room, a function past 40 a second step.

An exception needs a decision record, whose number stands beside the file here.
"""

import ast
from pathlib import Path

import pytest

LINES_PER_FILE = 249
LINES_PER_FUNCTION = 39
EXCEPTIONS: dict[str, str] = {}  # file: the decision record in docs/decisions that allows it

SERVICE = Path(__file__).parents[2] / "service"
FILES = [path for path in sorted(SERVICE.rglob("*.py")) if "migrations" not in path.parts]


def named(path: Path) -> str:
    return path.relative_to(SERVICE.parent).as_posix()


def functions(tree: ast.Module) -> dict[str, int]:
    """Each function's name and place, with its length from `def` (decorators apart) to its last line."""
    return {
        f"{node.name} (line {node.lineno})": (node.end_lineno or node.lineno) - node.lineno + 1
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


@pytest.mark.parametrize("path", FILES, ids=named)
def test_a_file_and_its_functions_stay_small(path: Path) -> None:
    if named(path) in EXCEPTIONS:
        return
    source = path.read_text(encoding="utf-8")
    assert len(source.splitlines()) <= LINES_PER_FILE
    assert {name: length for name, length in functions(ast.parse(source)).items() if length > LINES_PER_FUNCTION} == {}


def test_every_exception_names_a_file_and_its_decision_record() -> None:
    for file, record in EXCEPTIONS.items():
        assert (SERVICE.parent / file).is_file()
        assert list((SERVICE.parent / "docs" / "decisions").glob(f"{record}-*.md"))


def test_the_measure_sees_long_functions_wherever_they_stand() -> None:
    inner = "        async def inner():\n" + "            pass\n" * 40
    tree = ast.parse("class Room:\n    def outer(self):\n" + inner)
    assert functions(tree) == {"outer (line 2)": 42, "inner (line 3)": 41}
    assert len(FILES) > 1
