"""What a door hands to a step: the resource as received, and the references in it, read but not yet resolved."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Identifier:
    """A business identifier, unique inside one tenant (FHIR Identifier.system and .value)."""

    system: str
    value: str


@dataclass(frozen=True, slots=True)
class Reference:
    """How a sender named another resource: by our id, by its own base and id, or by a business identifier."""

    type: str
    id: str | None = None
    base: str | None = None
    identifier: Identifier | None = None


@dataclass(frozen=True, slots=True)
class Received:
    """`body` is kept byte for byte. `condition` is If-None-Exist or the criterion of a conditional update.

    `target_id` names the resource an update is about, `expected_version` is its If-Match.
    """

    type: str
    body: bytes
    identifiers: tuple[Identifier, ...] = ()
    condition: Identifier | None = None
    target_id: str | None = None
    expected_version: int | None = None
    door: str = "fhir"
