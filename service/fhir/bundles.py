"""Several resources in one request (FHIR R4, 3.1.0.11): a transaction is one unit, a batch a unit for each entry."""

from functools import partial
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from service.fhir.bundled import SCOPES, Alone, batch_entries, finding, legible, outline, read_alone, read_transaction
from service.fhir.documentation import bundling
from service.fhir.door import Door, answer, only
from service.fhir.faults import Fault
from service.fhir.guard import check, decode
from service.fhir.outcome import BadInput, Finding, reply
from service.fhir.raw import instant
from service.fhir.unread import body_of, keep_unread
from service.flow.answer import Accepted, Refused, Repeated
from service.flow.receive_transaction import EntryRefused, receive_transaction
from service.shared.aside import aside
from service.shared.caller import Caller, OrganisationKind

Tree = dict[str, Any]
_OF_A_PROGRAMME = "; only a hospital sends a Bundle, a programme sends each Communication to POST Communication"


def router(door: Door) -> APIRouter:
    routes = APIRouter(tags=["FHIR"])
    take = partial(_take, door)
    routes.add_api_route("/fhir", take, methods=["POST"], **bundling(SCOPES))
    routes.add_api_route("/fhir/", take, methods=["POST"], include_in_schema=False)
    return routes


async def _take(door: Door, request: Request) -> Response:
    caller = await door.anybody(request)
    only(caller, OrganisationKind.HOSPITAL, OrganisationKind.COMMUNITY)
    body = await body_of(door, caller, request)
    if caller.kind is OrganisationKind.COMMUNITY:
        # What a programme wrote in it is heard all the same.
        problem = BadInput.of(Finding(Fault.SCOPE_TOO_SMALL, None, _OF_A_PROGRAMME))
        raise await keep_unread(door, caller, request, body, problem)
    try:
        tree = await aside(body, decode, body)
        outline(tree)
        return await (_batch if tree.get("type") == "batch" else _transaction)(door, caller, request, tree, body)
    except BadInput as problem:
        read = await aside(body, legible, body, door, caller, door.clock.now())
        await keep_unread(door, caller, request, body, problem, read)
        raise


# A transaction


async def _transaction(door: Door, caller: Caller, request: Request, tree: Tree, body: bytes) -> Response:
    now = door.clock.now()
    await aside(body, check, tree, body, "Bundle")
    transaction = await aside(body, read_transaction, body, door, caller, now)

    answers, stamp = await door.store.run_stamped(
        caller, lambda tx: receive_transaction(tx, door.rules, transaction, now)
    )
    if isinstance(answers, EntryRefused):
        raise BadInput.of(finding(answers.place, answers.refused))
    entries = [_answered(door, answers[place], stamp) for place in sorted(answers)]
    return answer(_bundle("transaction-response", entries))


# A batch


async def _batch(door: Door, caller: Caller, request: Request, tree: Tree, body: bytes) -> Response:
    entries = await aside(body, batch_entries, tree, body)
    return answer(_bundle("batch-response", [await _alone(door, caller, request, body, each) for each in entries]))


async def _alone(door: Door, caller: Caller, request: Request, body: bytes, alone: Alone) -> Tree:
    """One entry, as if it had come in a Bundle of its own: nothing that is wrong with it concerns another."""
    now = door.clock.now()
    try:
        message, step = await aside(body, read_alone, door, caller, alone, now)
    except BadInput as problem:
        await keep_unread(door, caller, request, alone.body(), problem)
        return _refused(problem)

    outcome, stamp = await door.store.run_stamped(caller, lambda tx: step(tx, door.rules, message, now))
    if isinstance(outcome, Refused):
        return _refused(BadInput.of(finding(alone.place, outcome)))
    return _answered(door, outcome, stamp)


# Both


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
