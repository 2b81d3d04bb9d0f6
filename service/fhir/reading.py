"""Reading one resource, which discloses it. What is not the caller's is not there."""

from datetime import datetime
from functools import partial

import orjson
from fastapi import APIRouter, Request, Response

from service.fhir.capability import capability
from service.fhir.documentation import asking_placement, reading
from service.fhir.door import DirectRoute, Door, answer, refusal
from service.fhir.showing import show
from service.fhir.shown import Shown
from service.fhir.survey import Tree
from service.fhir.write.placement import placements
from service.flow.answer import Reason, Refused
from service.security.scopes import Interaction
from service.shared.audit import Action, AuditEvent
from service.shared.version import VERSION
from service.store.unit_of_work import UnitOfWork

READ_TYPES = (
    "Patient", "Consent", "Observation", "QuestionnaireResponse", "ServiceRequest", "Task", "Encounter", "Procedure",
    "Communication", "Provenance", "HealthcareService", "Organization",
)  # fmt: skip


def router(door: Door) -> APIRouter:
    routes = APIRouter(tags=["FHIR"], route_class=DirectRoute)
    for resource_type in READ_TYPES:
        routes.add_api_route(
            f"/fhir/{resource_type}/{{id}}",
            partial(_read, door, resource_type),
            methods=["GET"],
            **reading(resource_type),
        )
    routes.add_api_route(
        "/fhir/ServiceRequest/{id}/$placement", partial(_placement, door), methods=["GET"], **asking_placement()
    )
    statement = orjson.dumps(capability(door.base_url, VERSION))

    @routes.get("/fhir/metadata", summary="What this server can do (CapabilityStatement)")
    async def metadata(request: Request) -> Response:
        return answer(statement)

    return routes


async def _read(door: Door, resource_type: str, id: str, request: Request) -> Response:
    caller = await door.caller(request, resource_type, Interaction.READ)
    now = door.clock.now()
    shown = await door.store.read(caller, partial(_show_or_note, door=door, type=resource_type, id=id, now=now))
    if shown is None:
        return refusal(Refused(Reason.NOT_FOUND))
    if _is_known(shown, request.headers.get("if-none-match", "")):
        return answer(b"", status=304, etag=shown.etag, stamp=shown.stamp)
    return answer(shown.body(), etag=shown.etag, stamp=shown.stamp)


def _is_known(shown: Shown, if_none_match: str) -> bool:
    """By its ETag, strong or weak, or by `*`: that there is any (RFC 9110, section 13.1.2)."""
    return if_none_match.strip() == "*" or f'"{shown.etag}"' in if_none_match


async def _placement(door: Door, id: str, request: Request) -> Response:
    caller = await door.caller(request, "ServiceRequest", Interaction.READ)
    found = await door.store.read(caller, partial(_placements, id=id))
    return refusal(Refused(Reason.NOT_FOUND)) if found is None else answer(orjson.dumps(found))


def _placements(tx: UnitOfWork, *, id: str) -> Tree | None:
    """Only for the hospital: a programme is told of no other, and finds no referral, only what its offer shows it."""
    referral = tx.visible.referral(id)
    if referral is None:
        tx.audit.write(AuditEvent(Action.READ, "ServiceRequest/-", None, "not-found"))
        return None
    tx.audit.disclosed("ServiceRequest", referral.id, str(referral.version), referral.patient_id)
    found = tx.referrals.placements(referral.id)
    names = tx.programmes.called({each.programme_id for placement in found for each in placement.judged})
    return placements(found, names)


def _show_or_note(tx: UnitOfWork, *, door: Door, type: str, id: str, now: datetime) -> Shown | None:
    shown = show(tx, door.rules, type, id, now)
    if shown is None:
        # Looking for what is not one's own is written down too; the id may be anything, so it is not.
        tx.audit.write(AuditEvent(Action.READ, f"{type}/-", None, "not-found"))
    return shown
