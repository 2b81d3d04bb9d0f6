"""The door for what a programme is worried about (FHIR Communication). It is never strict: whatever comes is kept.

An authenticated message is not refused for its scopes, its headers or its form. What was wrong with it is listed in the
answer, and a person is told.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from fastapi import APIRouter, Request, Response

from service.fhir.asked import asked_of
from service.fhir.conditions import condition_of
from service.fhir.documentation import taking
from service.fhir.door import DirectRoute, Door, Problem, answer, is_json, only, refusal, unsupported
from service.fhir.faults import ERRORS, Fault
from service.fhir.guard import parse
from service.fhir.outcome import BadInput, Finding, Issue, operation_outcome, reply
from service.fhir.read.communication import lenient, read_communication, read_unreadable
from service.fhir.showing import show
from service.fhir.shown import Shown
from service.fhir.unread import tell_operator, told_of, unread, whole_body
from service.flow.answer import Accepted, Reason, Refused, Told
from service.flow.receive_communication import Kept, ReceivedCommunication, receive_communication
from service.flow.receive_unreadable import UnreadableWords, receive_unreadable
from service.flow.received import Identifier
from service.shared.aside import aside
from service.shared.caller import Caller, OrganisationKind
from service.shared.errors import Unavailable
from service.shared.reply import Reply
from service.store.unit_of_work import UnitOfWork

PATH = "/fhir/Communication"


def router(door: Door) -> APIRouter:
    routes = APIRouter(tags=["FHIR"], route_class=DirectRoute)
    routes.add_api_route(PATH, partial(_hear, door), methods=["POST"], **taking("Communication", "POST", PATH))
    return routes


async def _hear(door: Door, request: Request) -> Response:
    try:
        return await _heard(door, request)
    except Unavailable as unavailable:
        emergency = Issue("informational", door.rules.escalation_texts["emergency"], severity="information")
        said = operation_outcome([Finding(Fault.UNAVAILABLE).issue(), emergency])
        raise Problem(replace(reply(unavailable), body=said)) from unavailable


async def _heard(door: Door, request: Request) -> Response:
    caller = await door.anybody(request, with_a_worry=True)
    only(caller, OrganisationKind.COMMUNITY)
    body = await whole_body(caller, request)
    tree = await asyncio.to_thread(lenient, body)
    if tree is None:
        problem = BadInput.of(Finding(Fault.NOT_JSON, None, "nothing in it can be read"))
        unreadable = await aside(body, unread, door, caller, asked_of(request), body, problem)
        raise Problem(
            await _hear_unread(door, caller, await asyncio.to_thread(read_unreadable, unreadable, body), problem)
        )
    issues = await asyncio.to_thread(_wrong, body, request)
    message = read_communication(tree, body, base=door.base_url, condition=_condition(request))
    kept = await _keep(door, caller, message)
    if kept.identifier_taken:
        issues.append(Finding(Reason.DIFFERENT_UNDER_SAME_IDENTIFIER, "Communication.identifier").issue())
    shown = await door.store.read(caller, partial(_show, door=door, id=kept.answer.id))
    return _answer(door, request, kept, issues, shown)


async def _keep(door: Door, caller: Caller, message: ReceivedCommunication) -> Kept:
    now = door.clock.now()
    kept = await door.store.run(caller, lambda tx: receive_communication(tx, door.rules, message, now))
    if kept.told is Told.THE_OPERATOR_MUST_BE and isinstance(kept.answer, Accepted):
        tell_operator(caller, kept.answer.id)
    return kept


async def _hear_unread(door: Door, caller: Caller, message: UnreadableWords, problem: BadInput) -> Reply:
    """What is no JSON is refused, but kept all the same, and the answer says who was told to ring its sender."""
    now = door.clock.now()
    told = await door.store.run(caller, lambda tx: receive_unreadable(tx, door.rules, message, now))
    if told is Told.THE_OPERATOR_MUST_BE:
        tell_operator(caller, message.unreadable.id)
    return Reply(problem.status, operation_outcome([*problem.issues, *told_of(door, told)]), {})


def _wrong(body: bytes, request: Request) -> list[Issue]:
    """What another door would have refused it for."""
    try:
        parse(body, "Communication")
        issues: tuple[Issue, ...] = ()
    except BadInput as problem:
        issues = problem.issues
    return [*issues, *_odd_headers(request)]


def _odd_headers(request: Request) -> Iterator[Issue]:
    if not is_json(request):
        yield from unsupported().issues
    if request.headers.get("if-none-exist") and _condition(request) is None:
        yield Finding(Fault.PARAMETER_MALFORMED, None, "identifier").issue()


def _condition(request: Request) -> Identifier | None:
    try:
        return condition_of(request.headers.get("if-none-exist"), required=False)
    except BadInput:
        return None


def _show(tx: UnitOfWork, *, door: Door, id: str) -> Shown | None:
    return show(tx, door.rules, "Communication", id, door.clock.now())


def _answer(door: Door, request: Request, kept: Kept, issues: list[Issue], shown: Shown | None) -> Response:
    """First what to do if it is urgent, then who was told, then what was wrong: an OperationOutcome, unless
    `Prefer: return=representation` asks for the Communication, which holds the first of these in its note."""
    texts, created = door.rules.escalation_texts, isinstance(kept.answer, Accepted)
    said = [Issue("informational", texts["emergency"]), Issue("informational", texts[kept.told])]
    body = operation_outcome([*said, *(replace(each, severity="warning") for each in issues)], "information")
    prefer = request.headers.get("prefer", "")
    if "return=minimal" in prefer:
        body = b""
    elif "return=representation" in prefer and shown is not None:
        body = shown.body()
    etag, stamp = (shown.etag, shown.stamp) if shown else (None, None)
    location = f"{door.fhir_base}/Communication/{kept.answer.id}/_history/{etag or kept.answer.version}"
    return answer(body, status=201 if created else 200, etag=etag, stamp=stamp, Location=location)


def refused(door: Door, caller: Caller, outcome: Refused) -> Response:
    """A no. What a programme wrote beside it is heard all the same: by a clinician, or else the operator has to."""
    if outcome.told is None:
        return refusal(outcome)
    if outcome.told is Told.THE_OPERATOR_MUST_BE:
        tell_operator(caller, "inbound")
    told = told_of(door, outcome.told)
    why = Finding(outcome.reason, outcome.element)
    return refusal(Reply(ERRORS[why.kind].status, operation_outcome([why.issue(), *told]), {}))
