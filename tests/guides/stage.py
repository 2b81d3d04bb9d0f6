"""The real service on a database of its own and a hospital's record, with a clock that only the story moves."""

import json
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
from starlette.requests import Request

from service import wiring
from service.delivery.worker import Worker
from service.demo.authority import ASSERTION_TYPE, TrustedClient
from service.demo.cast import HOSPITAL_SCOPE, PROGRAMME_SCOPE, new_key
from service.demo.client import Identity, assertion
from service.demo.door import Reply
from service.demo.hospital import SERVICE_SCOPE, HospitalRecord
from service.office import Office
from service.parts import Parts, prepare
from service.settings import Settings
from service.shared.ids import new_id
from tests.flow.support import StillClock
from tests.guides.page import STAND_IN, Message, Names

PROJECT = Path(__file__).parents[2]
BEGINS = datetime(2026, 11, 18, 10, 0, tzinfo=UTC)
BASE = "https://referrals.example.org"
RECORD = "https://record.st-test.example/fhir"
ORGANISATIONS = {"HOSPITAL": ("St Test Maternity", "hospital"), "PROGRAMME": ("Riverside Companions", "community")}
SCOPES = {"HOSPITAL": HOSPITAL_SCOPE, "PROGRAMME": PROGRAMME_SCOPE}
ROUNDS = 200


class Record(HospitalRecord):
    """Keeps what the service says to it, as it was said."""

    heard: list[tuple[Message, Message]]

    async def _note(self, request: Request, reply: Reply, *rest: Any) -> None:
        if "/fhir/" in request.url.path and "/.well-known/" not in request.url.path:
            query = f"?{request.url.query}" if request.url.query else ""
            wanted = {name: request.headers[name] for name in ("If-None-Exist", "If-Match") if name in request.headers}
            body = (await request.body()).decode()
            answered: dict[str, str] = {
                n: reply.headers[n].replace(self.base, RECORD) for n in ("Location", "ETag") if n in reply.headers
            }
            found = json.dumps(reply.body) if request.method == "GET" else ""
            start = f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}"
            said = Message(f"{request.method} {request.url.path}{query}", wanted, body)
            self.heard.append((said, Message(start, answered, found)))
        await super()._note(request, reply, *rest)


@dataclass(slots=True)
class Stage:
    """Who takes part. `names` knows their organisations."""

    parts: Parts
    clock: StillClock
    record: Record
    worker: Worker
    http: httpx.AsyncClient
    identities: dict[str, Identity]
    names: Names = field(default_factory=Names)
    _tokens: dict[str, tuple[str, datetime]] = field(default_factory=dict)

    def assertion(self, who: str) -> str:
        return assertion(self.identities[who], f"{BASE}/token", exp=int(self.clock.now().timestamp()) + 240)

    async def token(self, who: str) -> str:
        text, until = self._tokens.get(who, ("", self.clock.now()))
        if until <= self.clock.now():
            form = {
                "grant_type": "client_credentials", "scope": self.identities[who].scope,
                "client_assertion_type": ASSERTION_TYPE, "client_assertion": self.assertion(who),
            }  # fmt: skip
            text = (await self.http.post("/token", data=form)).raise_for_status().json()["access_token"]
            self._tokens[who] = text, self.clock.now() + timedelta(minutes=4)
        return text

    async def pass_time(self, minutes: int) -> None:
        self.clock.pass_time(timedelta(minutes=minutes))
        await self.settle()

    async def settle(self) -> None:
        """Everything that is owed now arrives."""
        for _ in range(ROUNDS):
            if not await self.worker.step():
                return
        raise AssertionError("The worker does not come to an end.")


@asynccontextmanager
async def stage(folder: Path, programme: str) -> AsyncIterator[Stage]:
    """`programme` is its description in TOML; its organisation becomes the one that is registered here."""
    clock = StillClock(BEGINS)
    settings = Settings(data_folder=folder / "var", base_url=BASE, mappings_folder=_mappings(folder))
    parts = prepare(settings, clock=clock)
    with Record() as record:
        record.heard = []
        client = parts.settings.client_id
        keys: Any = parts.signing_keys().public()
        record.trust(TrustedClient(client, SERVICE_SCOPE, jwks=keys))
        identities = _registered(
            Office(parts.store, parts.rules, clock, new_id, allow_loopback=True), record, folder, programme
        )
        transport = httpx.ASGITransport(wiring.build_application(parts))
        worker = wiring.build_worker(parts)
        async with httpx.AsyncClient(transport=transport, base_url=BASE) as http:
            staged = Stage(parts, clock, record, worker, http, identities)
            for number, who in enumerate(ORGANISATIONS, start=1):
                staged.names.bind(STAND_IN.format(number), identities[who].organisation_id)
            yield staged
        await parts.close()


def _mappings(folder: Path) -> Path:
    """Those that come with the service, and a site that wants the answer links."""
    copied = folder / "mappings"
    shutil.copytree(PROJECT / "mappings", copied)
    with (copied / "sites" / "default.toml").open("a", encoding="utf-8") as site:
        site.write('\n[answer_link]\nby = "M. Example"\non = 2026-11-01\nhours = 24\n')
    return copied


def _registered(office: Office, record: Record, folder: Path, programme: str) -> dict[str, Identity]:
    identities = {}
    for who, (name, kind) in ORGANISATIONS.items():
        key = new_key()
        at = (record.base, "https://st-test.example/organisation|st-test") if kind == "hospital" else (None, None)
        organisation = office.add_organisation(name, kind, *at)
        jwks = json.dumps({"keys": [key.as_dict(private=False)]})
        client = office.add_client(organisation, SCOPES[who].split(), jwks, None)
        identities[who] = Identity(organisation, client, SCOPES[who], key)
    described = re.sub(
        r"(?m)^organisation = .*", f'organisation = "{identities["PROGRAMME"].organisation_id}"', programme
    )
    (folder / "programme.toml").write_text(described, encoding="utf-8")
    office.import_programme(folder / "programme.toml")
    return identities
