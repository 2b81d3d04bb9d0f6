"""A story's stage at a hospital with a FHIR record of its own: what it sends, and what its record then holds."""

from collections.abc import Sequence
from dataclasses import dataclass

from service.demo.checks import engagement, problems_of_an_alert
from service.demo.client import SmartClient
from service.demo.hospital import HospitalRecord
from service.demo.people import OURS, identifier_of
from service.demo.record import Resource
from service.demo.stage import Stage
from service.demo.step import Message, Party, Side
from service.demo.words import words_for

SERVICE_CLIENT_ID = "peer-referral"
OURS_IN_RECORD = {"ServiceRequest": f"{OURS}/identifier/referral", "Task": f"{OURS}/identifier/offer"}
ALERT_IN_RECORD = f"{OURS}/identifier/alert"


@dataclass(slots=True)
class RecordStage(Stage):
    """`hospital` sends to the service, `ward` reads the hospital's own record.

    `chart_id` is the woman's id in that record, `patient_id` the service's; `heard` counts the record's calls told.
    """

    hospital: SmartClient
    ward: SmartClient
    record: HospitalRecord
    chart_id: str = ""
    patient_id: str = ""
    heard: int = 0

    async def send(self, method: str, path: str, body: Resource, as_sent: str = "") -> str:
        """Hospital to service, idempotent by the first identifier; the id it has there. Raises CallFailed."""
        headers = {"If-None-Exist": f"identifier={identifier_of(body)}"} if method == "POST" else {}
        call = await self.hospital.request(method, path, body, headers)
        self.tell(Party.HOSPITAL, call, as_sent=as_sent)
        return call.must_be(200, 201).resource_id

    async def held_by_service(self, reference: str) -> Resource:
        """What the service serves the hospital under this reference. Raises CallFailed."""
        return (await self.hospital.request("GET", reference)).must_be(200).body

    async def charted(self, kind: str, system: str | None = None) -> list[Resource]:
        """What the hospital's record holds about her from the service, read over HTTP; of a Task the offers, unless an
        identifier's `system` says otherwise. Raises CallFailed."""
        bundle = (await self.ward.request("GET", f"{kind}?patient={self.chart_id}")).must_be(200).body
        system = system or OURS_IN_RECORD.get(kind)
        return [
            entry["resource"]
            for entry in bundle.get("entry", ())
            if system is None or any(one.get("system") == system for one in entry["resource"].get("identifier", ()))
        ]

    async def record_shows(self, request: str, *tasks: str, contacts: tuple[int, int] | None = None) -> None:
        """Wait until her record holds one ServiceRequest of this status, and Tasks of these in the order they came.

        `accepted|in-progress` is either; `contacts` are attempts and sessions of the last Task. Raises as wait_for.
        """

        async def look() -> Sequence[str]:
            requests, offers = await self.charted("ServiceRequest"), await self.charted("Task")
            found = [one["status"] for one in offers]
            as_wanted = len(found) == len(tasks) and all(map(_is_one_of, found, tasks))
            counted = engagement(offers[-1]) if offers and contacts else contacts
            return [
                *_unless([one["status"] for one in requests] == [request], "the referral's status is another"),
                *_unless(as_wanted, f"Task {', '.join(found) or 'none'}"),
                *_unless(counted == contacts, f"attempts and sessions {counted}"),
            ]

        offers = "".join(f", Task {status.partition('|')[0]}" for status in tasks)
        counted = f", {contacts[0]} attempts, {contacts[1]} sessions" if contacts else ""
        await self.wait_for(Side.HOSPITAL, f"record: ServiceRequest {request}{offers}{counted}", look)

    async def alert_in_record(self, priority: str = "urgent") -> None:
        """Wait until her record holds one message to the team, and neutral words in it. Raises as wait_for."""

        async def look() -> Sequence[str]:
            found = await self.charted("Communication")
            given = [one.get("priority") for one in found]
            return [
                *_unless(given == [priority], f"Communication {', '.join(map(str, given)) or 'none'}"),
                *problems_of_an_alert(found, self.person),
            ]

        await self.wait_for(Side.HOSPITAL, f"record: one Communication, {priority}, that gives nothing away", look)

    async def alert_task_in_record(self, status: str) -> None:
        """Wait until the Task that asks the team to look is of this status in her record. Raises as wait_for."""

        async def look() -> Sequence[str]:
            found = [one["status"] for one in await self.charted("Task", ALERT_IN_RECORD)]
            return _unless(found == [status], f"Task {', '.join(found) or 'none'}")

        await self.wait_for(Side.HOSPITAL, f"record: the Task for the team is {status}", look)

    def written_back(self) -> list[Message]:
        told = list(self.record.journal)
        new, self.heard = told[self.heard :], len(told)
        # It reads what it wrote by the clock, to see whether it was answered there: that is no part of a step.
        return [
            Message(Party.SERVICE, Party.RECORD, words_for(Party.RECORD, heard.call), (heard.call,))
            for heard in new
            if heard.client_id == SERVICE_CLIENT_ID
            and not (heard.method == "GET" and ("?" not in heard.path or "_lastUpdated" in heard.path))
        ]


def _is_one_of(status: str, wanted: str) -> bool:
    return status in wanted.split("|")


def _unless(holds: bool, problem: str) -> list[str]:
    return [] if holds else [problem]
