"""What a refused body may have been about: a screening result that went astray must not go unnoticed."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from service.fhir.read.common import entries, reference_of
from service.fhir.read.communication import lenient
from service.fhir.read.questionnaire_response import use_of
from service.fhir.read.written import is_name
from service.flow.keep_unreadable import Recognised, Salvaged
from service.flow.received import Reference
from service.flow.rules import Rules
from service.screening.decide import is_harmful
from service.screening.instrument import CodeUse, Item
from service.screening.result import whole_score
from service.shared.code import Code

_MARK = b"\xef\xbb\xbf"
_NUMBER = re.compile(rb'"value[A-Za-z]*"\s*:\s*"?(\d{1,4})')


def recognise(body: bytes, rules: Rules, forms: Mapping[str, Mapping[str, CodeUse]]) -> Recognised:
    """Whether a code of a known instrument stands anywhere in it, and beside a critical one an answer that is risk.

    What is no JSON at all is searched for them as text. Nothing is decided from this: a person is told to look.
    """
    try:
        tree = orjson.loads(body.removeprefix(_MARK))
    except orjson.JSONDecodeError:
        return _in_text(body, rules)
    return _in_tree(tree, rules, forms)


def salvage(
    body: bytes,
    rules: Rules,
    forms: Mapping[str, Mapping[str, CodeUse]],
    base: str,
    handles: Mapping[str, str] | None = None,
) -> list[Salvaged]:
    """What can be told of each resource in it, and whom it is of. `base` is this server's, without /fhir; `handles` are
    those of the transaction that it is of, by the URL of their entries.

    A member that stands twice counts with all its values. What can be told of the body as a whole alone is nobody's.
    """
    handles = handles or {}
    whole, tree = recognise(body, rules, forms), lenient(body)
    held = tree.get("entry", tree) if isinstance(tree, dict) else tree
    resources = [each.get("resource", each) for each in entries(held) if isinstance(each, dict)]
    found = [
        Salvaged(_in_tree(each, rules, forms), _subjects(each, base, handles)) for each in resources if each is not None
    ]
    worst = max((each.recognised for each in found), default=Recognised.NOTHING)
    return [*found, Salvaged(whole)] if whole > worst else found


def _subjects(resource: Any, base: str, handles: Mapping[str, str]) -> list[Reference]:
    """Whom it and everything in it names as the subject; nobody when any of that is no sound reference to somebody."""
    if not isinstance(resource, dict) or "subject" not in resource:
        return []
    named = [each for node in _nodes(resource) if "subject" in node for each in entries(node["subject"])]
    found = [_subject(each, base, handles) for each in named]
    known = [each for each in found if each is not None]
    return known if len(known) == len(found) else []


def _subject(node: Any, base: str, handles: Mapping[str, str]) -> Reference | None:
    if not isinstance(node, dict):
        return None
    literal, identifier = node.get("reference"), node.get("identifier")
    if isinstance(literal, str) and literal in handles:
        return Reference("Patient", handles[literal])
    sound = literal is None or is_name(literal)
    if identifier is not None:
        sound = sound and isinstance(identifier, dict) and all(is_name(identifier.get(n)) for n in ("system", "value"))
    return reference_of(node, base, "Patient") if sound else None


def _in_tree(tree: Any, rules: Rules, forms: Mapping[str, Mapping[str, CodeUse]]) -> Recognised:
    nodes = list(_nodes(tree))
    questions = {link_id: use for node in nodes for link_id, use in _form(node, forms).items()}
    found = [(node, use) for node in nodes for use in _uses(node, rules, questions)]
    if any(_is_risk(node, use, rules) for node, use in found):
        return Recognised.A_CRITICAL_ANSWER
    return Recognised.AN_INSTRUMENT if found else Recognised.NOTHING


def _in_text(body: bytes, rules: Rules) -> Recognised:
    known = {code.code.encode(): use for code, use in rules.by_code.items() if code.system.encode() in body}
    found = {code: use for code, use in known.items() if code in body}
    if not found:
        ours = any(system.encode() in body for system in rules.own_systems)
        return Recognised.AN_INSTRUMENT if ours else Recognised.NOTHING
    # A value stands behind its code, and before the next one: FHIR has its elements in this order.
    quoted = re.compile(b'"(' + b"|".join(map(re.escape, found)) + b')"')
    _, *said = quoted.split(body)
    for code, behind in zip(said[::2], said[1::2], strict=True):
        item = _critical(found[code], rules)
        if item is not None and _may_be_risk(behind, item):
            return Recognised.A_CRITICAL_ANSWER
    return Recognised.AN_INSTRUMENT


def _may_be_risk(behind: bytes, item: Item) -> bool:
    """Also when no answer can be told from it: the body may end before it."""
    answers = [each for code, each in item.answers.items() if f'"{code.code}"'.encode() in behind]
    scores = answers + [int(each) for each in _NUMBER.findall(behind)]
    return not scores or any(is_harmful(each, item) for each in scores)


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


def _form(node: dict[str, Any], forms: Mapping[str, Mapping[str, CodeUse]]) -> Mapping[str, CodeUse]:
    """What the site says of the form that `node` is, if it is one."""
    if node.get("resourceType") != "QuestionnaireResponse":
        return {}
    return forms.get(str(node.get("questionnaire", "")).partition("|")[0], {})


def _uses(node: dict[str, Any], rules: Rules, questions: Mapping[str, CodeUse]) -> list[CodeUse]:
    link_id = node.get("linkId")
    if isinstance(link_id, str):
        use = use_of(link_id, questions, rules)
        return [] if use is None else [use]
    concept = node.get("code")
    codings = concept.get("coding") if isinstance(concept, dict) else None
    named = [each for each in codings if isinstance(each, dict)] if isinstance(codings, list) else []
    codes = [Code(str(each.get("system")), str(each.get("code"))) for each in named]
    return [use for code in codes if (use := rules.use(code)) is not None]


def _is_risk(node: dict[str, Any], use: CodeUse, rules: Rules) -> bool:
    item = _critical(use, rules)
    return item is not None and any(is_harmful(score, item) for score in _scores(node, item))


def _critical(use: CodeUse, rules: Rules) -> Item | None:
    item = rules.instruments[use.instrument_id].by_number.get(use.item or 0)
    return None if item is None or item.least_harm_answer is None else item


def _scores(node: dict[str, Any], item: Item) -> Iterator[int]:
    """Every score that an element beside the code, or an answer to the question, could stand for."""
    for place in (node, *_nodes(node.get("answer"))):
        for value in [value for name, value in place.items() if name.startswith("value")]:
            for each in [*entries(value), *_nodes(value)]:
                yield from _score(each, item)


def _score(value: Any, item: Item) -> Iterator[int]:
    number = value.get("value") if isinstance(value, dict) else value
    score = whole_score(number) if isinstance(number, int | float | str) else None
    if score is not None:
        yield score
    if isinstance(value, dict):
        code, system = value.get("code"), value.get("system")
        yield from (
            answer for each, answer in item.answers.items() if each.code == code and system in (None, each.system)
        )
