"""What a door hands to a step: the resource as received, and the references in it, read but not yet resolved."""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple


class Identifier(NamedTuple):
    """A business identifier, unique inside one tenant (FHIR Identifier.system and .value)."""

    system: str
    value: str


def identifier_of(system: str | None, value: str | None) -> Identifier | None:
    """A blank before or behind is of no number: with one she would be another woman. None where a part is missing."""
    found = Identifier((system or "").strip(), (value or "").strip())
    return found if all(found) else None


# The system of the names that we give to what came without any in a transaction, so that a repeat of it is known.
ENTRY_NAME = "urn:peer-referral:transaction-entry"
# The same for a contact: its system, and then a name that is the same whenever the same is reported of one offer.
CONTACT_NAME = "urn:peer-referral:contact"

BETWEEN_NUMBERS = ", "

REMEMBERED_FOR = timedelta(days=7)
"""How long it is known that an HL7 v2 message has come, or that somebody was told of something."""


class ControlKey(NamedTuple):
    """What makes an HL7 v2 message one and the same: `key` is the SHA-256 of MSH-3, 4, 5, 6 and 10, `content` that of
    all that follows its MSH segment."""

    key: bytes
    content: bytes


class Earlier(NamedTuple):
    """What came under a key before: the SHA-256 of what it said, how it was acknowledged, and under which id it is
    kept."""

    content: bytes
    acknowledgement: bytes
    message_id: str


class Reference(NamedTuple):
    """How a sender named another resource: by our id, by its own base and id, or by a business identifier."""

    type: str
    id: str | None = None
    base: str | None = None
    identifier: Identifier | None = None


def number_in(reference: Reference) -> str:
    """By what number somebody is referred to, else by what id; empty where that is nobody."""
    if reference.identifier is not None:
        return numbers([reference.identifier])
    return listed([f"{reference.type}/{reference.id}"] if reference.id else [])


def numbers(names: Iterable[Identifier]) -> str:
    return listed(f"{each.value} ({each.system})" for each in names)


def listed(numbers: Iterable[str]) -> str:
    """Each once."""
    return BETWEEN_NUMBERS.join(dict.fromkeys(filter(None, numbers)))


@dataclass(frozen=True, slots=True)
class Child:
    """Whom a record calls a baby or a child, younger than `woman_from` years, by what `names`, and where it does."""

    names: tuple[Identifier, ...]
    woman_from: int
    at: str


@dataclass(frozen=True, slots=True)
class Naming:
    """Whom a sender's words may name: `ids` is every id in them that may be one of ours, `displays` what they call a
    referral as we display it."""

    ids: frozenset[str] = frozenset()
    displays: frozenset[str] = frozenset()

    def __or__(self, other: "Naming") -> "Naming":
        return Naming(self.ids | other.ids, self.displays | other.displays)


NOBODY = Naming()


class Received(NamedTuple):
    """`body` is kept byte for byte; `content` is it, or what makes it when it is asked for. `condition` is
    If-None-Exist or the criterion of a conditional update.

    `target_id` names the resource an update is about, `expected_version` is its If-Match. `within` is the id under
    which the message is kept that held this resource among others; None when it was the message itself. `replays` is
    the id of a message that is put through its door once more, because what was not understood of it may be now.
    `untold`: nobody was told of it when it came. `request` is what the door has to know beside the body to take it once
    more.
    """

    type: str
    content: bytes | Callable[[], bytes]
    identifiers: tuple[Identifier, ...] = ()
    condition: Identifier | None = None
    target_id: str | None = None
    expected_version: int | None = None
    door: str = "fhir"
    within: str | None = None
    replays: str | None = None
    untold: bool = False
    request: str | None = None

    @property
    def is_told(self) -> bool:
        """Whether a person is told of what of it is not acted on. Whoever replays a message sees that, and a person was
        told when it first came."""
        return self.replays is None or self.untold

    @property
    def names(self) -> tuple[Identifier, ...]:
        """What the resource is called, each name once, the condition first."""
        return tuple(dict.fromkeys([*([self.condition] if self.condition else []), *self.identifiers]))

    @property
    def body(self) -> bytes:
        return self.content if isinstance(self.content, bytes) else self.content()

    def repeats(self, body: bytes) -> bool:
        """Whether `body` says the same, in whatever order and with whatever blanks: another door may write it anew."""
        if body == self.body or not body:
            return body == self.body
        return bool(_content(body) == _content(self.body))

    def fingerprint(self) -> str:
        """The same for every body that says the same."""
        return hashlib.sha256(json.dumps(_content(self.body), sort_keys=True).encode()).hexdigest()


def status_in(body: bytes) -> str | None:
    """How what is kept calls its own status."""
    status: str | None = json.loads(body or b"{}").get("status")
    return status


def _content(body: bytes) -> object:
    """A number counts as it was written: 1.10 is not 1.1."""
    return json.loads(body, parse_float=str)
