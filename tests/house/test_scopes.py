"""The pages give the scopes of the code: which one each address needs, and which each side is to be given."""

import re
from pathlib import Path

import pytest

from service.demo.cast import HOSPITAL_SCOPE, PROGRAMME_SCOPE
from service.security import scopes
from tests.house.scopes import MARKED, PAGE, table, written


def test_the_page_of_the_api_has_the_table_as_the_addresses_and_scopes_are() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert len(MARKED.findall(page)) == 1
    assert page == written(page), "An address or a scope has changed: run `make diagrams`."


def test_an_address_and_a_side_that_may_use_it_change_the_table() -> None:
    assert "| `system/Task.u` | yes | yes | `PUT /Task/{id}` |" in table({"system/Task.u": ["PUT /Task/{id}"]})
    assert "| `system/Communication.c` |  | yes |" in table({"system/Communication.c": ["POST /Communication"]})


@pytest.mark.parametrize(
    ("page", "start"),
    [("README.md", "HOSPITAL_CLIENT=$(peer-referral client add"), ("docs/integration-hospital.md", "scopes granted")],
)
def test_a_hospital_is_given_the_scopes_of_the_code(project: Path, page: str, start: str) -> None:
    assert given(project / page, start) == set(scopes.HOSPITAL.split()) == set(HOSPITAL_SCOPE.split())


@pytest.mark.parametrize(
    ("page", "start"),
    [("README.md", "PROGRAMME_CLIENT=$(peer-referral client add"), ("docs/integration-programme.md", "scopes granted")],
)
def test_a_programme_is_given_the_scopes_of_the_code(project: Path, page: str, start: str) -> None:
    assert given(project / page, start) == set(scopes.PROGRAMME.split()) == set(PROGRAMME_SCOPE.split())


def given(page: Path, start: str) -> set[str]:
    """The scopes named from there to the end of the command, or of the row."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    [line] = [line for line in text.splitlines() if start in line]
    return set(re.findall(r"system/\w+\.[cruds]+", line))
