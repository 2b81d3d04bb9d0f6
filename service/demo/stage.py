"""Where the story plays: everyone on it, and the ways to tell a call, insist on a fact and wait for the record."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from service.demo.checks import counted_contacts
from service.demo.client import Exchange, SmartClient
from service.demo.hospital import HospitalRecord
from service.demo.narrator import Narrator
from service.demo.people import OURS, Person, identifier_of, tessie
from service.demo.programme import Programme
from service.demo.record import Resource

SERVICE_CLIENT_ID = "peer-referral"
OURS_IN_RECORD = {"ServiceRequest": f"{OURS}/identifier/referral", "Task": f"{OURS}/identifier/offer"}


class NotVerified(Exception):
    """A step could not be read back on the receiving side. The text is one line for the terminal."""


@dataclass(slots=True)
class Stage:
    """`hospital` sends to the service, `ward` reads the hospital's own record.

    `chart_id` is the woman's id in that record, `patient_id` the service's; `heard` counts the record's calls told.
    """

    narrator: Narrator
    hospital: SmartClient
    programme: Programme
    ward: SmartClient
    record: HospitalRecord
    patience: float
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    person: Person = field(default_factory=lambda: tessie(datetime.now(UTC).date()))
    chart_id: str = ""
    patient_id: str = ""
    heard: int = 0

    def tell(self, who: str, whom: str, call: Exchange, times: int = 1, as_sent: str = "") -> None:
        self.narrator.said(who, whom, call.method, call.url, call.status, call.seconds, times, as_sent)

    def insist(self, fact: str, *problems: str) -> None:
        """Tell that the fact was checked. Raises NotVerified when there are problems with it."""
        self.narrator.found(fact, problems)
        if problems:
            raise NotVerified("this was not found on the receiving side")

    async def send(self, method: str, path: str, body: Resource, as_sent: str = "") -> str:
        """Hospital to service, idempotent by the first identifier; the id it has there. Raises CallFailed."""
        headers = {"If-None-Exist": f"identifier={identifier_of(body)}"} if method == "POST" else {}
        call = await self.hospital.request(method, path, body, headers)
        self.tell("hospital", "service", call, as_sent=as_sent)
        return call.must_be(200, 201).resource_id

    async def held_by_service(self, reference: str) -> Resource:
        """What the service serves the hospital under this reference. Raises CallFailed."""
        return (await self.hospital.request("GET", reference)).must_be(200).body

    async def charted(self, kind: str) -> list[Resource]:
        """What the hospital's record holds about her from the service, read over HTTP. Raises CallFailed."""
        bundle = (await self.ward.request("GET", f"{kind}?patient={self.chart_id}")).must_be(200).body
        system = OURS_IN_RECORD.get(kind)
        return [
            entry["resource"]
            for entry in bundle.get("entry", ())
            if system is None or any(one.get("system") == system for one in entry["resource"].get("identifier", ()))
        ]

    async def record_shows(self, request_status: str, task_statuses: Sequence[str], contacts: int = 0) -> None:
        """Wait until the hospital's record shows it; tell what the service wrote. Raises NotVerified, CallFailed."""
        begun = time.perf_counter()
        while True:
            requests, tasks = await self.charted("ServiceRequest"), await self.charted("Task")
            request, task = (requests or [{}])[-1], (tasks or [{}])[-1]
            as_wanted = request.get("status") == request_status and task.get("status") in task_statuses
            if as_wanted and counted_contacts(task) >= contacts:
                break
            if time.perf_counter() - begun > self.patience:
                self._tell_deliveries()
                raise NotVerified(
                    f"after {self.patience:.0f} s the record shows ServiceRequest {request.get('status', 'none')}, "
                    f"Task {task.get('status', 'none')}, contacts {counted_contacts(task)}; expected "
                    f"{request_status}, {' or '.join(task_statuses)}, {contacts}"
                )
            await asyncio.sleep(0.1)
        self._tell_deliveries()
        counted = f", contacts {counted_contacts(task)}" if contacts else ""
        waited = f"{time.perf_counter() - begun:.1f} s"
        self.insist(f"record: ServiceRequest {request_status}, Task {task['status']}{counted} ({waited})")

    def _tell_deliveries(self) -> None:
        told = list(self.record.journal)
        for call in told[self.heard :]:
            if call.client_id == SERVICE_CLIENT_ID:
                self.narrator.said("service", "record", call.method, call.path, call.status, call.seconds)
        self.heard = len(told)
