"""A step of a story as one value, which the terminal and the page both show, and the list of all that were told.

What was on the wire is kept as it was, except that secrets are masked before a value is made of it.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import unquote

UUID = re.compile(r"([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{8}([0-9a-f]{4})")
SECRETS = re.compile(
    rb'(client_assertion=|"access_token"\s*:\s*"|Bearer\s+|/answer/)[^&"|\s]+|eyJ[\w-]+\.[\w-]+\.[\w-]*', re.IGNORECASE
)
MASK = b"(masked)"
HEADERS_SHOWN = {
    "accept", "authorization", "content-type", "etag", "if-match", "if-none-exist", "if-none-match", "last-modified",
    "location", "prefer", "retry-after", "www-authenticate",
}  # fmt: skip


class Party(StrEnum):
    """Who speaks. A hospital's record, its interface engine and its clinician are the hospital's, both programmes are
    programmes."""

    HOSPITAL = "hospital"
    RECORD = "record"
    ENGINE = "engine"
    CLINICIAN = "clinician"
    SERVICE = "service"
    PROGRAMME = "programme"
    PROGRAMME_2 = "programme 2"


class Side(StrEnum):
    HOSPITAL = "hospital"
    SERVICE = "service"
    PROGRAMME = "programme"


SIDES: dict[Party, Side] = {
    Party.HOSPITAL: Side.HOSPITAL,
    Party.RECORD: Side.HOSPITAL,
    Party.ENGINE: Side.HOSPITAL,
    Party.CLINICIAN: Side.HOSPITAL,
    Party.SERVICE: Side.SERVICE,
    Party.PROGRAMME: Side.PROGRAMME,
    Party.PROGRAMME_2: Side.PROGRAMME,
}


@dataclass(frozen=True, slots=True)
class Wire:
    """A request or an answer: the headers that matter, each as `Name: value`, and the body's bytes."""

    headers: tuple[str, ...]
    body: bytes

    @property
    def masked(self) -> bool:
        """Whether the body is not as it was, because there was a secret in it."""
        return MASK in self.body


@dataclass(frozen=True, slots=True)
class Call:
    """One request and its answer. By HTTP `target` is path and query and `answer` the status; by HL7 v2 `method` is the
    message type, `target` MSH-10 and `answer` MSA-1. No answer: the connection was cut without one."""

    method: str
    target: str
    answer: str
    seconds: float
    sent: Wire
    received: Wire

    @property
    def good(self) -> bool:
        return self.answer == "AA" or self.answer.startswith("2")


@dataclass(frozen=True, slots=True)
class Message:
    """Who said what to whom: one call, or several alike. `as_sent` stands for the target when it tells more."""

    who: Party
    whom: Party
    words: str
    calls: tuple[Call, ...]
    as_sent: str = ""

    @property
    def worst(self) -> Call:
        """The first call that went wrong, else the first."""
        return next((call for call in self.calls if not call.good), self.calls[0])

    @property
    def seconds(self) -> float:
        return sum(call.seconds for call in self.calls)

    @property
    def request(self) -> str:
        """Method and target as a person reads them, with long ids cut in the middle."""
        first = self.calls[0]
        target = self.as_sent or UUID.sub(r"\1..\2", re.sub(r"https?://[^|&]+\|", "..|", unquote(first.target)))
        return f"{first.method} {target}" + (f" ({len(self.calls)} times)" if len(self.calls) > 1 else "")


@dataclass(frozen=True, slots=True)
class Fact:
    """What was looked for on a side, and what was wrong about it if anything was."""

    side: Side
    text: str
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """One version in the hospital's record: when (as written), what, which version, its status and what it tells."""

    at: str
    kind: str
    version: str
    status: str
    told: str


@dataclass(frozen=True, slots=True)
class Chronicle:
    """Everything that the record holds about her in the end, oldest first."""

    title: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Story:
    """The opening of a story: what it is about, in words for somebody who cares for women rather than for systems."""

    number: int
    title: str
    about: str


@dataclass(frozen=True, slots=True)
class Step:
    """`number` counts within the story. `meaning` says in a sentence or two what it is to the people in it."""

    story: int
    number: int
    title: str
    meaning: str
    events: tuple[Message | Fact | Chronicle, ...]
    seconds: float

    @property
    def messages(self) -> tuple[Message, ...]:
        return tuple(event for event in self.events if isinstance(event, Message))

    @property
    def facts(self) -> tuple[Fact, ...]:
        return tuple(event for event in self.events if isinstance(event, Fact))

    @property
    def failed(self) -> bool:
        return any(fact.problems for fact in self.facts)


@dataclass(frozen=True, slots=True)
class Ending:
    """How it went in all: stories told to their end, of how many; facts read back from the side that received them."""

    stories: int
    of: int
    facts: int
    calls: int
    seconds: float

    @property
    def verified(self) -> bool:
        return self.stories == self.of


Told = Story | Step | Ending


@dataclass(frozen=True, slots=True)
class Telling:
    """All that was told, in order. It only grows, so another thread may read it at any time."""

    listeners: tuple[Callable[[Told], None], ...] = ()
    told: list[Told] = field(default_factory=list)

    def tell(self, told: Told) -> None:
        self.told.append(told)
        for listener in self.listeners:
            listener(told)

    @property
    def steps(self) -> list[Step]:
        return [one for one in self.told if isinstance(one, Step)]


def wire(headers: Mapping[str, str], body: bytes) -> Wire:
    """What may be shown of a request or an answer: no token, no assertion, no header that only the machines need."""
    shown = (f"{name.title()}: {value}" for name, value in headers.items() if name.lower() in HEADERS_SHOWN)
    return Wire(tuple(masked(line.encode()).decode() for line in shown), masked(body))


def masked(text: bytes) -> bytes:
    """The same with every token and every signed assertion replaced."""
    return SECRETS.sub(lambda found: (found[1] or b"") + MASK, text)
