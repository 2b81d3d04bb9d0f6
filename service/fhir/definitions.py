"""What the URLs mean that we write: extensions, code systems and value sets, for whoever asks."""

from collections.abc import Mapping
from functools import partial

from fastapi import APIRouter, Response

from service.fhir.capability import DEFINED
from service.fhir.documentation import defining
from service.fhir.door import answer, refusal
from service.fhir.faults import Fault


def router(definitions: Mapping[str, bytes]) -> APIRouter:
    """`definitions` are whole resources by `Type/id`. They say nothing about anybody, so no token is needed."""
    routes = APIRouter(tags=["FHIR"])
    for served in DEFINED:
        routes.add_api_route(
            f"/fhir/{served.type}/{{id}}",
            partial(_read, definitions, served.type),
            methods=["GET"],
            **defining(served.type),
        )
    return routes


async def _read(definitions: Mapping[str, bytes], resource_type: str, id: str) -> Response:
    found = definitions.get(f"{resource_type}/{id}")
    return refusal(Fault.ADDRESS_UNKNOWN) if found is None else answer(found)
