"""Several resources in one request (FHIR R4, 3.1.0.11): a transaction is one unit, a batch a unit for each entry."""

import hashlib
import itertools
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from service.fhir import survey
from service.fhir.documentation import bundling
from service.fhir.door import Door, answer, only, read_body
from service.fhir.faults import Fault
from service.fhir.guard import check, decode
from service.fhir.intake import ADDRESSES, Address, aside
from service.fhir.outcome import BadInput, Finding, reply
from service.fhir.raw import exact, instant
from service.fhir.read import bundle as wire
from service.fhir.read import common
from service.fhir.unread import keep_unread
from service.flow.answer import Accepted, Answer, Refused, Repeated
from service.flow.doubt_identity import doubt_again
from service.flow.receive_transaction import (
    Entry,
    EntryRefused,
    Message,
    ReceivedTransaction,
    aimed,
    receive_transaction,
)
from service.flow.received import ENTRY_NAME, Identifier, Received
from service.security.scopes import allows
from service.shared.caller import Caller, OrganisationKind
from service.shared.ids import new_id
from service.store.unit_of_work import UnitOfWork

Tree = dict[str, Any]
MOST_ENTRIES = 200
_ALONE: Tree = {"resourceType": "Bundle", "type": "batch"}

# What an entry may ask for is what has an address of its own; an update by identifier is one too.
_TAKEN: Mapping[tuple[str, str], Address] = {
    (address.method, address.type): address for address in ADDRESSES if address.kind is OrganisationKind.HOSPITAL
}
_SCOPES = frozenset(f"system/{address.type}.{address.interaction}" for address in _TAKEN.values())


def router(door: Door) -> APIRouter:
    routes = APIRouter(tags=["FHIR"])
    take = partial(_take, door)
    routes.add_api_route("/fhir", take, methods=["POST"], **bundling(_SCOPES))
    routes.add_api_route("/fhir/", take, methods=["POST"], include_in_schema=False)
    return routes


async def _take(door: Door, request: Request) -> Response:
    caller = await door.anybody(request)
    only(caller, OrganisationKind.HOSPITAL)
    body = await read_body(request)
    try:
        tree = await aside(body, partial(decode, body))
        _outline(tree)
        return await (_batch if tree.get("type") == "batch" else _transaction)(door, caller, request, tree, body)
    except BadInput as problem:
        await keep_unread(door, caller, request, body, problem)
        raise


def _outline(tree: Tree) -> None:
    """What can be told of a Bundle before anything dear is done. Raises BadInput."""
    kind, entries = tree.get("type"), tree.get("entry")
    if tree.get("resourceType") == "Bundle" and kind is not None and kind not in ("transaction", "batch"):
        raise BadInput.of(Finding(Fault.BUNDLE_TYPE_NOT_TAKEN, "Bundle.type"))
    if isinstance(entries, list) and len(entries) > MOST_ENTRIES:
        raise BadInput.of(Finding(Fault.TOO_MANY_ENTRIES, "Bundle.entry", str(MOST_ENTRIES)))


# A transaction


async def _transaction(door: Door, caller: Caller, request: Request, tree: Tree, body: bytes) -> Response:
    now = door.clock.now()
    await aside(body, partial(check, tree, body, "Bundle"))
    transaction = await aside(body, partial(_read_transaction, body, door, caller, now))

    def unit(tx: UnitOfWork) -> tuple[dict[int, Accepted | Repeated], UnitOfWork]:
        return receive_transaction(tx, door.rules, transaction, now), tx

    try:
        answers, tx = await door.store.run(caller, unit)
    except EntryRefused as problem:
        refused, refusing = problem.refused, _finding(problem.place, problem.refused)
    else:
        entries = [_answered(door, answers[place], tx.stamp) for place in sorted(answers)]
        return answer(_bundle("transaction-response", entries))
    if refused.doubted:
        await door.store.run(caller, lambda tx: doubt_again(tx, door.rules, refused, now))
    # Raised here, so that it does not carry the unit's own error with it.
    raise BadInput.of(refusing)


def _read_transaction(body: bytes, door: Door, caller: Caller, now: datetime) -> ReceivedTransaction:
    """The transaction as the step takes it, with handles where it refers to itself. Raises BadInput."""
    requests = [_request(place, entry, door, caller) for place, entry in enumerate(exact(body).get("entry", ()))]
    whole = hashlib.sha256(body).hexdigest()
    linked = wire.link(requests, new_id)
    entries = tuple(_entry(each, whole, door, caller, now) for each in linked)
    asked = {handle: name for each in linked for handle, name in each.asked.items()}
    return ReceivedTransaction(Received("Bundle", body), entries, asked)


def _entry(linked: wire.Linked, whole: str, door: Door, caller: Caller, now: datetime) -> Entry:
    request = linked.request
    # What came without a name is told by its place in exactly this Bundle: sent again, it is the same.
    name = Identifier(ENTRY_NAME, f"{whole}#{request.full_url or request.place}")
    message = _message(request, orjson.loads(linked.body), linked.body, door, caller, now, name)
    return Entry(request.place, linked.handle, message, linked.mentions, request.method == "PUT")


# A batch


async def _batch(door: Door, caller: Caller, request: Request, tree: Tree, body: bytes) -> Response:
    bare = {name: value for name, value in tree.items() if name != "entry"}
    check(bare, orjson.dumps(bare), "Bundle")
    if isinstance(tree, survey.Repeated) or not isinstance(tree.get("entry", []), list):
        check(tree, body, "Bundle")
    entries = zip(itertools.count(), tree.get("entry", ()), exact(body).get("entry", ()), strict=False)
    return answer(_bundle("batch-response", [await _alone(door, caller, request, *each) for each in entries]))


async def _alone(door: Door, caller: Caller, request: Request, place: int, entry: Any, exactly: Any) -> Tree:
    """One entry, as if it had come in a Bundle of its own: nothing that is wrong with it concerns another."""
    now = door.clock.now()
    body = orjson.dumps({**_ALONE, "entry": [exactly]})
    try:
        _check_alone(place, entry, body)
        asked = _request(place, exactly, door, caller)
        resource = orjson.dumps(asked.resource)
        message = _message(asked, orjson.loads(resource), resource, door, caller, now)
    except BadInput as problem:
        await keep_unread(door, caller, request, body, problem)
        return _refused(problem)
    step, updates = _TAKEN[asked.method, asked.type].step, asked.method == "PUT"

    def unit(tx: UnitOfWork) -> tuple[Answer, UnitOfWork]:
        return step(tx, door.rules, aimed(tx, message, updates=updates), now), tx

    outcome, tx = await door.store.run(caller, unit)
    if isinstance(outcome, Refused):
        return _refused(BadInput.of(_finding(place, outcome)))
    return _answered(door, outcome, tx.stamp)


def _check_alone(place: int, entry: Any, body: bytes) -> None:
    try:
        check({**_ALONE, "entry": [entry]}, body, "Bundle")
        return
    except BadInput as problem:
        told = [(each, (each.expression or "").removeprefix("Bundle.entry[0]")) for each in problem.issues]
        issues = tuple(replace(each, expression=f"Bundle.entry[{place}]{below}") for each, below in told)
        refusing = BadInput(problem.status, issues)
    raise refusing


# Both


def _request(place: int, entry: Tree, door: Door, caller: Caller) -> wire.Request:
    """What the entry asks for, if that is taken here and this caller may. Raises BadInput."""
    request = wire.read_request(place, entry, door.base_url)
    address = _TAKEN.get((request.method, request.type))
    if address is None:
        taken = ", ".join(f"{method} {type}" for method, type in sorted(_TAKEN))
        raise BadInput.of(Finding(Fault.REQUEST_NOT_TAKEN, f"{request.where}.request", taken))
    if not allows(caller.scopes, request.type, address.interaction):
        needed = f"; needed is system/{request.type}.{address.interaction.value}"
        raise BadInput.of(Finding(Fault.SCOPE_TOO_SMALL, f"{request.where}.request", needed))
    return request


def _message(
    request: wire.Request,
    tree: Tree,
    body: bytes,
    door: Door,
    caller: Caller,
    now: datetime,
    name: Identifier | None = None,
) -> Message:
    """What the step takes; `name` is for what is created and has no identifier of its own. Raises BadInput."""
    received = common.received(
        tree,
        body,
        condition=request.condition,
        target_id=request.target_id,
        expected_version=request.expected_version,
    )
    if request.method == "POST" and received.condition is None and not received.identifiers:
        received = replace(received, condition=name)
    try:
        message: Message = _TAKEN[request.method, request.type].read(tree, received, door, caller, now)
        return message
    except BadInput as problem:
        refusing = wire.inside(problem, f"{request.where}.resource")
    raise refusing


def _finding(place: int, refused: Refused) -> Finding:
    element = f".resource.{refused.element}" if refused.element else ""
    return Finding(refused.reason, f"Bundle.entry[{place}]{element}")


def _answered(door: Door, outcome: Accepted | Repeated, stamp: int | None) -> Tree:
    """An entry of the answer (FHIR R4, Bundle.entry.response): 201 for what was made, 200 for what was there."""
    created = isinstance(outcome, Accepted) and outcome.created
    response = {
        "status": _status(201 if created else 200),
        "location": f"{door.fhir_base}/{outcome.type}/{outcome.id}/_history/{outcome.version}",
        "etag": f'W/"{outcome.version}"',
    }
    if isinstance(outcome, Accepted) and stamp is not None:
        response["lastModified"] = instant(stamp)
    return {"response": response}


def _refused(problem: BadInput) -> Tree:
    said = reply(problem)
    return {"response": {"status": _status(said.status), "outcome": orjson.loads(said.body)}}


def _status(code: int) -> str:
    return f"{code} {HTTPStatus(code).phrase}"


def _bundle(type: str, entries: list[Tree]) -> bytes:
    return orjson.dumps({"resourceType": "Bundle", "type": type} | ({"entry": entries} if entries else {}))
