import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.fhir.guard import parse
from service.fhir.outcome import BadInput, operation_outcome

EXAMPLES = {
    each.stem: json.loads(each.read_bytes()) for each in sorted((Path(__file__).parent / "examples").glob("*.json"))
}

CANARY = "Zyxwvut"


def replaced(node: Any, by: object) -> Iterator[Any]:
    """The tree once for each string in it, with that string replaced."""
    if isinstance(node, str):
        yield by
    for step in node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ():
        for child in replaced(node[step], by):
            tree = copy.copy(node)
            tree[step] = child
            yield tree


CANARIES = [
    CANARY,
    f" {CANARY} ",
    f"{CANARY}:\x01",
    f"javascript:{CANARY}",
    {CANARY: CANARY},
    [CANARY],
    {"extension": [{"url": CANARY, CANARY: CANARY}]},
]


def refusal(sent: bytes) -> BadInput | None:
    try:
        assert isinstance(parse(sent), dict)
    except BadInput as error:
        return error
    return None


@pytest.mark.parametrize("resource_type", list(EXAMPLES))
def test_no_refusal_repeats_a_value_that_was_sent(resource_type: str) -> None:
    trees = [tree for canary in CANARIES for tree in replaced(EXAMPLES[resource_type], canary)]
    refusals = [each for each in (refusal(json.dumps(tree).encode()) for tree in trees) if each]
    assert len(refusals) > 10
    for each in refusals:
        assert CANARY.encode() not in operation_outcome(each.issues)
        assert CANARY not in str(each)
        assert each.__context__ is None


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
)


def nodes(node: Any) -> Iterator[tuple[Any, Any]]:
    for step in node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ():
        yield node, step
        yield from nodes(node[step])


def assert_taken_or_refused(sent: bytes) -> None:
    refused = refusal(sent)
    if refused:
        parse(operation_outcome(refused.issues), "OperationOutcome")


@given(JSON_VALUES)
def test_any_json_at_all_is_either_taken_or_refused(value: object) -> None:
    assert_taken_or_refused(json.dumps(value).encode())


@given(st.binary())
def test_any_bytes_at_all_are_either_taken_or_refused(sent: bytes) -> None:
    assert_taken_or_refused(sent)


@given(st.sampled_from(list(EXAMPLES)), st.data())
def test_any_valid_resource_with_anything_put_anywhere_is_either_taken_or_refused(
    resource_type: str, data: st.DataObject
) -> None:
    tree = copy.deepcopy(EXAMPLES[resource_type])
    places = list(nodes(tree))
    for holder, step in data.draw(
        st.lists(st.sampled_from(range(len(places))), max_size=3).map(lambda chosen: [places[each] for each in chosen])
    ):
        donor, at = places[data.draw(st.sampled_from(range(len(places))))]
        holder[step] = data.draw(st.just(copy.deepcopy(donor[at])) | JSON_VALUES)
    assert_taken_or_refused(json.dumps(tree).encode())
