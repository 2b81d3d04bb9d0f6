"""Several resources in one request (FHIR R4, 3.1.0.11): a transaction is one unit, a batch a unit for each entry."""

import itertools
from functools import partial
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from service.fhir import survey
from service.fhir.bundled import (
    ALONE,
    MOST_ENTRIES,
    TAKEN,
    check_alone,
    legible,
    read_message,
    read_request,
    read_transaction,
)
from service.fhir.documentation import bundling
from service.fhir.door import Door, answer, only, read_body
from service.fhir.faults import Fault
from service.fhir.guard import check, decode
from service.fhir.intake import aside
from service.fhir.outcome import BadInput, Finding, reply
from service.fhir.raw import exact, instant
from service.fhir.unread import keep_unread
from service.flow.answer import Accepted, Answer, Refused, Repeated
from service.flow.doubt_identity import doubt_again
from service.flow.receive_transaction import EntryRefused, aimed, receive_transaction
from service.shared.caller import Caller, OrganisationKind
from service.store.unit_of_work import UnitOfWork

Tree = dict[str, Any]
_SCOPES = frozenset(f"system/{address.type}.{address.interaction}" for address in TAKEN.values())


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
        read = await aside(body, partial(legible, body, door, caller, door.clock.now()))
        await keep_unread(door, caller, request, body, problem, read)
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
    transaction = await aside(body, partial(read_transaction, body, door, caller, now))

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
    body = orjson.dumps({**ALONE, "entry": [exactly]})
    try:
        check_alone(place, entry, body)
        asked = read_request(place, exactly, door, caller)
        resource = orjson.dumps(asked.resource)
        message = read_message(asked, orjson.loads(resource), resource, door, caller, now)
    except BadInput as problem:
        await keep_unread(door, caller, request, body, problem)
        return _refused(problem)
    step, updates = TAKEN[asked.method, asked.type].step, asked.method == "PUT"

    def unit(tx: UnitOfWork) -> tuple[Answer, UnitOfWork]:
        return step(tx, door.rules, aimed(tx, message, updates=updates), now), tx

    outcome, tx = await door.store.run(caller, unit)
    if isinstance(outcome, Refused):
        return _refused(BadInput.of(_finding(place, outcome)))
    return _answered(door, outcome, tx.stamp)


# Both


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
