"""What is sent to the service, and what each must reach."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice

from benchmarks.world import NEGATIVE, POSITIVE, World, observation

PAGE = 20


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
class Case:
    """`requests` gives all that there are to send: without end unless each needs a woman of its own.

    `target` is the least share of the floor's requests per second, None where none is set.
    """

    name: str
    expected: int
    requests: Callable[[World], Iterator[Request]]
    target: float | None = None

    def some(self, world: World, most: int) -> list[Request]:
        """The first of them."""
        return list(islice(self.requests(world), most))


def negatives(world: World) -> Iterator[Request]:
    """Each another administration, of one woman after the other."""
    return _results(world, NEGATIVE, rounds=1_000)


def positives(world: World) -> Iterator[Request]:
    """Each of a woman who was never referred, so that each opens a referral and makes an offer."""
    return _results(world, POSITIVE, rounds=1)


def _results(world: World, scores: tuple[int, ...], rounds: int) -> Iterator[Request]:
    kind, last = f"{sum(scores)}", datetime.now(UTC)
    for round_ in range(rounds):
        at = last - timedelta(minutes=sum(scores) + round_)
        for number, woman in enumerate(world.women):
            body = observation(woman, f"{kind}-{round_}-{number}", scores, at)
            yield Request("POST", "/fhir/Observation", world.hospital_token, body)


def polls(parameters: str) -> Callable[[World], Iterator[Request]]:
    def poll(world: World) -> Iterator[Request]:
        target = f"/fhir/Task?owner=Organization/{world.programme}&{parameters}"
        while True:
            yield Request("GET", target, world.programme_token)

    return poll


CASES = (
    Case("negative result", 201, negatives, target=0.30),
    Case("positive result", 201, positives, target=0.15),
    Case("empty poll", 200, polls("_lastUpdated=gt2100-01-01T00:00:00Z")),
    Case(f"poll, {PAGE} tasks", 200, polls(f"_count={PAGE}")),
)
