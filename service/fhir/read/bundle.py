"""A transaction Bundle -> its entries, their references into it made ready for the ids to come (FHIR R4, 3.1.0.11).

What an entry will be called is known only when it has been acted on, so a handle, a name that nobody else can know,
stands for it until then.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from service.fhir.asked import Asked
from service.fhir.conditions import condition_of, expected_version_of
from service.fhir.faults import Fault
from service.fhir.outcome import BadInput, Finding, Issue
from service.fhir.survey import Tree
from service.flow.received import Identifier, identifier_of

_RELATIVE = re.compile(r"[A-Z][A-Za-z]+/[A-Za-z0-9.-]{1,64}$")
_HISTORY = re.compile(r"/_history/[A-Za-z0-9.-]{1,64}$")


@dataclass(frozen=True, slots=True)
class Request:
    """What an entry asks for. `where` is its FHIRPath; `resource` has its numbers as they were written."""

    place: int
    method: str
    type: str
    resource: Tree
    full_url: str
    condition: Identifier | None
    target_id: str | None
    expected_version: int | None
    asked: Asked

    @property
    def where(self) -> str:
        return f"Bundle.entry[{self.place}]"

    def names(self) -> Iterator[Identifier]:
        """By what a conditional reference may mean it."""
        if self.condition is not None:
            yield self.condition
        said = self.resource.get("identifier", [])
        for each in said if isinstance(said, list) else (said,):
            named = identifier_of(each.get("system"), each.get("value"))
            if named is not None:
                yield named


@dataclass(frozen=True, slots=True)
class Linked:
    """A request whose references into the Bundle are handles; `mentions` are those of them, `asked` those of patients
    who are not in it. `body` is the resource as it is kept once ids have taken the handles' place."""

    request: Request
    handle: str
    body: bytes
    mentions: frozenset[str]
    asked: dict[str, Identifier]


@dataclass(slots=True)
class _Links:
    """The names by which entries can be referred to, the type of each by its handle, and what has been wrong."""

    types: dict[str, str]
    new_handle: Callable[[], str]
    by_url: dict[str, str] = field(default_factory=dict)
    by_identifier: dict[tuple[str, Identifier], str] = field(default_factory=dict)
    asked: dict[str, Identifier] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


def read_request(place: int, entry: Tree, base: str) -> Request:
    """The entry's request line and conditions; `base` is this server's. Raises BadInput for what cannot be asked."""
    where = f"Bundle.entry[{place}]"
    asked, resource = entry["request"], entry.get("resource")
    if asked["method"] not in ("POST", "PUT") or "ifNoneMatch" in asked or "ifModifiedSince" in asked:
        raise BadInput.of(Finding(Fault.REQUEST_NOT_TAKEN, f"{where}.request.method", "POST and PUT"))
    if resource is None:
        raise BadInput.of(Finding(Fault.ELEMENT_MISSING, f"{where}.resource", "resource"))
    address = asked["url"].removeprefix(f"{base}/fhir").removeprefix("/")
    path, _, query = address.partition("?")
    type, slash, id = path.partition("/")
    if type != resource["resourceType"]:
        raise BadInput.of(Finding(Fault.RESOURCE_TYPE_DIFFERS, f"{where}.resource", "that of request.url"))
    updates = asked["method"] == "PUT"
    if slash and (not updates or resource.get("id") != id):
        raise BadInput.of(Finding(Fault.ID_DIFFERS, f"{where}.resource.id"))
    try:
        condition = condition_of(query if updates else asked.get("ifNoneExist"), required=updates and not slash)
        version = expected_version_of(asked.get("ifMatch"))
    except BadInput as problem:
        raise inside(problem, f"{where}.request") from None
    url = entry.get("fullUrl", "")
    alone = Asked(asked["method"], path, query, asked.get("ifMatch"), asked.get("ifNoneExist"))
    return Request(place, alone.method, type, resource, url, condition, id if slash else None, version, alone)


def link(requests: list[Request], new_handle: Callable[[], str]) -> list[Linked]:
    """Put handles into all references that mean an entry, and into those that ask for a patient by identifier.

    In the order in which they are to be performed: each after all that it mentions, else as R4 has it, POST before
    PUT. Raises BadInput for a reference into the Bundle that finds nothing, and for references in a circle.
    """
    handles = [new_handle() for _ in requests]
    links = _Links({handle: each.type for handle, each in zip(handles, requests, strict=True)}, new_handle)
    for request, handle in zip(requests, handles, strict=True):
        links.by_url[request.full_url or handle] = handle
        for name in request.names():
            links.by_identifier.setdefault((request.type, name), handle)
    linked = [_link(request, handle, links) for request, handle in zip(requests, handles, strict=True)]
    if links.findings:
        raise BadInput.of(*links.findings)
    return _in_order(linked)


def _link(request: Request, handle: str, links: _Links) -> Linked:
    mentions: set[str] = set()
    for where, node in _references(request.resource, f"{request.where}.resource"):
        found = _meant(request, node["reference"], where, links)
        if found is not None and found != handle:
            node["reference"] = f"{links.types.get(found, 'Patient')}/{found}"
            mentions.add(found)
    asked = {each: links.asked[each] for each in mentions & links.asked.keys()}
    return Linked(request, handle, orjson.dumps(request.resource), frozenset(mentions), asked)


def _meant(request: Request, reference: str, where: str, links: _Links) -> str | None:
    """The handle of what is meant; None for what is not in the Bundle, which is resolved as in any other message."""
    if "?" in reference and reference[0].isupper():
        return _by_condition(reference, where, links)
    url = _HISTORY.sub("", reference)
    base = _RELATIVE.sub("", request.full_url) if request.full_url.startswith("http") else ""
    found = links.by_url.get(url) or links.by_url.get(base + url)
    if found is None and url.startswith("urn:"):
        links.findings.append(Finding(Fault.ENTRY_NOT_FOUND, where))
    return found


def _by_condition(reference: str, where: str, links: _Links) -> str | None:
    """Also who is not in the Bundle may be asked for so, if it is a patient: other references are only kept."""
    type = reference.partition("?")[0]
    try:
        name = condition_of(reference, required=True)
    except BadInput:
        name = None
    if name is None:
        if type == "Patient":
            links.findings.append(Finding(Fault.PARAMETER_MALFORMED, where, "identifier"))
        return None
    found = links.by_identifier.get((type, name))
    if found is None and type == "Patient":
        found = links.by_identifier[type, name] = links.new_handle()
        links.asked[found] = name
    return found


def _references(node: Any, where: str) -> Iterator[tuple[str, Tree]]:
    """Every Reference with a literal reference, the nearest to the root first."""
    for step, child in node.items() if isinstance(node, dict) else enumerate(node):
        place = f"{where}[{step}]" if isinstance(step, int) else f"{where}.{step}"
        if isinstance(child, dict | list):
            if isinstance(child, dict) and isinstance(child.get("reference"), str):
                yield f"{place}.reference", child
            yield from _references(child, place)


def _in_order(linked: list[Linked]) -> list[Linked]:
    waiting = sorted(linked, key=lambda each: (each.request.method, each.request.place))
    here, done, ordered = {each.handle for each in linked}, set[str](), list[Linked]()
    while waiting:
        ready = next((each for each in waiting if each.mentions & here <= done), None)
        if ready is None:
            raise BadInput.of(*(Finding(Fault.ENTRIES_IN_A_CIRCLE, each.request.where) for each in waiting))
        waiting.remove(ready)
        done.add(ready.handle)
        ordered.append(ready)
    return ordered


def inside(problem: BadInput, where: str) -> BadInput:
    """The same refusal of a resource, told of the place in the Bundle where it stands."""
    issues = (Issue(each.code, each.text, _below(where, each.expression)) for each in problem.issues)
    return BadInput(problem.status, tuple(issues))


def _below(where: str, expression: str | None) -> str:
    return f"{where}.{expression.partition('.')[2]}" if expression and "." in expression else where
