"""One conversation with a hospital's own record, over one parcel: look, create on the condition that it is not there,
bring up to date. Where an answer is missing or wrong the conversation stops, in doubt only where a POST may have been
kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import orjson

from service.delivery.channel import Learned, Parcel
from service.flow.received import Identifier
from service.referrals.delivery import DeliveryTrigger
from service.security.outgoing import Outgoing
from service.shared.clock import Clock

Tree = dict[str, Any]

HEADERS = {"Content-Type": "application/fhir+json", "Accept": "application/fhir+json"}
TRY_AGAIN = frozenset({403, 405, 408, 425, 429, 503})
# After these a record may or may not have kept what was posted.
IN_DOUBT = frozenset({500, 502, 504})


class Stop(Exception):
    """Sending ends here, with this to be said of it."""

    def __init__(self, trigger: DeliveryTrigger, outcome: str, wait: timedelta | None = None) -> None:
        super().__init__(outcome)
        self.trigger, self.outcome, self.wait = trigger, outcome, wait


@dataclass(slots=True)
class Visit:
    record: Outgoing
    parcel: Parcel
    clock: Clock
    learned: list[Learned] = field(default_factory=list)

    async def put(self, type: str, our_id: str, identifier: Identifier, resource: Tree, refresh: bool) -> str:
        known = self.parcel.record_ids.get((type, our_id)) or await self.find(type, identifier)
        if known is None:
            known = await self.create(type, identifier, resource)
            self.learned.append(Learned(type, our_id, known))
            if self.parcel.delivery.attempts > 1:
                # What was posted before without an answer may have been kept only now, and beside this one.
                await self.find(type, identifier)
            return known
        self.learned.append(Learned(type, our_id, known))
        if refresh:
            answer = await self.ask("PUT", f"{type}/{known}", content=orjson.dumps({**resource, "id": known}))
            kept = json_of(answer) if answer.content else {}
            if kept.get("resourceType") == type and kept.get("id") != known:
                raise Stop(DeliveryTrigger.REFUSED_FOR_GOOD, "another-resource")
        return known

    async def find(self, type: str, identifier: Identifier) -> str | None:
        query = str(httpx.QueryParams({"identifier": f"{identifier.system}|{identifier.value}"}))
        held = _resources_of(json_of(await self.ask("GET", f"{type}?{query}")))
        found = [each for each in held if each.get("resourceType") == type]
        if len(found) > 1:
            raise Stop(DeliveryTrigger.REFUSED_FOR_GOOD, "several-in-the-record")
        if found and not carries(found[0], type, identifier):
            raise Stop(DeliveryTrigger.REFUSED_FOR_GOOD, "another-resource")
        return found[0]["id"] if found else None

    async def create(self, type: str, identifier: Identifier, resource: Tree) -> str:
        condition = {"If-None-Exist": str(httpx.QueryParams({"identifier": f"{identifier.system}|{identifier.value}"}))}
        response = await self.ask("POST", type, headers=condition, content=orjson.dumps(resource))
        body = json_of(response, DeliveryTrigger.ANSWER_LOST) if response.content else {}
        if carries(body, type, identifier):
            return str(body["id"])
        if body.get("resourceType") == type:
            raise Stop(DeliveryTrigger.REFUSED_FOR_GOOD, "another-resource")
        location = response.headers.get("location", "").partition("/_history/")[0].rstrip("/")
        if location.rpartition("/")[0].endswith(f"/{type}") or location.rpartition("/")[0] == type:
            return str(location.rpartition("/")[2])
        raise Stop(DeliveryTrigger.ANSWER_LOST, "no-id-in-the-answer")

    async def ask(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, content: bytes | None = None
    ) -> httpx.Response:
        """The response when it is a success; else the visit stops, in doubt only where a POST may have been kept."""
        in_doubt = DeliveryTrigger.ANSWER_LOST if method == "POST" else DeliveryTrigger.TRY_AGAIN
        try:
            response = await self.record.request(method, url, headers={**HEADERS, **(headers or {})}, content=content)
        except (httpx.ConnectError, httpx.ConnectTimeout) as problem:
            raise Stop(DeliveryTrigger.TRY_AGAIN, "not-reached") from problem
        except httpx.TransportError as problem:
            raise Stop(in_doubt, "no-answer") from problem
        status = response.status_code
        if status == 401:  # with a new token too
            raise Stop(DeliveryTrigger.TRY_AGAIN, "not-authorised")
        if 300 <= status < 400:
            raise Stop(DeliveryTrigger.TRY_AGAIN, "redirected")
        if status in TRY_AGAIN or (status == 404 and not _misses_one_of_theirs(url, response)):
            raise Stop(DeliveryTrigger.TRY_AGAIN, f"http-{status}", self._asked_wait(response))
        if status in IN_DOUBT or status >= 500:
            raise Stop(in_doubt, f"http-{status}", self._asked_wait(response))
        if not response.is_success:
            raise Stop(DeliveryTrigger.REFUSED_FOR_GOOD, f"http-{status}")
        return response

    def _asked_wait(self, response: httpx.Response) -> timedelta | None:
        """Retry-After, in seconds or as a date (RFC 9110, section 10.2.3); nonsense is not heard."""
        value = response.headers.get("retry-after", "")
        if value.isascii() and value.isdigit():
            return timedelta(seconds=min(int(value[:9]), 86_400))
        try:
            return parsedate_to_datetime(value) - self.clock.now()
        except (ValueError, TypeError):
            return None


def _misses_one_of_theirs(url: str, response: httpx.Response) -> bool:
    """Whether a 404 says that the record has no `Type/id`: one of its own ids was asked for, and it is the record that
    says so, in FHIR. A gateway that serves nobody at the moment speaks HTML, or of something else."""
    by_id = "/" in url.partition("?")[0]
    return by_id and ("fhir" in response.headers.get("content-type", "").lower() or _is_outcome(response))


def _is_outcome(response: httpx.Response) -> bool:
    try:
        return json_of(response).get("resourceType") == "OperationOutcome"
    except Stop:
        return False


def json_of(response: httpx.Response, otherwise: DeliveryTrigger = DeliveryTrigger.TRY_AGAIN) -> Tree:
    """A JSON object; HTML from a proxy, an empty body or half of one is no answer at all."""
    try:
        tree = orjson.loads(response.content)
    except ValueError as problem:
        raise Stop(otherwise, "unreadable-answer") from problem
    if not isinstance(tree, dict):
        raise Stop(otherwise, "unreadable-answer")
    return tree


def _resources_of(bundle: Tree) -> list[Tree]:
    """What a search has found. Anything else than a Bundle of resources does not say that there is none."""
    entries = bundle.get("entry", [])
    listed = isinstance(entries, list) and all(isinstance(each, dict) for each in entries)
    found: list[Any] = [each.get("resource", {}) for each in entries] if listed else [None]
    if bundle.get("resourceType") != "Bundle" or not all(isinstance(each, dict) for each in found):
        raise Stop(DeliveryTrigger.TRY_AGAIN, "unreadable-answer")
    return found


def carries(resource: Tree, type: str, identifier: Identifier) -> bool:
    """Whether it is the resource that was meant: a record that answers with another one must not be believed."""
    named, theirs = {"system": identifier.system, "value": identifier.value}, resource.get("identifier")
    return (
        resource.get("resourceType") == type
        and isinstance(resource.get("id"), str)
        and isinstance(theirs, list)
        and any(isinstance(each, dict) and named.items() <= each.items() for each in theirs)
    )
