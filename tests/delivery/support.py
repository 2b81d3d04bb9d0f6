"""The worker in this process, on a real store, sending to a simulated hospital record over real sockets."""

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

from joserfc.jwk import KeySetSerialization

from service.delivery.channel import Parcel, RecordChannel, Sent
from service.delivery.links import Links
from service.delivery.worker import Worker
from service.demo.authority import TrustedClient
from service.demo.hospital import SERVICE_SCOPE, HospitalRecord
from service.demo.people import HOSPITAL_NUMBER
from service.demo.record import Resource
from service.fhir.channel import FhirChannel
from service.flow.answer import Accepted
from service.flow.received import Identifier
from service.referrals.delivery import DeliveryTrigger
from service.security.keys import SigningKeys
from service.security.outgoing import Outgoing
from service.security.sealing import Sealer
from service.shared.caller import Caller, OrganisationKind
from tests.flow.support import FACTS, Service, piece, scores

CLIENT_ID = "peer-referral"
ANSWERS = "https://here.example/answer"
LEASE = timedelta(seconds=90)
EXCHANGE = timedelta(seconds=20)
_NUMBERS = itertools.count(1)


@dataclass
class Sender(Service):
    """A service whose hospitals keep their record at `endpoint`; what each delivery became is in `heard`."""

    endpoint: str = ""
    signing_keys: SigningKeys | None = None
    heard: list[tuple[str, str]] = field(default_factory=list)
    numbers: dict[str, str] = field(default_factory=dict)
    key: bytes = bytes(32)
    _runner: asyncio.Runner = field(default_factory=asyncio.Runner)
    _connections: list[Outgoing] = field(default_factory=list)

    def hospital(self) -> Caller:
        return self.organisation(OrganisationKind.HOSPITAL, self.endpoint or None)

    def woman(self, hospital: Caller, **facts: Any) -> str:
        number = f"TEST-{next(_NUMBERS):06}"
        answer = self.register(hospital, FACTS._replace(**facts), Identifier(HOSPITAL_NUMBER, number))
        assert isinstance(answer, Accepted)
        self.numbers[answer.id] = number
        return answer.id

    def in_danger(self) -> str:
        """A woman about whom nothing but an alert is owed."""
        hospital = self.hospital()
        woman = self.woman(hospital)
        self.result(hospital, woman, piece(3, scores(3, harm=2)))
        return woman

    def connect(self, endpoint: str) -> Outgoing:
        known = {str(each._base): each for each in self._connections}
        if endpoint not in known:
            keys = self.signing_keys
            assert keys is not None
            known[endpoint] = Outgoing(endpoint, CLIENT_ID, lambda: keys.current(self.now()))
            self._connections.append(known[endpoint])
        return known[endpoint]

    def worker(self, channel: RecordChannel | None = None, lease: timedelta = LEASE) -> Worker:
        """One that waits the longest that it may before it tries again."""
        return Worker(
            store=self.store,
            rules=self.rules,
            clock=self.clock,
            channel=channel or FhirChannel(self.connect, self.rules, self.clock),
            lease=lease,
            tell=lambda resource_type, outcome: self.heard.append((resource_type, outcome)),
            links=Links(ANSWERS, Sealer(self.key).token),
            exchange=EXCHANGE,
            spread=lambda: 1.0,
        )

    def step(self, *workers: Worker) -> int:
        """One round of each worker, side by side; how much was dealt with."""

        async def play() -> int:
            return sum(await asyncio.gather(*(worker.step() for worker in workers or (self.worker(),))))

        return self._runner.run(play())

    def work(self, *workers: Worker) -> None:
        """These go round by themselves, side by side, until nothing is owed any more."""

        async def play() -> None:
            running = [asyncio.create_task(worker.run()) for worker in workers]
            for _ in range(600):
                if not await asyncio.to_thread(self.unsettled):
                    break
                await asyncio.sleep(0.1)
            for worker in workers:
                worker.stop()
            await asyncio.gather(*running)

        self._runner.run(play())
        assert self.unsettled() == []

    def settle(self, rounds: int = 40, pause: timedelta = timedelta(minutes=16)) -> None:
        """Rounds, with time passing between them, until nothing is owed any more."""
        for _ in range(rounds):
            if not self.unsettled():
                return
            self.step()
            self.pass_time(pause)
        raise AssertionError(f"still owed: {self.unsettled()}")

    def unsettled(self) -> list[str]:
        return [row["state"] for row in self.rows("delivery") if row["state"] not in ("done", "superseded")]

    def deliveries(self, type: str) -> list[dict[str, Any]]:
        return self.rows("delivery", resource_type=type)

    def end(self) -> None:
        async def close() -> None:
            for connection in self._connections:
                await connection.aclose()

        self._runner.run(close())
        self._runner.close()
        self.close()


class KnowsEverybody:
    """A channel to a record that is never asked who she is."""

    async def introduce(self, _: Parcel) -> Sent:
        return Sent(DeliveryTrigger.TAKEN, "taken")


@dataclass
class Scripted(KnowsEverybody):
    """A channel that notes what it is given and answers as it is told; without a script everything is taken."""

    answer: Callable[[Parcel], Sent] = lambda _: Sent(DeliveryTrigger.TAKEN, "taken")
    given: list[Parcel] = field(default_factory=list)

    async def send(self, parcel: Parcel) -> Sent:
        self.given.append(parcel)
        await asyncio.sleep(0)
        return self.answer(parcel)


def trusting(record: HospitalRecord, keys: SigningKeys) -> HospitalRecord:
    record.trust(TrustedClient(CLIENT_ID, SERVICE_SCOPE, jwks=cast(KeySetSerialization, keys.public())))
    return record


def calls(record: HospitalRecord, method: str = "", kind: str = "") -> list[str]:
    """`POST Task` and so on, in the order in which the record heard them."""
    paths = [(call.method, call.path.partition("?")[0].strip("/").removeprefix("fhir/")) for call in record.journal]
    heard = [(way, path.partition("/")[0]) for way, path in paths]
    return [f"{way} {what}" for way, what in heard if method in ("", way) and kind in ("", what)]


def held(record: HospitalRecord, kind: str) -> list[Resource]:
    return [version.resource for version in record.record.search(kind, [])]
