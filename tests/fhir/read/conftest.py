"""What the tests of the readers share: every tree passes the guard first, as it does in the service."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from service.fhir.guard import parse
from service.flow.rules import Rules
from service.mappings import load

Guarded = Callable[[dict[str, Any]], dict[str, Any]]


@pytest.fixture(scope="session")
def rules() -> Rules:
    """The mappings as they are shipped."""
    return load()


@pytest.fixture(scope="session")
def guarded() -> Guarded:
    """The tree as a reader gets it, with None taken out; fails when the guard would not let it through."""

    def through(tree: dict[str, Any]) -> dict[str, Any]:
        return parse(json.dumps({name: value for name, value in tree.items() if value is not None}).encode())

    return through
