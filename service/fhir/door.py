"""What every address of the FHIR door shares: who is calling, what it sent, and how it is answered."""

import time
from collections.abc import Callable, Collection, Coroutine
from dataclasses import dataclass, field
from email.utils import format_datetime
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from service.fhir.faults import Fault
from service.fhir.guard import LARGEST
from service.fhir.outcome import BadInput, Finding, reply
from service.fhir.parameters import read_parameters
from service.flow.answer import Refused
from service.flow.rules import Rules
from service.security.bearer import Bearers
from service.security.errors import InvalidToken
from service.security.scopes import Interaction, allows
from service.security.sealing import Sealer
from service.shared.caller import Caller, OrganisationKind
from service.shared.clock import Clock, from_milliseconds
from service.shared.reply import Reply
from service.shared.streams import read_at_most
from service.store.engine import Store
from service.store.unit_of_work import UnitOfWork

MEDIA_TYPE = "application/fhir+json; charset=utf-8; fhirVersion=4.0"
TAKEN_MEDIA_TYPES = ("application/fhir+json", "application/json")
# What each may say of itself; nothing else that stands behind a semicolon changes what it means.
TAKEN_PARAMETERS = {"charset": ("utf-8", "us-ascii"), "fhirversion": ("4.0", "4.0.1")}
FORM = "application/x-www-form-urlencoded"
LONGEST_FORM = 64 * 1024
ANSWERED_MEDIA_TYPES = (*TAKEN_MEDIA_TYPES, "application/*", "*/*")


class Problem(Exception):
    """A request ends here with this answer."""

    def __init__(self, answer: Reply) -> None:
        super().__init__(str(answer.status))
        self.answer = answer


class DirectRoute(APIRoute):
    """Its endpoint is given the request and what the path says, as text; there is nothing else to be worked out.

    FastAPI's own way solves parameters and dependencies anew for each request, which costs as much as a statement.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        # What an endpoint does not ask for by name it takes from the request itself.
        named = [each.name for each in self.dependant.path_params]

        async def handle(request: Request) -> Response:
            given = {name: request.path_params[name] for name in named}
            response: Response = await self.endpoint(request=request, **given)
            return response

        return handle


@dataclass(slots=True)
class RateLimit:
    """At most `per_minute` requests of a client in each minute of the clock (DESIGN 9)."""

    per_minute: int
    elapsed: Callable[[], float] = time.monotonic
    _minute: int = 0
    _counts: dict[str, int] = field(default_factory=dict)

    def allows(self, client_id: str) -> bool:
        minute = int(self.elapsed() // 60)
        if minute != self._minute:
            self._minute, self._counts = minute, {}
        self._counts[client_id] = self._counts.get(client_id, 0) + 1
        return self._counts[client_id] <= self.per_minute


@dataclass(frozen=True, slots=True)
class Door:
    """`base_url` is our own address as clients see it, without a slash at its end."""

    store: Store[UnitOfWork]
    rules: Rules
    clock: Clock
    bearers: Bearers
    sealer: Sealer
    base_url: str
    limit: RateLimit

    @property
    def fhir_base(self) -> str:
        return f"{self.base_url}/fhir"

    async def caller(self, request: Request, resource_type: str, interaction: Interaction) -> Caller:
        """The authenticated caller, if its scopes allow this; raises Problem with 401, 403, 406 or 429."""
        caller = await self.anybody(request)
        if not allows(caller.scopes, resource_type, interaction):
            needed = f"; needed is system/{resource_type}.{interaction.value}"
            raise Problem(reply(Finding(Fault.SCOPE_TOO_SMALL, None, needed)))
        return caller

    async def anybody(self, request: Request, *, with_a_worry: bool = False) -> Caller:
        """The authenticated caller, whatever its scopes are; raises Problem with 401, 406 or 429. Who has a worry may
        accept whatever they like, and has not used up what they may send by polling."""
        correlation_id: str = request.state.correlation_id
        try:
            caller = await self.bearers.verify(request.headers.get("authorization"), correlation_id)
        except InvalidToken as problem:
            raise Problem(reply(Fault.NOT_AUTHENTICATED)) from problem
        if not self.limit.allows(f"{caller.client_id} with a worry" if with_a_worry else caller.client_id):
            raise Problem(reply(Fault.TOO_MANY_REQUESTS))
        if not with_a_worry and not _acceptable(request.headers.get("accept", "*/*")):
            raise Problem(reply(Fault.NOT_ACCEPTABLE))
        return caller


def only(caller: Caller, *kinds: OrganisationKind) -> None:
    """Raises Problem with 403 when none of these is the caller's kind."""
    if caller.kind not in kinds:
        raise Problem(reply(Finding(Fault.SCOPE_TOO_SMALL, None, f"; only a {kinds[0]} sends this")))


def _acceptable(accept: str) -> bool:
    return any(_is_one_of(ANSWERED_MEDIA_TYPES, each) for each in accept.split(","))


def _is_one_of(media_types: Collection[str], written: str) -> bool:
    """Whether it is one of these as it is read and written here: R4, in UTF-8 (FHIR R4, 3.1.0.1.10.1)."""
    name, *parameters = (each.strip().lower() for each in written.split(";"))
    said = (each.partition("=")[::2] for each in parameters)
    return name in media_types and all(value.strip('"') in TAKEN_PARAMETERS.get(of, (value,)) for of, value in said)


async def read_all(request: Request) -> bytes:
    """The body, whatever it says that it is: refused as soon as it is longer than the guard takes, and before it is
    read when it is compressed."""
    if request.headers.get("content-encoding", "identity") != "identity":
        raise unsupported()
    return await _read(request, LARGEST)


def unsupported() -> BadInput:
    return BadInput.of(Finding(Fault.MEDIA_TYPE_UNSUPPORTED, None, f"{TAKEN_MEDIA_TYPES[0]}; fhirVersion=4.0"))


def is_json(request: Request) -> bool:
    """Whether it says so of its body."""
    return _is_one_of(TAKEN_MEDIA_TYPES, request.headers.get("content-type", ""))


async def read_form(request: Request) -> list[tuple[str, str]]:
    """The parameters of a search by POST (FHIR R4, 3.1.1.1)."""
    if not _is_one_of((FORM,), request.headers.get("content-type", "")):
        raise BadInput.of(Finding(Fault.MEDIA_TYPE_UNSUPPORTED, None, FORM))
    body = await _read(request, LONGEST_FORM)
    return read_parameters(body.decode(errors="surrogateescape"))


async def _read(request: Request, limit: int) -> bytes:
    body = await read_at_most(request.stream(), limit)
    if body is None:
        raise BadInput.of(Finding(Fault.BODY_TOO_LARGE, None, str(limit)))
    return body


def refusal(problem: BadInput | Refused | Finding | Fault | Reply) -> Response:
    answer = problem if isinstance(problem, Reply) else reply(problem)
    return Response(answer.body, answer.status, dict(answer.headers), MEDIA_TYPE)


def answer(
    body: bytes, *, status: int = 200, etag: str | None = None, stamp: int | None = None, **headers: str
) -> Response:
    """A resource or a Bundle. `etag` is a version without its quotes, `stamp` the milliseconds of its last change."""
    if etag is not None:
        headers["ETag"] = f'W/"{etag}"'
    if stamp is not None:
        headers["Last-Modified"] = format_datetime(from_milliseconds(stamp), usegmt=True)
    return Response(body, status, headers, MEDIA_TYPE)
