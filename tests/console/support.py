"""A link to answer an alert by, and whoever opens it."""

import asyncio
from dataclasses import dataclass, replace
from urllib.parse import urlencode

import httpx
from fastapi import FastAPI

from service.console import answering
from service.fhir.application import Identified
from service.flow.rules import Rules
from tests.flow.support import MINUTE, Service, piece, scores

GOOD = {"name": "M. Test", "role": "Midwife", "answer": "suitable"}


@dataclass
class Desk:
    """One alert about one woman, and a link to answer it by."""

    service: Service
    woman: str
    address: str
    application: FastAPI

    def ask(self, method: str = "GET", form: dict[str, str] | None = None, address: str = "") -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self.application)
            async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
                headers = {"Content-Type": "application/x-www-form-urlencoded"}
                return await client.request(
                    method,
                    address or self.address,
                    content=urlencode(form or {}, errors="surrogateescape"),
                    headers=headers,
                )

        return asyncio.run(send())

    @property
    def alert(self) -> dict[str, object]:
        return self.service.alert(self.woman, "self-harm-present")

    def send_a_newer_result(self) -> None:
        hospital = replace(self.service.hospital(), organisation_id=str(self.alert["tenant_id"]))
        self.service.pass_time(MINUTE)
        self.service.result(hospital, self.woman, piece(16, scores(16, 1), source="another"))


def serving(service: Service, rules: Rules) -> FastAPI:
    """The pages behind answer links."""
    application = FastAPI()
    application.add_middleware(Identified)
    application.include_router(answering.router(service.store, rules, service.clock))
    return application
