"""The addresses that change what is the service's own: a Task, and a referral. Each answers with it as it is then."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from fastapi import APIRouter, Request, Response

from service.fhir.documentation import operating, taking
from service.fhir.door import DirectRoute, Door, Problem, only
from service.fhir.hearing import refused
from service.fhir.intake import Read, Step, Tree, read_or_keep, written
from service.fhir.outcome import reply
from service.fhir.read.alert import read_answer
from service.fhir.read.instruction import read_parameters
from service.fhir.read.service_request import read_service_request
from service.fhir.read.task import read_task
from service.fhir.showing import show
from service.fhir.shown import Shown
from service.fhir.unread import body_of
from service.flow.answer import Answer, Reason, Refused, Repeated
from service.flow.answer_alert import ReceivedAnswer, answer_alert
from service.flow.hear_refused_order import receive_order
from service.flow.instruct import ReceivedInstruction
from service.flow.receive_update import receive_update
from service.flow.received import Received
from service.flow.received_update import ReceivedUpdate
from service.flow.revise_referral import ReceivedRevision
from service.referrals.instruction import Order
from service.security.scopes import Interaction
from service.shared.caller import Caller, OrganisationKind
from service.store.unit_of_work import UnitOfWork

_HOSPITAL, _COMMUNITY = OrganisationKind.HOSPITAL, OrganisationKind.COMMUNITY


def _update(tree: Tree, received: Received, door: Door, caller: Caller, now: datetime) -> ReceivedUpdate:
    rules = door.rules
    ours = frozenset(rules.status_reasons.values())
    return read_task(tree, received, base=door.base_url, ours=ours, labels=rules.labels)


def _answer(tree: Tree, received: Received, door: Door, caller: Caller, now: datetime) -> ReceivedAnswer:
    return read_answer(tree, received, door.base_url)


def _referral(
    tree: Tree, received: Received, door: Door, caller: Caller, now: datetime
) -> ReceivedInstruction | ReceivedRevision:
    return read_service_request(tree, received, door.base_url, now)


def _operation(order: Order) -> Read:
    def read(tree: Tree, received: Received, door: Door, caller: Caller, now: datetime) -> ReceivedInstruction:
        return read_parameters(tree, received._replace(type="ServiceRequest"), order, now)

    return read


Steps = Mapping[OrganisationKind, tuple[Read, Step]]


@dataclass(frozen=True, slots=True)
class Ours:
    """An address that changes what is the service's own, which answers with it as it is then. `body` is what is sent,
    and `steps` what each kind of caller may do."""

    method: str
    path: str
    type: str
    body: str
    steps: Steps


# A programme reports on the offer it holds; a hospital answers the alerts raised for it and says what becomes of its
# referral.
_TASK_STEPS: Steps = {_COMMUNITY: (_update, receive_update), _HOSPITAL: (_answer, answer_alert)}


def _steps(read: Read) -> Steps:
    return {_HOSPITAL: (read, receive_order)}


_REQUEST = "/fhir/ServiceRequest/{id}"
OURS = (
    Ours("PUT", "/fhir/Task/{id}", "Task", "Task", _TASK_STEPS),
    Ours("PUT", _REQUEST, "ServiceRequest", "ServiceRequest", _steps(_referral)),
    *(
        Ours("POST", f"{_REQUEST}/${each}", "ServiceRequest", "Parameters", _steps(_operation(each)))
        for each in (Order.HOLD, Order.RESUME)
    ),
)


def router(door: Door) -> APIRouter:
    routes = APIRouter(tags=["FHIR"], route_class=DirectRoute)
    for ours in OURS:
        words = taking(ours.type, "PUT", ours.path) if ours.method == "PUT" else operating(ours.path)
        routes.add_api_route(ours.path, partial(_change, door, ours), methods=[ours.method], **words)
    return routes


async def _change(door: Door, ours: Ours, request: Request) -> Response:
    caller = await door.caller(request, ours.type, Interaction.UPDATE)
    only(caller, *ours.steps)
    body = await body_of(door, caller, request)
    now = door.clock.now()
    read, step = ours.steps[caller.kind]
    message = await read_or_keep(door, caller, request, body, ours.body, read, now)

    def change(tx: UnitOfWork) -> tuple[Answer, Shown | None]:
        outcome = step(tx, door.rules, message, now)
        shown = None if isinstance(outcome, Refused) else show(tx, door.rules, ours.type, outcome.id, now)
        return outcome, shown

    (outcome, shown), stamp = await door.store.run_stamped(caller, change)
    if isinstance(outcome, Refused):
        return refused(door, caller, outcome)
    if shown is None:
        raise Problem(reply(Reason.NOT_FOUND))
    if isinstance(outcome, Repeated) or stamp is None:
        stamp = shown.stamp
    return written(request, door, outcome, shown.body(stamp), stamp, etag=shown.etag)
