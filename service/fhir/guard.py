"""The edge guard: a body becomes a tree only when everything that can be known from the body alone is right.

The stages go from cheap to dear, and each refuses with all it found: bytes, JSON, shape, lengths, R4 schema, R4B model,
invariants.
"""

import json
import math
import re
from collections import Counter
from contextlib import suppress
from typing import Any

import orjson

from service.fhir import invariants, lengths, models, schema
from service.fhir.faults import Fault
from service.fhir.outcome import BadInput, Finding
from service.fhir.survey import DEEPEST, Place, Repeated, Survey, Tree, expression, survey

LARGEST = 2 * 1024 * 1024

_BLANK_BEFORE_COLON = re.compile(r'"\s+:')
_ESCAPE = re.compile(r"\\[ubf]")


def parse(body: bytes, resource_type: str | None = None) -> Tree:
    """The resource in `body`, checked; `resource_type` is the one in the address, None where any will do.

    Decimals come as floats: who needs their written form takes the received bytes (`raw`). References are checked for
    syntax only. Raises BadInput with every problem that the first failing stage found, and nothing else.
    """
    return _checked(_survey(_text(body), resource_type), body, resource_type)


def decode(body: bytes) -> Tree:
    """What `body` holds, as `check` takes it. Raises BadInput when it is no JSON object in UTF-8."""
    return _tree(_text(body))


def check(tree: Tree, body: bytes, resource_type: str | None = None) -> Tree:
    """The same tree, looked at in every way that `parse` does; `body` is its content as JSON. Raises BadInput."""
    return _checked(_look(tree, resource_type, escapes=True), body, resource_type)


def _checked(found: Survey, body: bytes, resource_type: str | None) -> Tree:
    _stop(_shape(found))
    _stop(_types(found, resource_type))
    _stop(list(lengths.problems(found)))
    _stop(schema.problems(found))
    _stop(models.problems(found, body))
    _stop(invariants.problems(found))
    return found.root


def _survey(text: str, resource_type: str | None) -> Survey:
    """A quick parser reads what is plainly right; the careful one tells what is wrong, and what came twice.

    Where neither an escape nor a blank before a colon stands, each name of a member shows as `":` at least once.
    """
    escapes = _ESCAPE.search(text) is not None
    if "\\" not in text and not _BLANK_BEFORE_COLON.search(text):
        with suppress(orjson.JSONDecodeError):
            tree = orjson.loads(text)
            if isinstance(tree, dict) and (found := _look(tree, resource_type, escapes)).names == text.count('":'):
                return found
    return _look(_tree(text), resource_type, escapes)


def _look(tree: Tree, resource_type: str | None, escapes: bool) -> Survey:
    kind = tree.get("resourceType")
    known = isinstance(kind, str) and kind in schema.RESOURCE_TYPES
    return survey(tree, str(kind) if known else resource_type or "Resource", escapes)


def _stop(findings: list[Finding]) -> None:
    if findings:
        raise BadInput.of(*findings)


def _text(body: bytes) -> str:
    if len(body) > LARGEST:
        raise BadInput.of(Finding(Fault.BODY_TOO_LARGE, None, str(LARGEST)))
    if not body.strip():
        raise BadInput.of(Finding(Fault.BODY_EMPTY))
    try:
        text = body.decode()
    except UnicodeDecodeError:
        text = None
    # A NUL byte means UTF-16 or UTF-32, which without a byte order mark would pass as odd UTF-8.
    if text is None or b"\x00" in body or text.startswith("\ufeff"):
        raise BadInput.of(Finding(Fault.NOT_UTF8))
    return text


class _NotFinite(ValueError):
    """A number that JSON does not know, or that a double cannot hold."""


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise _NotFinite
    return number


def _integer(digits: str) -> int | float:
    """Beyond 64 bits a whole number comes as a float, as any other decimal: no FHIR integer is that large."""
    return int(digits) if len(digits) < 19 else _finite(digits)


def _object(members: list[tuple[str, Any]]) -> Tree:
    tree = dict(members)
    if len(tree) == len(members):
        return tree
    repeated = Repeated(tree)
    repeated.names = [name for name, times in Counter(name for name, _ in members).items() if times > 1]
    return repeated


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_float=_finite, parse_int=_integer, parse_constant=_finite)


def _tree(text: str) -> Tree:
    # The refusal is raised outside the handlers, so that it never carries the parser's error and with it the body.
    finding = Finding(Fault.NOT_AN_OBJECT)
    try:
        tree = _DECODER.decode(text)
        if isinstance(tree, dict):
            return tree
    except json.JSONDecodeError as error:
        finding = Finding(Fault.NOT_JSON, None, f"{error.msg}, line {error.lineno}, column {error.colno}")
    except _NotFinite:
        finding = Finding(Fault.NUMBER_NOT_FINITE)
    except RecursionError:
        finding = Finding(Fault.TOO_DEEP, None, str(DEEPEST))
    raise BadInput.of(finding)


def _shape(found: Survey) -> list[Finding]:
    """What is wrong with the tree as JSON, whatever it means."""

    def at(place: Place) -> str:
        return expression(place, schema.names())

    return [
        *(Finding(Fault.TOO_DEEP, at(place), str(DEEPEST)) for place in found.too_deep),
        *(Finding(Fault.MEMBER_REPEATED, at(place), _known(node.names)) for place, node in found.repeated),
        *(Finding(Fault.CHARACTER_NOT_ALLOWED, at(place)) for place in found.not_allowed),
    ]


def _known(repeated: list[str]) -> str:
    known = sorted(schema.names().intersection(repeated))
    return f": {', '.join(known)}" if known else ""


def _types(found: Survey, wanted: str | None) -> list[Finding]:
    """Each resource, also one in another, must say a type that is taken here, and the outermost the wanted one."""
    findings = []
    for place, resource in found.resources.items():
        where, kind = expression(place, schema.names()), resource.get("resourceType")
        if not isinstance(kind, str):
            findings.append(Finding(Fault.RESOURCE_TYPE_MISSING, where))
        elif resource is found.root and wanted is not None and kind != wanted:
            findings.append(Finding(Fault.RESOURCE_TYPE_DIFFERS, where, wanted))
        elif kind not in schema.RESOURCE_TYPES:
            findings.append(Finding(Fault.RESOURCE_TYPE_NOT_TAKEN, where, ", ".join(sorted(schema.RESOURCE_TYPES))))
    return findings
