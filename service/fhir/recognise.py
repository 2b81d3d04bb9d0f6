"""What a refused body may have been about: a screening result that went astray must not go unnoticed."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from service.fhir.asked import A_BUNDLE, Asked
from service.fhir.read.common import entries, reference_of
from service.fhir.read.communication import lenient
from service.fhir.read.questionnaire_response import use_of
from service.fhir.read.unwelcome import may_be_a_no, may_stop, may_tell_of_event, who_in
from service.fhir.read.written import is_name
from service.flow.keep_unreadable import Recognised, Salvaged
from service.flow.received import Reference
from service.flow.rules import LEAST_TELLING, Rules
from service.screening.decide import is_harmful
from service.screening.instrument import CodeUse, Item
from service.screening.result import whole_score
from service.shared.code import Code

_MARK = b"\xef\xbb\xbf"
_LINK_ID = re.compile(rb'"linkId"\s*:\s*"([^"\\]*)"')
_NUMBER = re.compile(rb'"value[A-Za-z]*"\s*:\s*"?(\d{1,4})')

# What names her in a result, and in a Consent.
_SUBJECT = ("subject", "patient")

_Questions = Mapping[str, CodeUse]
_Forms = Mapping[str, _Questions]


def recognise(body: bytes, rules: Rules, forms: _Forms) -> Recognised:
    """Whether a code of a known instrument, or a question of one of the site's forms, stands anywhere in it, and
    beside a critical one an answer that is risk. `forms` are by canonical URL and linkId.

    What is no JSON at all is searched for them as text. Nothing is decided from this: a person is told to look.
    """
    try:
        tree = orjson.loads(body.removeprefix(_MARK))
    except orjson.JSONDecodeError:
        return _in_text(body, rules, forms)
    return _in_tree(tree, rules, forms)


def salvage(
    body: bytes,
    rules: Rules,
    forms: _Forms,
    base: str,
    now: datetime,
    handles: Mapping[str, str] | None = None,
    asked: Asked = A_BUNDLE,
) -> list[Salvaged]:
    """What can be told of each resource in it, and whom it is of. `base` is this server's, without /fhir; `handles` are
    those of the transaction that it is of, by the URL of their entries; `asked` is the request that it came with.

    A member that stands twice counts with all its values. What can be told of the body as a whole alone is nobody's.
    """
    handles = handles or {}
    whole, tree = recognise(body, rules, forms), lenient(body)
    found = [
        _told({"resourceType": where.type, **each}, where, rules, forms, base, now, handles)
        for each, where in _sent(tree, asked, base)
    ]
    worst = max((each.recognised for each in found), default=Recognised.NOTHING)
    return [*found, Salvaged(whole)] if whole > worst else found


def _sent(tree: Any, asked: Asked, base: str) -> Iterator[tuple[dict[str, Any], Asked]]:
    """Each resource in it, and what is asked with it. What is no resource may be whatever is taken at its
    address."""
    if not isinstance(tree, dict | list) and asked.path:
        yield {}, asked
    held = tree.get("entry", tree) if isinstance(tree, dict) else tree
    for each in entries(held):
        if isinstance(each, dict):
            where = _asked_by(each, base) or asked
            yield from ((one, where) for one in entries(each.get("resource", each)) if isinstance(one, dict))


def _asked_by(entry: dict[str, Any], base: str) -> Asked | None:
    request = entry.get("request")
    url = request.get("url") if isinstance(request, dict) else None
    return Asked("", url.removeprefix(f"{base}/fhir").partition("?")[0].strip("/")) if isinstance(url, str) else None


def _told(
    resource: dict[str, Any],
    asked: Asked,
    rules: Rules,
    forms: _Forms,
    base: str,
    now: datetime,
    handles: Mapping[str, str],
) -> Salvaged:
    who = who_in(resource, asked.id, now)
    names = [Reference("Patient", identifier=each) for each in who.received.names] if who else []
    own = [Reference("Patient", who.own_id)] if who and who.own_id else []
    return Salvaged(
        _in_tree(resource, rules, forms),
        (names or own) if who else _subjects(resource, base, handles),
        may_tell_of_event(resource, rules, now),
        refuses=may_be_a_no(resource, rules.consent_terms),
        who=who,
        addressed=Reference(asked.type, asked.id) if asked.id else None,
        stops=may_stop(resource, asked),
    )


def _subjects(resource: Any, base: str, handles: Mapping[str, str]) -> list[Reference]:
    """Whom it and everything in it names as the subject; nobody when any of that is no sound reference to somebody."""
    if not isinstance(resource, dict) or resource.keys().isdisjoint(_SUBJECT):
        return []
    named = [each for node in _nodes(resource) for name in _SUBJECT if name in node for each in entries(node[name])]
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


def _in_tree(tree: Any, rules: Rules, forms: _Forms) -> Recognised:
    nodes = list(_nodes(tree))
    named = {
        str(node.get("questionnaire", "")).partition("|")[0]
        for node in nodes
        if node.get("resourceType") == "QuestionnaireResponse"
    }
    asked = {node["linkId"] for node in nodes if isinstance(node.get("linkId"), str) and "item" not in node}
    of_name = [forms[each] for each in named if each in forms and asked & forms[each].keys()]
    meant = of_name or _sharing(asked, forms)
    found = [(node, use) for node in nodes for use in _uses(node, rules, meant)]
    if any(_is_risk(node, use, rules) for node, use in found):
        return Recognised.A_CRITICAL_ANSWER
    return Recognised.AN_INSTRUMENT if found else Recognised.NOTHING


def _sharing(asked: set[str], forms: _Forms) -> list[_Questions]:
    """The site's forms that these may be the questions of, whatever the form is called: they have half of them in
    common, or of their own."""
    shared = ((form, len(asked & form.keys())) for form in forms.values())
    return [form for form, common in shared if common and 2 * common >= min(len(asked), len(form))]


def _in_text(body: bytes, rules: Rules, forms: _Forms) -> Recognised:
    body = body.replace(rb"\/", b"/")
    known = ((code.code.encode(), code.system.encode(), use) for code, use in rules.by_code.items())
    found = {code: use for code, of, use in known if code in body and (len(code) >= LEAST_TELLING or of in body)}
    said = [*_beside_codes(body, found), *_beside_questions(body, rules, forms)]
    if any(_may_be_risk(behind, item) for use, behind in said if (item := _critical(use, rules)) is not None):
        return Recognised.A_CRITICAL_ANSWER
    ours = any(system.encode() in body for system in rules.own_systems)
    return Recognised.AN_INSTRUMENT if found or said or ours else Recognised.NOTHING


def _beside_codes(body: bytes, found: Mapping[bytes, CodeUse]) -> list[tuple[CodeUse, bytes]]:
    """What stands behind each of these codes, and before the next one: FHIR has its elements in this order."""
    if not found:
        return []
    _, *said = re.split(b'"(' + b"|".join(map(re.escape, found)) + b')"', body)
    return [(found[code], behind) for code, behind in zip(said[::2], said[1::2], strict=True)]


def _beside_questions(body: bytes, rules: Rules, forms: _Forms) -> list[tuple[CodeUse, bytes]]:
    """What stands behind each question of a form, likewise."""
    _, *said = _LINK_ID.split(body)
    asked = [each.decode(errors="replace") for each in said[::2]]
    meant = _sharing(set(asked), forms)
    beside = zip(asked, said[1::2], strict=True)
    return [(use, behind) for link_id, behind in beside for use in _uses_of(link_id, rules, meant)]


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


def _uses(node: dict[str, Any], rules: Rules, meant: Sequence[_Questions]) -> list[CodeUse]:
    link_id = node.get("linkId")
    if isinstance(link_id, str):
        return _uses_of(link_id, rules, meant)
    concept = node.get("code")
    codings = concept.get("coding") if isinstance(concept, dict) else None
    named = [each for each in codings if isinstance(each, dict)] if isinstance(codings, list) else []
    codes = [Code(str(each.get("system")), str(each.get("code"))) for each in named]
    return [use for code in codes if (use := rules.use(code) or rules.use_elsewhere(code.code)) is not None]


def _uses_of(link_id: str, rules: Rules, meant: Sequence[_Questions]) -> list[CodeUse]:
    alone = rules.use_elsewhere(link_id.rpartition("|")[2])
    return [use for form in meant or [{}] if (use := use_of(link_id, form, rules) or alone) is not None]


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
