"""The page behind an answer link, where a clinician answers an alert.

Opening it changes nothing, for mail scanners open links too. It says when the alert was raised and what to do, and
never whom it is about.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial

from fastapi import APIRouter, Request, Response

from service.console.answer_form import ANSWERS, SEEN, form, offered
from service.console.page import page, paragraph
from service.fhir.door import RateLimit
from service.fhir.lengths import PERSON
from service.fhir.outcome import BadInput
from service.fhir.parameters import read_parameters
from service.flow.answer import Accepted, Answer, Reason, Refused
from service.flow.answer_alert import ReceivedAnswer, answer_alert
from service.flow.received import Received
from service.flow.rules import Rules
from service.referrals.alert import Alert, AlertState, Practitioner
from service.referrals.answer_link import AnswerLink, Token
from service.shared.caller import Caller, OrganisationKind, the_service
from service.shared.clock import Clock
from service.shared.errors import Unavailable
from service.shared.streams import read_at_most
from service.store.engine import Store
from service.store.unit_of_work import UnitOfWork

PER_MINUTE = 30
LONGEST_FORM = 8 * 1024
LONGEST_TOKEN = 64
_TOO_LONG = f"Nothing was kept: your name and your role may each have at most {PERSON} characters."
_NO_TEXT = "Nothing was kept: your name or your role holds a character that is no letter, digit or sign."
_KEPT = "Your answer is kept with your name, your role and the time."
_OVER = "Its time has passed. Answer the alert in the record, or by the link that came last."
_STILL_OPEN = " The alert is not over. Open this link again, or answer in the record, when it is dealt with."

Work = Callable[["Desk", Token, Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Desk:
    store: Store[UnitOfWork]
    rules: Rules
    clock: Clock
    limit: RateLimit


def router(store: Store[UnitOfWork], rules: Rules, clock: Clock) -> APIRouter:
    desk = Desk(store, rules, clock, RateLimit(PER_MINUTE))
    routes = APIRouter()
    for method, work in (("GET", _show), ("POST", _take)):
        routes.add_api_route(
            "/answer/{token}",
            partial(_guarded, desk, work),
            methods=[method],
            include_in_schema=False,
            response_class=Response,
        )
    return routes


async def _guarded(desk: Desk, work: Work, token: str, request: Request) -> Response:
    if not desk.limit.allows(request.client.host if request.client else ""):
        return page("Please wait", paragraph("Too many requests came from your network. Try again in a minute."), 429)
    try:
        return await work(desk, Token(token[:LONGEST_TOKEN]), request)
    except Unavailable:
        return page("Not taken", paragraph("It may not have been kept. Go back and send it again in a minute."), 503)


async def _show(desk: Desk, token: Token, request: Request) -> Response:
    found = await _find(desk, token, request)
    return found if isinstance(found, Response) else form(*found, desk.rules)


async def _take(desk: Desk, token: Token, request: Request) -> Response:
    found = await _find(desk, token, request)
    if isinstance(found, Response):
        return found
    link, alert = found
    body = await read_at_most(request.stream(), LONGEST_FORM)
    if body is None:
        return form(link, alert, desk.rules, problem=_TOO_LONG)
    try:
        filled = {name: said.strip() for name, said in read_parameters(body.decode(errors="surrogateescape"))}
    except BadInput:
        return form(link, alert, desk.rules, problem=_NO_TEXT)
    problem = _problem(alert, filled)
    if problem is not None:
        return form(link, alert, desk.rules, filled, problem)
    message = _message(link, alert, body, filled)
    caller = Caller("answer-link", link.tenant_id, OrganisationKind.HOSPITAL, frozenset(), request.state.correlation_id)
    now = desk.clock.now()
    answer = await desk.store.run(caller, lambda tx: answer_alert(tx, desk.rules, message, now))
    return _said(answer, filled["answer"])


async def _find(desk: Desk, token: Token, request: Request) -> tuple[AnswerLink, Alert] | Response:
    """The link and the alert that it answers until that is over, or the page that says why it takes no answer."""
    found = await desk.store.read(the_service(request.state.correlation_id), lambda tx: _look(tx, token))
    if found is None:
        return _unknown()
    link, alert = found
    if not offered(alert):
        return _answered(410)
    if link.expires_at <= desk.clock.now():
        return page("This link is over", paragraph(_OVER), 410)
    if link.result != (str(alert.result) if alert.result else None):
        return _outdated()
    return found


def _look(tx: UnitOfWork, token: Token) -> tuple[AnswerLink, Alert] | None:
    link = tx.answers.link(token.hash)
    return None if link is None else (link, tx.alerts.get(link.alert_id))


def _problem(alert: Alert, filled: Mapping[str, str]) -> str | None:
    """What is wrong with the form as it was filled in; None when it can be taken."""
    if not (filled.get("name") and filled.get("role") and filled.get("answer") in offered(alert)):
        return "Please fill in your name and your role, and choose an answer."
    return _TOO_LONG if max(len(filled["name"]), len(filled["role"])) > PERSON else None


def _message(link: AnswerLink, alert: Alert, body: bytes, filled: Mapping[str, str]) -> ReceivedAnswer:
    state, outcome = ANSWERS[filled["answer"]]
    received = Received("Task", body, target_id=alert.id, door="link")
    by = Practitioner(filled["name"], filled["role"])
    until = link.expires_at if state is AlertState.ACKNOWLEDGED else None
    return ReceivedAnswer(received, alert.id, state, by, outcome, link.result, until)


def _said(answer: Answer, given: str) -> Response:
    match answer:
        case Accepted():
            return page("Thank you", paragraph(_KEPT + (_STILL_OPEN if given == SEEN else "")))
        case Refused(Reason.REVIEW_OUTDATED):
            return _outdated()
        case Refused(Reason.NO_SAFE_CONTACT):
            return _unreachable()
        case _:
            return _answered(409)


def _unknown() -> Response:
    text = "Check that the whole address was copied, or answer the alert in the record."
    return page("This link is not known", paragraph(text), 404)


def _answered(status: int) -> Response:
    text = "It was answered, here or in the record, or what it asked for has come about. The record says how it stands."
    return page("This alert waits for no answer here", paragraph(text), status)


def _unreachable() -> Response:
    text = "No safe way to reach her is known, so support cannot go on. Record one, then answer again. The alert stays."
    return page("Not taken", paragraph(text), 409)


def _outdated() -> Response:
    text = "Something newer has come since this link was made. Open the record and review the newest alert first."
    return page("Not taken", paragraph(text), 409)
