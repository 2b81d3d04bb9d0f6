"""Everything that is written, compared whole, and held against FHIR R4."""

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import orjson
import pytest
from pydantic import BaseModel

from service.fhir import guard
from service.fhir.schema import RESOURCE_TYPES
from service.fhir.survey import Tree
from tests.fhir.write.support import CASES, GOLDEN, WRITTEN, text


def model(resource_type: str) -> Any:
    found: type[BaseModel] = getattr(import_module(f"fhir.resources.R4B.{resource_type.lower()}"), resource_type)
    return found


def nodes(node: Any) -> Iterator[Any]:
    yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from nodes(child)


@pytest.mark.parametrize("case", CASES)
def test_what_is_written_is_what_was_agreed(case: str) -> None:
    assert text(CASES[case]) == (GOLDEN / f"{case}.json").read_text(encoding="utf-8")


def test_every_golden_file_is_compared() -> None:
    assert {path.stem for path in GOLDEN.glob("*.json")} == CASES.keys()


@pytest.mark.parametrize(("name", "tree"), WRITTEN, ids=[name for name, _ in WRITTEN])
def test_every_resource_is_valid_r4(name: str, tree: Tree) -> None:
    kind, body = tree["resourceType"], orjson.dumps(tree)
    model(kind).model_validate_json(body)
    if kind in RESOURCE_TYPES:
        assert guard.parse(body, kind) == tree
    else:
        assert kind in ("CapabilityStatement", "DocumentReference", "Provenance")  # of which none is ever read here


@pytest.mark.parametrize(("name", "tree"), WRITTEN, ids=[name for name, _ in WRITTEN])
def test_elements_come_in_the_order_of_the_standard(name: str, tree: Tree) -> None:
    order = ["resourceType", *model(tree["resourceType"]).elements_sequence()]
    assert list(tree) == sorted(tree, key=order.index)


@pytest.mark.parametrize(("name", "tree"), WRITTEN, ids=[name for name, _ in WRITTEN])
def test_nothing_is_null_or_empty(name: str, tree: Tree) -> None:
    assert [node for node in nodes(tree) if node in (None, "", [], {})] == []
