"""What differs between the two databases is where docs/architecture.md says that it is, and nowhere else."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DATABASES = {"sqlite", "postgresql"}


def asks_which(path: Path) -> bool:
    compared = (node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Compare))
    return any(
        isinstance(each, ast.Constant) and each.value in DATABASES for node in compared for each in ast.walk(node)
    )


def test_the_rooms_that_ask_which_database_it_is_are_those_that_the_page_names() -> None:
    asking = {
        path.relative_to(ROOT / "service").as_posix() for path in (ROOT / "service").rglob("*.py") if asks_which(path)
    }
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    (said,) = re.findall(r"What differs between the databases(.*?)Every change of state", page, re.DOTALL)
    assert asking == set(re.findall(r"`(store/[\w/]+\.py)`", said))
