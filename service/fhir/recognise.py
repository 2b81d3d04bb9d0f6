"""What a refused body may have been about: a screening result that went astray must not go unnoticed."""

from collections.abc import Iterator
from typing import Any

import orjson

from service.flow.keep_unreadable import Recognised
from service.flow.rules import Rules
from service.screening.instrument import CodeUse, Item
from service.screening.result import whole_score
from service.shared.code import Code


def recognise(body: bytes, rules: Rules) -> Recognised:
    """Whether a code of a known instrument stands anywhere in it, and beside a critical one an answer that is risk.

    What is no JSON at all is searched for the codes as text. Nothing is decided from this: a person is told to look.
    """
    try:
        tree = orjson.loads(body)
    except orjson.JSONDecodeError:
        known = any(code.code.encode() in body and code.system.encode() in body for code in rules.by_code)
        return Recognised.AN_INSTRUMENT if known else Recognised.NOTHING
    found = [(node, use) for node in _nodes(tree) for use in _uses(node, rules)]
    if any(_is_risk(node, use, rules) for node, use in found):
        return Recognised.A_CRITICAL_ANSWER
    return Recognised.AN_INSTRUMENT if found else Recognised.NOTHING


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Every JSON object in it, without recursion: a refused body may be nested as deep as its sender liked."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)


def _uses(node: dict[str, Any], rules: Rules) -> list[CodeUse]:
    concept = node.get("code")
    codings = concept.get("coding") if isinstance(concept, dict) else None
    named = [each for each in codings if isinstance(each, dict)] if isinstance(codings, list) else []
    codes = [Code(str(each.get("system")), str(each.get("code"))) for each in named]
    return [rules.by_code[code] for code in codes if code in rules.by_code]


def _is_risk(node: dict[str, Any], use: CodeUse, rules: Rules) -> bool:
    item = next((each for each in rules.instruments[use.instrument_id].items if each.number == use.item), None)
    if item is None or item.least_harm_answer is None:
        return False
    return any(score >= item.least_harm_answer for score in _scores(node, item))


def _scores(node: dict[str, Any], item: Item) -> Iterator[int]:
    """Every score that an element beside the code could stand for."""
    for name, value in node.items():
        if not name.startswith("value"):
            continue
        for each in [value, *(inner for inner in _nodes(value))]:
            number = each.get("value") if isinstance(each, dict) else each
            score = whole_score(number) if isinstance(number, int | float | str) else None
            if score is not None:
                yield score
            if isinstance(each, dict):
                answer = item.answers.get(Code(str(each.get("system")), str(each.get("code"))))
                if answer is not None:
                    yield answer
