"""A simulated peer-support programme with a small system of its own: it polls, answers, keeps contact and closes."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode

from service.demo.client import CallFailed, Exchange, SmartClient
from service.demo.people import OURS, TERMINOLOGY, instant
from service.demo.record import Resource
from service.demo.step import Party

SUPPORTING_READS = ("reasonReference", "supportingInfo")


@dataclass(frozen=True, slots=True)
class Offer:
    """A Task with everything it leads to, as the programme could read it, and the calls that took."""

    task: Resource
    request: Resource
    patient: Resource
    others: tuple[Resource, ...]
    reads: tuple[Exchange, ...]

    @property
    def everything(self) -> tuple[Resource, ...]:
        return self.task, self.request, self.patient, *self.others


class Programme:
    """Acts as one organisation, called `party` in the story.

    `high_mark` is the last poll's Bundle.meta.lastUpdated, where the next one begins.
    """

    def __init__(self, client: SmartClient, party: Party = Party.PROGRAMME) -> None:
        self.client = client
        self.party = party
        self.high_mark: str | None = None

    async def poll(self) -> tuple[list[Resource], Exchange]:
        """The tasks changed since the last poll, oldest first, and the first call. Raises CallFailed."""
        wanted = {"owner": f"Organization/{self.client.identity.organisation_id}", "_sort": "_lastUpdated"}
        since = {"_lastUpdated": f"gt{self.high_mark}"} if self.high_mark else {}
        first = page = (await self.client.request("GET", f"Task?{urlencode(wanted | since)}")).must_be(200)
        tasks = _tasks(page.body)
        while following := _following(page.body):
            # The token is for this server alone: a link that leads elsewhere is not followed.
            if not following.startswith(f"{self.client.base}/"):
                raise CallFailed("A next link leads away from the server")
            page = (await self.client.request("GET", following.removeprefix(f"{self.client.base}/"))).must_be(200)
            tasks += _tasks(page.body)
        self.high_mark = first.body.get("meta", {}).get("lastUpdated", self.high_mark)
        return tasks, first

    async def look_into(self, task_id: str) -> Offer:
        """Read the task and all that it points to. Raises CallFailed."""
        task = await self._read(f"Task/{task_id}")
        request = await self._read(task.body["focus"]["reference"])
        patient = await self._read(task.body["for"]["reference"])
        pointed_to = [one["reference"] for name in SUPPORTING_READS for one in request.body.get(name, ())]
        others = [await self._read(reference) for reference in pointed_to]
        bodies = tuple(one.body for one in others)
        return Offer(task.body, request.body, patient.body, bodies, (task, request, patient, *others))

    async def answer(self, offer: Offer, status: str, reason: str = "") -> Exchange:
        """Send the whole task back with a new status, and why when that is wanted, guarded by the ETag it was read
        with. Raises CallFailed."""
        task = offer.task | {"status": status} | ({"statusReason": {"text": reason}} if reason else {})
        return await self._written("PUT", f"Task/{task['id']}", task, {"If-Match": offer.reads[0].headers["etag"]})

    async def ask_for_a_clinician(self, offer: Offer, text: str) -> Exchange:
        """Write to the maternity team, which reads it as it is. Raises CallFailed."""
        communication: Resource = {
            "resourceType": "Communication",
            "identifier": [{"system": "https://parent-circle.example/message", "value": f"TEST-{offer.task['id']}"}],
            "status": "completed",
            "priority": "urgent",
            "subject": {"reference": offer.task["for"]["reference"]},
            "about": [{"reference": f"Task/{offer.task['id']}"}],
            "sent": instant(datetime.now(UTC)),
            "reasonCode": [{"coding": [{"system": f"{OURS}/CodeSystem/concern", "code": "getting-worse"}]}],
            "payload": [{"contentString": text}],
        }
        return await self._written("POST", "Communication", communication)

    async def record_contact(self, offer: Offer, outcome: str, begun: datetime, ended: datetime) -> Exchange:
        """Report that she was rung; `outcome` is attended, did-not-attend or cancelled. Raises CallFailed."""
        encounter: Resource = {
            "resourceType": "Encounter",
            "identifier": [{"system": "https://parent-circle.example/contact", "value": f"TEST-{uuid.uuid4()}"}],
            "status": "finished",
            "class": {"system": f"{TERMINOLOGY}/v3-ActCode", "code": "VR"},
            "type": [
                {"coding": [{"system": f"{OURS}/CodeSystem/contact-outcome", "code": outcome}]},
                {"coding": [{"system": f"{OURS}/CodeSystem/contact-mode", "code": "phone"}]},
            ],
            "subject": {"reference": offer.task["for"]["reference"]},
            "basedOn": [{"reference": offer.task["focus"]["reference"]}],
            "period": {"start": instant(begun), "end": instant(ended)},
        }
        return await self._written("POST", "Encounter", encounter)

    async def _read(self, reference: str) -> Exchange:
        return (await self.client.request("GET", reference)).must_be(200)

    async def _written(
        self, method: str, path: str, body: Resource, headers: Mapping[str, str] | None = None
    ) -> Exchange:
        """200 also answers what was sent before and is there already."""
        return (await self.client.request(method, path, body, headers)).must_be(200, 201)


def _tasks(bundle: Resource) -> list[Resource]:
    resources = [entry.get("resource", {}) for entry in bundle.get("entry", ())]
    return [resource for resource in resources if resource.get("resourceType") == "Task"]


def _following(bundle: Resource) -> str | None:
    return next((link["url"] for link in bundle.get("link", ()) if link.get("relation") == "next"), None)
