"""Where a story plays: everyone in it, and the ways to tell a call, insist on a fact and wait for the record."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from service.demo.checks import engagement, problems_of_an_alert
from service.demo.client import CallFailed, Exchange, SmartClient
from service.demo.hospital import HospitalRecord
from service.demo.people import OURS, Person, identifier_of
from service.demo.programme import Programme
from service.demo.record import Resource
from service.demo.step import Chronicle, Fact, Message, Party, Side, Step, Telling
from service.demo.words import words_for

SERVICE_CLIENT_ID = "peer-referral"
OURS_IN_RECORD = {"ServiceRequest": f"{OURS}/identifier/referral", "Task": f"{OURS}/identifier/offer"}
ALERT_IN_RECORD = f"{OURS}/identifier/alert"
Look = Callable[[], Awaitable[Sequence[str]]]


class NotVerified(Exception):
    """A step could not be read back on the receiving side; what was wrong has been told."""


@dataclass(slots=True)
class Stage:
    """One story's. `hospital` sends to the service, `ward` reads the hospital's own record.

    `chart_id` is the woman's id in that record, `patient_id` the service's; `heard` counts the record's calls told.
    `pause` is how many seconds to wait after each step, for an audience.
    """

    telling: Telling
    story: int
    hospital: SmartClient
    programme: Programme
    next_programme: Programme
    ward: SmartClient
    record: HospitalRecord
    person: Person
    patience: float
    pause: float = 0.0
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    chart_id: str = ""
    patient_id: str = ""
    heard: int = 0
    steps: int = 0
    events: list[Message | Fact | Chronicle] = field(default_factory=list)

    @asynccontextmanager
    async def step(self, title: str, meaning: str) -> AsyncIterator[None]:
        """What is told within is one step, which is told as a whole, also when it goes wrong: then it says why."""
        self.steps, self.events, begun = self.steps + 1, [], time.perf_counter()
        try:
            yield
        except CallFailed as failure:
            self.events.append(Fact(Side.SERVICE, "a call was not answered as it had to be", (str(failure),)))
            raise NotVerified from failure
        except (KeyError, IndexError, TypeError, AttributeError, ValueError) as failure:
            wrong = f"{type(failure).__name__} {failure}"
            self.events.append(Fact(Side.SERVICE, "an answer has another shape than expected", (wrong,)))
            raise NotVerified from failure
        finally:
            took = time.perf_counter() - begun
            self.telling.tell(Step(self.story, self.steps, title, meaning, tuple(self.events), took))
        await asyncio.sleep(self.pause)

    def tell(self, who: Party, *calls: Exchange, words: str = "", as_sent: str = "") -> None:
        """One call to the service, or several alike."""
        said = tuple(call.call for call in calls)
        words = words or words_for(Party.SERVICE, said[0])
        self.events.append(Message(who, Party.SERVICE, words, said, as_sent))

    def insist(self, side: Side, fact: str, *problems: str) -> None:
        """Tell that the fact was looked for on that side. Raises NotVerified when there are problems with it."""
        self.events.append(Fact(side, fact, problems))
        if problems:
            raise NotVerified

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

    async def wait_for(self, side: Side, fact: str, look: Look) -> None:
        """Look until no problem is left, and tell what the service wrote meanwhile. Raises NotVerified, CallFailed."""
        begun = time.perf_counter()
        while problems := await look():
            if time.perf_counter() - begun > self.patience:
                break
            await asyncio.sleep(0.05)
        self._tell_deliveries()
        self.insist(side, f"{fact} ({time.perf_counter() - begun:.1f} s)", *problems)

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

    def _tell_deliveries(self) -> None:
        told = list(self.record.journal)
        for heard in told[self.heard :]:
            # It reads what it wrote by the clock, to see whether it was answered there: that is no part of a step.
            looks = heard.method == "GET" and ("?" not in heard.path or "_lastUpdated" in heard.path)
            if heard.client_id == SERVICE_CLIENT_ID and not looks:
                words = words_for(Party.RECORD, heard.call)
                self.events.append(Message(Party.SERVICE, Party.RECORD, words, (heard.call,)))
        self.heard = len(told)


def _is_one_of(status: str, wanted: str) -> bool:
    return status in wanted.split("|")


def _unless(holds: bool, problem: str) -> list[str]:
    return [] if holds else [problem]
