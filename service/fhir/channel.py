"""Writing into a hospital's own FHIR record: Patient, then ServiceRequest, then Task; each id it gives is kept.

Nothing is created before it was looked for, and it is created on the condition that it is not there. So a lost answer,
a crash between sending and settling, and a record without conditional create all end in one resource, not in two.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import orjson

from service.delivery.channel import Learned, Parcel, Sent
from service.fhir.terms import ALERT_ID, OFFER_ID, REFERRAL_ID
from service.fhir.write.outgoing import (
    outgoing_communication,
    outgoing_patient,
    outgoing_service_request,
    outgoing_task,
)
from service.flow.received import Identifier
from service.flow.rules import Rules
from service.referrals.delivery import DeliveryTrigger
from service.security.outgoing import ForeignAddress, NotAuthorised, Outgoing

Tree = dict[str, Any]

HEADERS = {"Content-Type": "application/fhir+json", "Accept": "application/fhir+json"}
TRY_AGAIN = frozenset({408, 425, 429, 503})
# After these a record may or may not have kept what was posted.
IN_DOUBT = frozenset({500, 502, 504})


class _Stop(Exception):
    """Sending ends here, with this to be said of it."""

    def __init__(self, trigger: DeliveryTrigger, outcome: str, wait: timedelta | None = None) -> None:
        super().__init__(outcome)
        self.trigger, self.outcome, self.wait = trigger, outcome, wait


@dataclass(frozen=True, slots=True)
class FhirChannel:
    """`connect` gives the authorised connection to a FHIR base, the same one each time."""

    connect: Callable[[str], Outgoing]
    rules: Rules

    async def send(self, parcel: Parcel) -> Sent:
        """Bring the parcel's resource to its newest state in the record."""
        try:
            visit = _Visit(self.connect(parcel.destination.fhir_endpoint or ""), self.rules, parcel)
        except ForeignAddress:
            return Sent(DeliveryTrigger.REFUSED_FOR_GOOD, "foreign-address")
        try:
            await _BRING[parcel.delivery.resource_type](visit)
        except _Stop as stop:
            return Sent(stop.trigger, stop.outcome, tuple(visit.learned), stop.wait)
        except NotAuthorised as problem:
            unreached = isinstance(problem.__cause__, httpx.TransportError)
            outcome = "not-reached" if unreached else "not-authorised"
            return Sent(DeliveryTrigger.TRY_AGAIN, outcome, tuple(visit.learned))
        except ForeignAddress:
            return Sent(DeliveryTrigger.REFUSED_FOR_GOOD, "foreign-address", tuple(visit.learned))
        return Sent(DeliveryTrigger.TAKEN, "taken", tuple(visit.learned))


@dataclass(slots=True)
class _Visit:
    record: Outgoing
    rules: Rules
    parcel: Parcel
    learned: list[Learned] = field(default_factory=list)

    async def patient(self, patient_id: str) -> str:
        """The reference by which the record knows her: kept, found by her identifiers, or created."""
        known = self.parcel.record_ids.get(("Patient", patient_id))
        if known is None:
            if not self.parcel.identifiers:
                raise _Stop(DeliveryTrigger.REFUSED_FOR_GOOD, "patient-without-identifier")
            for identifier in self.parcel.identifiers:
                known = known or await self._find("Patient", identifier)
            known = known or await self._create(
                "Patient", self.parcel.identifiers[0], outgoing_patient(self.parcel.identifiers)
            )
            self.learned.append(Learned("Patient", patient_id, known))
        return f"Patient/{known}"

    async def service_request(self, *, refresh: bool) -> str:
        """The ServiceRequest's reference; `refresh` brings one that is there already to its newest state."""
        referral = self.parcel.referral
        assert referral is not None  # noqa: S101 - packed with every ServiceRequest and Task
        patient = await self.patient(referral.patient_id)
        resource = outgoing_service_request(referral, patient)
        id = await self._put("ServiceRequest", referral.id, Identifier(REFERRAL_ID, referral.id), resource, refresh)
        return f"ServiceRequest/{id}"

    async def task(self) -> None:
        parcel, offer = self.parcel, self.parcel.offer
        assert offer is not None  # noqa: S101 - packed with every Task
        assert parcel.programme is not None  # noqa: S101 - likewise
        focus = await self.service_request(refresh=False)
        patient = await self.patient(offer.patient_id)
        resource = outgoing_task(
            offer, parcel.engagement, patient, focus, parcel.programme, parcel.owner, parcel.destination
        )
        await self._put("Task", offer.id, Identifier(OFFER_ID, offer.id), resource, refresh=True)

    async def communication(self) -> None:
        """One for each rung of the ladder that the alert has climbed; what was said stays said."""
        alert = self.parcel.alert
        assert alert is not None  # noqa: S101 - packed with every Communication
        patient = await self.patient(alert.patient_id) if alert.patient_id else None
        identifier = Identifier(ALERT_ID, alert.id if alert.rung == 0 else f"{alert.id}.{alert.rung}")
        text = self.rules.alert_text(alert.code.value)
        resource = outgoing_communication(alert, text, patient, self.parcel.fitting)
        await self._put("Communication", identifier.value, identifier, resource, refresh=False)

    async def _put(self, type: str, our_id: str, identifier: Identifier, resource: Tree, refresh: bool) -> str:
        known = self.parcel.record_ids.get((type, our_id)) or await self._find(type, identifier)
        if known is None:
            known = await self._create(type, identifier, resource)
            refresh = False
        self.learned.append(Learned(type, our_id, known))
        if refresh:
            answer = await self._ask("PUT", f"{type}/{known}", content=orjson.dumps({**resource, "id": known}))
            kept = _json(answer) if answer.content else {}
            if kept.get("resourceType") == type and kept.get("id") != known:
                raise _Stop(DeliveryTrigger.REFUSED_FOR_GOOD, "another-resource")
        return known

    async def _find(self, type: str, identifier: Identifier) -> str | None:
        query = str(httpx.QueryParams({"identifier": f"{identifier.system}|{identifier.value}"}))
        bundle = _json(await self._ask("GET", f"{type}?{query}"))
        held = (entry.get("resource", {}) for entry in bundle.get("entry", []))
        found = [each for each in held if each.get("resourceType") == type]
        if len(found) > 1:
            raise _Stop(DeliveryTrigger.REFUSED_FOR_GOOD, "several-in-the-record")
        if found and not _carries(found[0], type, identifier):
            raise _Stop(DeliveryTrigger.REFUSED_FOR_GOOD, "another-resource")
        return found[0]["id"] if found else None

    async def _create(self, type: str, identifier: Identifier, resource: Tree) -> str:
        condition = {"If-None-Exist": str(httpx.QueryParams({"identifier": f"{identifier.system}|{identifier.value}"}))}
        response = await self._ask("POST", type, headers=condition, content=orjson.dumps(resource))
        body = _json(response, DeliveryTrigger.ANSWER_LOST) if response.content else {}
        if _carries(body, type, identifier):
            return str(body["id"])
        if body.get("resourceType") == type:
            raise _Stop(DeliveryTrigger.REFUSED_FOR_GOOD, "another-resource")
        location = response.headers.get("location", "").partition("/_history/")[0].rstrip("/")
        if location.rpartition("/")[0].endswith(f"/{type}") or location.rpartition("/")[0] == type:
            return str(location.rpartition("/")[2])
        raise _Stop(DeliveryTrigger.ANSWER_LOST, "no-id-in-the-answer")

    async def _ask(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, content: bytes | None = None
    ) -> httpx.Response:
        """The response when it is a success; else the visit stops, in doubt only where a POST may have been kept."""
        in_doubt = DeliveryTrigger.ANSWER_LOST if method == "POST" else DeliveryTrigger.TRY_AGAIN
        try:
            response = await self.record.request(method, url, headers={**HEADERS, **(headers or {})}, content=content)
        except (httpx.ConnectError, httpx.ConnectTimeout) as problem:
            raise _Stop(DeliveryTrigger.TRY_AGAIN, "not-reached") from problem
        except httpx.TransportError as problem:
            raise _Stop(in_doubt, "no-answer") from problem
        status = response.status_code
        if status in TRY_AGAIN:
            raise _Stop(DeliveryTrigger.TRY_AGAIN, f"http-{status}", _asked_wait(response))
        if status in IN_DOUBT or status >= 500:
            raise _Stop(in_doubt, f"http-{status}", _asked_wait(response))
        if not response.is_success:
            raise _Stop(DeliveryTrigger.REFUSED_FOR_GOOD, f"http-{status}")
        return response


async def _bring_service_request(visit: _Visit) -> None:
    await visit.service_request(refresh=True)


_BRING: Mapping[str, Callable[[_Visit], Awaitable[None]]] = {
    "ServiceRequest": _bring_service_request,
    "Task": _Visit.task,
    "Communication": _Visit.communication,
}


def _json(response: httpx.Response, otherwise: DeliveryTrigger = DeliveryTrigger.TRY_AGAIN) -> Tree:
    """A JSON object; HTML from a proxy, an empty body or half of one is no answer at all."""
    try:
        tree = orjson.loads(response.content)
    except ValueError as problem:
        raise _Stop(otherwise, "unreadable-answer") from problem
    if not isinstance(tree, dict):
        raise _Stop(otherwise, "unreadable-answer")
    return tree


def _carries(resource: Tree, type: str, identifier: Identifier) -> bool:
    """Whether it is the resource that was meant: a record that answers with another one must not be believed."""
    named = {"system": identifier.system, "value": identifier.value}
    return (
        resource.get("resourceType") == type
        and isinstance(resource.get("id"), str)
        and any(named.items() <= each.items() for each in resource.get("identifier", []))
    )


def _asked_wait(response: httpx.Response) -> timedelta | None:
    """Retry-After, in seconds or as a date (RFC 9110, section 10.2.3); nonsense is not heard."""
    value = response.headers.get("retry-after", "")
    if value.isascii() and value.isdigit():
        return timedelta(seconds=min(int(value[:9]), 86_400))
    try:
        return parsedate_to_datetime(value) - datetime.now(UTC)
    except (ValueError, TypeError):
        return None
