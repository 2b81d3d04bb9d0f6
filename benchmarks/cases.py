"""What is sent to the service, and what each must reach."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count, islice

from benchmarks.load import Door
from benchmarks.world import NEGATIVE, POSITIVE, Woman, World, observation, oru
from service.hl7v2.frame import framed

PAGE = 20
STEADY = 200
_CONTROLS = count(1)


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    target: str
    token: str
    body: bytes = b""

    @property
    def headers(self) -> dict[str, str]:
        typed = {"Content-Type": "application/fhir+json"} if self.body else {}
        return {"Authorization": f"Bearer {self.token}", "Accept": "application/fhir+json", **typed}

    @property
    def wire(self) -> bytes:
        """HTTP/1.1, for a connection that is kept."""
        lines = [f"{self.method} {self.target} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(self.body)}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + self.body


@dataclass(frozen=True, slots=True)
class Message:
    """One of HL7 v2."""

    body: bytes

    @property
    def wire(self) -> bytes:
        return framed(self.body)


@dataclass(frozen=True, slots=True)
class Goal:
    """The least share of the floor's requests per second, the least per second, the longest that 99 of 100 may take."""

    share: float | None = None
    per_second: float | None = None
    p99_ms: float | None = None


NO_GOAL = Goal()


@dataclass(frozen=True, slots=True)
class Case:
    """`sent` gives all that there is to send: without end unless each needs a woman of its own.

    `connections` None is as many as the run has; `per_second` None is as fast as answers come.
    """

    name: str
    sent: Callable[[World], Iterator[Request | Message]]
    goal: Goal = NO_GOAL
    door: Door = Door.HTTP
    expected: str = "201"
    connections: int | None = None
    per_second: float | None = None

    def some(self, world: World, most: int) -> list[Request | Message]:
        """The first of them."""
        return list(islice(self.sent(world), most))


def _requests(scores: tuple[int, ...], rounds: int, share: int = 0) -> Callable[[World], Iterator[Request]]:
    def sent(world: World) -> Iterator[Request]:
        for number, woman, at in _administrations(world, scores, rounds, share):
            body = observation(woman.id, number, scores, at)
            yield Request("POST", "/fhir/Observation", world.hospital_token, body)

    return sent


def _messages(scores: tuple[int, ...], rounds: int, share: int = 0) -> Callable[[World], Iterator[Message]]:
    def sent(world: World) -> Iterator[Message]:
        for number, woman, at in _administrations(world, scores, rounds, share):
            yield Message(oru(woman.number, f"V{number}", str(next(_CONTROLS)), scores, at))

    return sent


def _administrations(
    world: World, scores: tuple[int, ...], rounds: int, share: int
) -> Iterator[tuple[str, Woman, datetime]]:
    """One of each woman in each round. With one round each is of a woman who was never referred, so that a positive
    one opens a referral and makes an offer; then `share` is which of the equal shares of the women it takes."""
    kind, last = f"{share}{sum(scores)}", datetime.now(UTC)
    women = world.women if rounds > 1 else world.women[share::SHARES]
    for round_ in range(rounds):
        at = last - timedelta(minutes=sum(scores) + SHARES * round_ + share)
        for number, woman in enumerate(women):
            yield f"{kind}-{round_}-{number}", woman, at


def polls(parameters: str) -> Callable[[World], Iterator[Request]]:
    def poll(world: World) -> Iterator[Request]:
        target = f"/fhir/Task?owner=Organization/{world.programme}&{parameters}"
        while True:
            yield Request("GET", target, world.programme_token)

    return poll


def _oru(name: str, sent: Callable[[World], Iterator[Message]], connections: int, goal: Goal, rate: float = 0) -> Case:
    return Case(name, sent, goal, Door.MLLP, "AA", connections, rate or None)


SHARES, ROUNDS = 4, 1_000
CASES = (
    Case("negative result", _requests(NEGATIVE, ROUNDS), Goal(share=0.30)),
    Case("positive result", _requests(POSITIVE, 1), Goal(share=0.15)),
    Case("empty poll", polls("_lastUpdated=gt2100-01-01T00:00:00Z"), expected="200"),
    Case(f"poll, {PAGE} tasks", polls(f"_count={PAGE}"), expected="200"),
    _oru("ORU negative, 1 line", _messages(NEGATIVE, ROUNDS, 1), 1, Goal(per_second=600)),
    _oru("ORU negative, 8 lines", _messages(NEGATIVE, ROUNDS, 2), 8, Goal(per_second=600)),
    _oru("ORU positive, 1 line", _messages(POSITIVE, 1, 1), 1, Goal(per_second=300)),
    _oru("ORU positive, 8 lines", _messages(POSITIVE, 1, 2), 8, Goal(per_second=300)),
    _oru(f"ORU at {STEADY} a second", _messages(NEGATIVE, ROUNDS, 3), 8, Goal(p99_ms=100), STEADY),
)
