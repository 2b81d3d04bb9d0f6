"""The model judges each form of body once; that must never let through what it would have refused."""

import json
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.fhir import models
from service.fhir.guard import parse
from service.fhir.outcome import BadInput
from service.fhir.survey import survey

EXAMPLES = {path.stem: json.loads(path.read_bytes()) for path in (Path(__file__).parent / "examples").glob("*.json")}
VALUES = st.sampled_from(
    [
        "2026-02-28",
        "2026-02-30",
        "2026-13-01T10:00:00Z",
        "2026-11-22T10:00:60Z",
        "2026-11-22T10:00:00Z",
        "2026",
        "x",
        "",
    ]
)


def leaves(node: Any) -> list[tuple[Any, Any]]:
    """Every place of a primitive: the object or list that holds it, and its name or index."""
    steps = list(node.items()) if isinstance(node, dict) else list(enumerate(node))
    below = [leaf for _, child in steps if isinstance(child, dict | list) for leaf in leaves(child)]
    return below + [(node, step) for step, child in steps if not isinstance(child, dict | list)]


def verdict(tree: Any) -> bool:
    try:
        parse(json.dumps(tree).encode())
    except BadInput:
        return False
    return True


@pytest.mark.parametrize("name", sorted(EXAMPLES))
@given(place=st.integers(0, 10_000), value=VALUES)
def test_a_known_form_is_judged_as_if_it_were_new(name: str, place: int, value: str) -> None:
    tree = json.loads(json.dumps(EXAMPLES[name]))
    assert verdict(tree)
    holders = leaves(tree)
    holder, step = holders[place % len(holders)]
    if not isinstance(holder[step], str):
        return
    holder[step] = value
    when_known = verdict(tree)
    models._passed.clear()
    assert when_known is verdict(tree)


def test_the_second_message_of_a_form_costs_no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    tree = EXAMPLES["Observation"]
    models._passed.clear()
    assert verdict(tree)
    monkeypatch.setattr(models, "_judge", lambda *_: pytest.fail("the model was asked again"))
    assert verdict({**tree, "valueInteger": 3} if "valueInteger" in tree else tree)


def form(tree: Any) -> Hashable:
    return survey(tree, "Observation", False).form


def test_an_element_more_or_a_date_that_does_not_exist_is_another_form() -> None:
    tree = EXAMPLES["Observation"]
    assert form({**tree, "effectiveDateTime": "2026-02-30"}) != form({**tree, "effectiveDateTime": "2026-02-28"})
    assert form({**tree, "effectiveDateTime": "2026-02-27"}) == form({**tree, "effectiveDateTime": "2026-02-28"})
    assert form({**tree, "note": [{"text": "x"}]}) != form(tree)


def test_it_matters_in_which_of_two_equal_elements_a_date_does_not_exist() -> None:
    code, days = {"text": "day"}, ("2026-02-28", "2026-02-30")
    one, other = ([{"code": code, "valueDateTime": day} for day in order] for order in (days, days[::-1]))
    assert form({"component": one}) != form({"component": other})


def test_only_so_many_forms_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "MOST_FORMS", 3)
    models._passed.clear()
    tree = EXAMPLES["Observation"]
    for extra in range(8):
        models.problems(survey({**tree, f"form-{extra}": 1}, "Observation", False), json.dumps(tree).encode())
    assert len(models._passed) == 3


def test_a_form_of_thousands_of_members_is_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "MOST_MEMBERS", 3)
    models._passed.clear()
    assert verdict(EXAMPLES["Observation"])
    assert not models._passed
