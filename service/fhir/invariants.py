"""The rules of R4 that neither the JSON schema nor the models check, as far as they protect what this service does.

Left out on purpose: rules that real senders break without harm, such as obs-7, dom-3 and qty-3.
"""

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

from service.fhir.faults import Fault
from service.fhir.modifiers import modifiers
from service.fhir.outcome import MOST_ISSUES, Finding
from service.fhir.schema import names
from service.fhir.survey import Place, Survey, Tree, above, expression

Check = Callable[[Survey], Iterator[Place]]

_REFERENCE = re.compile(
    r"""[A-Z][A-Za-z]+/[A-Za-z0-9.-]{1,64}(/_history/[A-Za-z0-9.-]{1,64})?   # relative
    |   \#[A-Za-z0-9.-]{0,64}                                              # contained
    |   [A-Z][A-Za-z]+\?[^\s#]+                                            # conditional, in a transaction
    |   https?://[^\s<>"{}|\\^`/?\#@]+/[^\s<>"{}|\\^`]+
    |   urn:uuid:[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}
    |   urn:oid:[0-2](\.(0|[1-9][0-9]*))+""",
    re.VERBOSE,
)
_SCHEME = re.compile(r"[\x00-\x20]*([A-Za-z][A-Za-z0-9+.\s-]*):")
_REFERENCE_SCHEMES = frozenset({"http", "https", "urn"})
_DANGEROUS_SCHEMES = frozenset({"javascript", "vbscript", "file", "data", "blob", "about"})


def _empty(found: Survey) -> Iterator[Place]:
    yield from found.empty


def _nulls(found: Survey) -> Iterator[Place]:
    """FHIR R4, section 2.6.2.3: null keeps the place of a primitive that has only an id or extensions."""
    for place, holder in found.nulls:
        if isinstance(holder, dict) or not _has_companion(found, place):
            yield place


def _has_companion(found: Survey, place: Place) -> bool:
    array, index = place
    if array is None or array[0] is None or not isinstance(array[1], str) or not isinstance(index, int):
        return False
    name = array[1]
    other = _node(found, array[0]).get(name[1:] if name.startswith("_") else f"_{name}")
    return isinstance(other, list) and len(other) > index and other[index] is not None


def _node(found: Survey, place: Place) -> Any:
    node: Any = found.root
    for step in [each[1] for each in (place, *above(place))][-2::-1]:
        node = node[step]
    return node


def _schemes(found: Survey) -> Iterator[Place]:
    for place, value in found.addresses:
        scheme = _scheme(value)
        if scheme in _DANGEROUS_SCHEMES or (scheme and place[1] == "reference" and scheme not in _REFERENCE_SCHEMES):
            yield place


def _scheme(value: str) -> str:
    """The scheme a browser would see: it strips leading blanks and drops tabs and line ends inside."""
    match = _SCHEME.match(value)
    return re.sub(r"\s", "", match[1]).lower() if match else ""


def _references(found: Survey) -> Iterator[Place]:
    refused = set(_schemes(found))
    for place, value in found.addresses:
        if place[1] == "reference" and place not in refused and not _REFERENCE.fullmatch(value):
            yield place


def _contained_references(found: Survey) -> Iterator[Place]:
    held: dict[Place, set[str]] = {}
    for place, value in found.addresses:
        if place[1] == "reference" and value.startswith("#") and len(value) > 1:
            container = _container(found, place)
            if container not in held:
                held[container] = {each.get("id") for each in found.resources[container].get("contained", [])}
            if value[1:] not in held[container]:
                yield place


def _container(found: Survey, place: Place) -> Place:
    """The resource whose `contained` a fragment in this place refers to."""
    return next(each for each in above(place) if each in found.resources and not _is_contained(each))


def _is_contained(place: Place) -> bool:
    return place[0] is not None and place[0][1] == "contained"


def _contained_ids(found: Survey) -> Iterator[Place]:
    seen: set[tuple[Place, str]] = set()
    for place, resource in found.resources.items():
        if _is_contained(place):
            key = (_container(found, place), resource.get("id", ""))
            if not key[1] or key in seen:
                yield place
            seen.add(key)


def _nested_contained(found: Survey) -> Iterator[Place]:
    return (place for place, node in found.resources.items() if _is_contained(place) and "contained" in node)


def _extensions(found: Survey) -> Iterator[Place]:
    for place, node in found.extensions:
        valued = any(name.startswith(("value", "_value")) for name in node)
        if valued == ("extension" in node):
            yield place


def _absent_and_valued(found: Survey) -> Iterator[Place]:
    for place, resource in found.resources.items():
        absent = resource["resourceType"] == "Observation" and "dataAbsentReason" in resource
        if absent and any(name.startswith("value") for name in resource):
            yield place


def _periods(found: Survey) -> Iterator[Place]:
    for place, node in found.periods:
        start, end = node["start"], node["end"]
        if isinstance(start, str) and isinstance(end, str) and _later(start, end):
            yield place


def _later(start: str, end: str) -> bool:
    """Whether `start` is surely later: two instants as instants, anything else as far as both are written."""
    if "T" in start and "T" in end:
        return datetime.fromisoformat(_seconds(start)) > datetime.fromisoformat(_seconds(end))
    written = min(len(start), len(end), 10)
    return start[:written] > end[:written]


def _seconds(value: str) -> str:
    """Without what Python's parser refuses: more than six decimals, and the leap second."""
    return re.sub(r"(\.\d{6})\d+", r"\1", value).replace(":60", ":59")


def _narratives(found: Survey) -> Iterator[Place]:
    for place, value in found.narratives:
        first = re.search(r"<([A-Za-z][\w:.-]*)", value)
        if first is None or first[1] != "div" or not value.lstrip().startswith("<"):
            yield place


def _bundle_requests(found: Survey) -> Iterator[Place]:
    for place, entry, kind in _entries(found):
        if ("request" in entry) != (kind in {"batch", "transaction", "history"}):
            yield place


def _full_urls(found: Survey) -> Iterator[Place]:
    seen: set[tuple[Place | None, str, str]] = set()
    for place, entry, kind in _entries(found):
        version = entry.get("resource", {}).get("meta", {}).get("versionId", "")
        key = (place[0], entry.get("fullUrl", ""), version)
        if key[1] and kind != "history" and key in seen:
            yield place
        seen.add(key)


def _entries(found: Survey) -> Iterator[tuple[Place, Tree, str]]:
    for place, resource in found.resources.items():
        if resource["resourceType"] == "Bundle":
            for index, entry in enumerate(resource.get("entry", [])):
                yield ((place, "entry"), index), entry, resource.get("type", "")


class Rule(NamedTuple):
    """`name` is the key of the rule in R4 where it has one; `sentence` is empty where the error table's own says it."""

    name: str
    check: Check
    fault: Fault
    sentence: str = ""


RULES = (
    Rule("ele-1", _empty, Fault.ELEMENT_EMPTY),
    Rule("json-null", _nulls, Fault.ELEMENT_NULL),
    Rule("url-scheme", _schemes, Fault.SCHEME_REFUSED),
    Rule("reference-syntax", _references, Fault.REFERENCE_MALFORMED),
    Rule(
        "ref-1",
        _contained_references,
        Fault.INVARIANT_BROKEN,
        "A reference beginning with # must name a resource in 'contained' of the same resource (ref-1).",
    ),
    Rule(
        "contained-id",
        _contained_ids,
        Fault.INVARIANT_BROKEN,
        "Each contained resource needs an id of its own within the resource that holds it.",
    ),
    Rule(
        "dom-2",
        _nested_contained,
        Fault.INVARIANT_BROKEN,
        "A contained resource must not hold contained resources itself (dom-2).",
    ),
    Rule(
        "ext-1",
        _extensions,
        Fault.INVARIANT_BROKEN,
        "An extension has either a value or extensions of its own, not both and not neither (ext-1).",
    ),
    Rule("modifiers", modifiers, Fault.MODIFIER_UNKNOWN),
    Rule(
        "obs-6",
        _absent_and_valued,
        Fault.INVARIANT_BROKEN,
        "dataAbsentReason stands only where value[x] is absent (obs-6).",
    ),
    Rule("per-1", _periods, Fault.INVARIANT_BROKEN, "A Period must not end before it starts (per-1)."),
    Rule("txt-1", _narratives, Fault.INVARIANT_BROKEN, "The narrative must be one XHTML div element (txt-1)."),
    Rule(
        "bdl-3",
        _bundle_requests,
        Fault.INVARIANT_BROKEN,
        "Entries have a request in a batch, transaction or history, and in no other Bundle (bdl-3).",
    ),
    Rule("bdl-7", _full_urls, Fault.INVARIANT_BROKEN, "fullUrl must be unique within the Bundle (bdl-7)."),
)


def problems(found: Survey) -> list[Finding]:
    """What the rules say against a tree that schema and model have passed; empty when all is well."""
    broken = (
        Finding(rule.fault, expression(place, names()), rule.sentence) for rule in RULES for place in rule.check(found)
    )
    return list(islice(broken, MOST_ISSUES))
