"""The HTTP application around the doors: ids for every request, one place for every error, and the service's health."""

import time
from collections.abc import Mapping

from fastapi import APIRouter, FastAPI, Request, Response
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.fhir import bundles, changing, hearing, intake, listing, probes, reading, searching
from service.fhir import definitions as defining
from service.fhir.documentation import add_documentation
from service.fhir.door import Door, Problem, refusal
from service.fhir.faults import Fault
from service.fhir.outcome import BadInput, reply
from service.fhir.probes import Lifespan, Ready
from service.fhir.survey import NOT_ALLOWED
from service.shared import telemetry
from service.shared.errors import Unavailable
from service.shared.ids import UUID, new_id
from service.shared.reply import Reply
from service.shared.version import VERSION

_HTTP_FAULTS = {404: Fault.ADDRESS_UNKNOWN, 405: Fault.METHOD_NOT_ALLOWED}

WORTH_LOGGING = 400
CLIENT_GONE = 499
"""No status of HTTP: as proxies write it of a request whose client went away."""
LONG_SECONDS = 1.0


def create_application(
    door: Door,
    access: APIRouter,
    pages: APIRouter,
    definitions: Mapping[str, bytes],
    ready: Ready,
    lifespan: Lifespan,
) -> FastAPI:
    """The whole application; `access` are the addresses of the security room, `pages` those of the console,
    `definitions` resources by `Type/id`."""
    application = FastAPI(
        title="Peer referral",
        version=VERSION,
        description=(
            "Takes positive antenatal and postnatal screening results from maternity records, refers women who agreed "
            "to community peer-support programmes, and reports back into the record. FHIR R4 4.0.1, JSON."
        ),
        docs_url=None,
        redoc_url=None,
        # A redirect would go to whatever host the request names.
        redirect_slashes=False,
        lifespan=lifespan,
    )
    application.add_middleware(Identified)
    for error in (Problem, BadInput, Unavailable, HTTPException):
        application.add_exception_handler(error, _answer_error)
    doors = (each.router(door) for each in (intake, changing, hearing, bundles, searching, listing, reading))
    routers = (*doors, defining.router(definitions), access, pages, probes.router(ready))
    # A router that is included is searched twice for each request; its routes alone are searched once.
    application.state.routes = [route for router in routers for route in router.routes]
    application.router.routes.extend(application.state.routes)
    add_documentation(application, door.base_url)
    return application


class Identified:
    """Gives each request its ids, answers a defect without a word of what was being handled, and counts."""

    def __init__(self, application: ASGIApp) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        if scope["method"] == "HEAD":
            # Answered as GET is (RFC 9110, section 9.3.2); the server below leaves the body out.
            scope = {**scope, "method": "GET"}
        headers = Headers(scope=scope)
        # What is no UUID could carry a header of its own, or a name; it is replaced and never written anywhere.
        request_id = _uuid(headers.get("x-request-id")) or new_id()
        correlation_id = _uuid(headers.get("x-correlation-id")) or request_id
        scope.setdefault("state", {})["correlation_id"] = correlation_id
        began, status = time.perf_counter(), 0

        async def send_with_ids(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                ids = ((b"x-request-id", request_id.encode()), (b"x-correlation-id", correlation_id.encode()))
                message["headers"] = [*message["headers"], *ids]
            await send(message)

        try:
            # What no database takes as text names nothing here.
            inside = refusal(Fault.ADDRESS_UNKNOWN) if NOT_ALLOWED.search(scope["path"]) else self._application
            await inside(scope, receive, send_with_ids)
        except ClientDisconnect:
            # It went away before all of it had come: nothing was heard, and there is nobody to be answered.
            status = CLIENT_GONE
        except Exception as defect:
            telemetry.tell_defect("defect", defect, request_id=request_id)
            if status:
                raise
            await refusal(Fault.INTERNAL)(scope, receive, send_with_ids)
        _count(scope, status, time.perf_counter() - began, request_id, correlation_id)


def _uuid(text: str | None) -> str | None:
    return text if text and UUID.fullmatch(text) else None


def _count(scope: Scope, status: int, seconds: float, request_id: str, correlation_id: str) -> None:
    route = getattr(scope.get("route"), "path", "none")
    telemetry.REQUESTS.labels(route, scope["method"], status).inc()
    telemetry.SECONDS.labels(route).observe(seconds)
    # Every access is in the audit and in the counters; the log is for what went wrong or took long.
    telemetry.tell(
        "request",
        worth_reading=status >= WORTH_LOGGING or seconds >= LONG_SECONDS,
        route=route,
        method=scope["method"],
        status=status,
        milliseconds=round(seconds * 1000, 1),
        request_id=request_id,
        correlation_id=correlation_id,
    )


async def _answer_error(request: Request, error: Exception) -> Response:
    match error:
        case Problem():
            return refusal(error.answer)
        case BadInput():
            return refusal(error)
        case Unavailable():
            return refusal(reply(error))
        case HTTPException():
            answer = reply(_HTTP_FAULTS.get(error.status_code, Fault.INTERNAL))
            allow = {"Allow": _allowed(request)} if error.status_code == 405 else {}
            return refusal(Reply(answer.status, answer.body, {**answer.headers, **(error.headers or {}), **allow}))
        case _:
            raise error


def _allowed(request: Request) -> str:
    """Every method taken at this address; the router names only those of the first route that fits it."""
    routes = (route for route in request.app.state.routes if route.matches(request.scope)[0] is not Match.NONE)
    return ", ".join(sorted({method for route in routes for method in getattr(route, "methods", ())}))
