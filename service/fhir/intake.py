"""The addresses that take something in: guard, read, one step in one unit, and the answer after the commit."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from fastapi import APIRouter, Request, Response

from service.fhir.asked import Asked, asked_of
from service.fhir.conditions import condition_of, expected_version_of
from service.fhir.documentation import taking
from service.fhir.door import DirectRoute, Door, Problem, answer, only
from service.fhir.faults import Fault
from service.fhir.guard import parse
from service.fhir.hearing import refused
from service.fhir.outcome import BadInput, Finding, Issue, operation_outcome, reply
from service.fhir.raw import patch
from service.fhir.read import common
from service.fhir.read.consent import read_consent
from service.fhir.read.contact import read_contact
from service.fhir.read.observation import read_observation
from service.fhir.read.patient import read_patient
from service.fhir.read.questionnaire_response import read_response
from service.fhir.remarks import NOT_ACTED_ON, REMARKS
from service.fhir.unread import body_of, keep_unread, told_of
from service.flow.answer import Accepted, Answer, Reason, Refused, Repeated
from service.flow.receive_alone import receive_consent, receive_patient
from service.flow.receive_result import receive_result
from service.flow.received import Received
from service.flow.received_result import ReceivedResult
from service.flow.record_consent import ReceivedConsent
from service.flow.record_contact import ReceivedContact, record_contact
from service.flow.register_patient import ReceivedPatient
from service.flow.rules import Rules
from service.security.scopes import Interaction
from service.shared.aside import aside
from service.shared.caller import Caller, OrganisationKind
from service.store.unit_of_work import UnitOfWork

Tree = dict[str, Any]
Read = Callable[[Tree, Received, Door, Caller, datetime], Any]
Step = Callable[[UnitOfWork, Rules, Any, datetime], Answer]


@dataclass(frozen=True, slots=True)
class Address:
    """What is done with a body sent here: `read` makes a message of it, on which `step` is performed."""

    kind: OrganisationKind
    method: str
    path: str
    type: str
    read: Read
    step: Step

    @property
    def interaction(self) -> Interaction:
        return Interaction.CREATE if self.method == "POST" else Interaction.UPDATE


def _register(tree: Tree, received: Received, door: Door, caller: Caller, now: datetime) -> ReceivedPatient:
    return read_patient(tree, received, updates=False, now=now)


def _revise(tree: Tree, received: Received, door: Door, caller: Caller, now: datetime) -> ReceivedPatient:
    return read_patient(tree, received, updates=True, now=now)


def _consent(tree: Tree, received: Received, door: Door, caller: Caller, now: datetime) -> ReceivedConsent:
    return read_consent(tree, received, terms=door.rules.consent_terms, base=door.base_url, now=now)


def _observation(tree: Tree, received: Received, door: Door, caller: Caller, now: datetime) -> ReceivedResult:
    return read_observation(tree, received, rules=door.rules, base=door.base_url, now=now)


def _response(tree: Tree, received: Received, door: Door, caller: Caller, now: datetime) -> ReceivedResult:
    forms = door.rules.policy(caller.organisation_id).forms
    return read_response(tree, received, rules=door.rules, questions=forms, base=door.base_url, now=now)


def _contact(tree: Tree, received: Received, door: Door, caller: Caller, now: datetime) -> ReceivedContact:
    return read_contact(tree, received, base=door.base_url, now=now, labels=door.rules.labels)


_HOSPITAL, _COMMUNITY = OrganisationKind.HOSPITAL, OrganisationKind.COMMUNITY
# Routes are tried in this order, and results are by far the most that comes.
ADDRESSES = (
    Address(_HOSPITAL, "POST", "/fhir/Observation", "Observation", _observation, receive_result),
    Address(_HOSPITAL, "PUT", "/fhir/Observation/{id}", "Observation", _observation, receive_result),
    Address(_HOSPITAL, "POST", "/fhir/QuestionnaireResponse", "QuestionnaireResponse", _response, receive_result),
    Address(_HOSPITAL, "PUT", "/fhir/QuestionnaireResponse/{id}", "QuestionnaireResponse", _response, receive_result),
    Address(_HOSPITAL, "POST", "/fhir/Patient", "Patient", _register, receive_patient),
    Address(_HOSPITAL, "PUT", "/fhir/Patient", "Patient", _revise, receive_patient),
    Address(_HOSPITAL, "PUT", "/fhir/Patient/{id}", "Patient", _revise, receive_patient),
    Address(_HOSPITAL, "POST", "/fhir/Consent", "Consent", _consent, receive_consent),
    Address(_HOSPITAL, "PUT", "/fhir/Consent/{id}", "Consent", _consent, receive_consent),
    Address(_COMMUNITY, "POST", "/fhir/Encounter", "Encounter", _contact, record_contact),
    Address(_COMMUNITY, "PUT", "/fhir/Encounter/{id}", "Encounter", _contact, record_contact),
    Address(_COMMUNITY, "POST", "/fhir/Procedure", "Procedure", _contact, record_contact),
    Address(_COMMUNITY, "PUT", "/fhir/Procedure/{id}", "Procedure", _contact, record_contact),
)


def router(door: Door) -> APIRouter:
    routes = APIRouter(tags=["FHIR"], route_class=DirectRoute)
    for address in ADDRESSES:
        routes.add_api_route(
            address.path,
            partial(_take, door, address),
            methods=[address.method],
            **taking(address.type, address.method, address.path),
        )
    return routes


async def _take(door: Door, address: Address, request: Request) -> Response:
    caller = await door.caller(request, address.type, address.interaction)
    only(caller, address.kind)
    body = await body_of(door, caller, request)
    now = door.clock.now()
    message = await read_or_keep(door, caller, request, body, address.type, address.read, now)
    outcome, stamp = await door.store.run_stamped(caller, lambda tx: address.step(tx, door.rules, message, now))
    if isinstance(outcome, Refused):
        return refused(door, caller, outcome)
    if isinstance(outcome, Accepted) and stamp is not None:
        version = outcome.version
    else:
        version, stamp, body = await _as_kept(door, caller, outcome)
    return written(request, door, outcome, patch(body, id=outcome.id, version=version, stamp_ms=stamp), stamp)


async def _as_kept(door: Door, caller: Caller, outcome: Accepted | Repeated) -> tuple[int, int, bytes]:
    kept = await door.store.read(caller, lambda tx: tx.visible.resource(outcome.type, outcome.id))
    if kept is None:
        raise Problem(reply(Reason.NOT_FOUND))
    return kept.version, kept.stamp, kept.body


async def read_or_keep(
    door: Door, caller: Caller, request: Request, body: bytes, type: str, read: Read, now: datetime
) -> Any:
    """What `read` makes of the body. Raises BadInput when it cannot be read, and has kept it then for a person."""
    try:
        tree = await aside(body, parse, body, type)
        return read(tree, as_received(asked_of(request), type, tree, body), door, caller, now)
    except BadInput as problem:
        refusing = await keep_unread(door, caller, request, body, problem)
    raise refusing


def as_received(asked: Asked, type: str, tree: Tree, body: bytes) -> Received:
    id, updates = asked.id, asked.method == "PUT"
    if id is not None and updates and tree.get("id") != id:
        raise BadInput.of(Finding(Fault.ID_DIFFERS, f"{type}.id"))
    return common.received(
        tree,
        body,
        condition=condition_of(asked.condition, required=updates and id is None),
        target_id=id,
        expected_version=expected_version_of(asked.if_match),
        request=asked.text(),
    )


def written(
    request: Request, door: Door, outcome: Accepted | Repeated, body: bytes, stamp: int, etag: str | None = None
) -> Response:
    """201 for what was made, 200 for what was there or has changed; `Prefer: return=` decides what comes with it. Where
    there is something to remark, that comes with it unless it asks for something else."""
    created = isinstance(outcome, Accepted) and outcome.created
    version = etag or str(outcome.version)
    headers = {"Location": f"{door.fhir_base}/{outcome.type}/{outcome.id}/_history/{version}"}
    prefer, warnings = request.headers.get("prefer", ""), [*_warnings(door, outcome)]
    if "return=minimal" in prefer:
        body = b""
    elif warnings and "return=representation" not in prefer:
        body = operation_outcome(warnings, "warning")
    elif "return=OperationOutcome" in prefer:
        body = operation_outcome((Issue("informational", f"{outcome.type} kept."),), "information")
    return answer(body, status=201 if created else 200, etag=version, stamp=stamp, **headers)


def _warnings(door: Door, outcome: Accepted | Repeated) -> Iterator[Issue]:
    if outcome.told is not None:
        yield from told_of(door, outcome.told)
    if outcome.remark is not None:
        yield Issue("business-rule", REMARKS[outcome.remark])
    for element in dict.fromkeys(outcome.unused):
        yield Issue("business-rule", NOT_ACTED_ON, element)
