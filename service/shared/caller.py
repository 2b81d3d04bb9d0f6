"""Who is asking: an authenticated client acting for exactly one organisation."""

from dataclasses import dataclass
from enum import StrEnum


class OrganisationKind(StrEnum):
    HOSPITAL = "hospital"
    COMMUNITY = "community"
    SERVICE = "service"


@dataclass(frozen=True, slots=True)
class Caller:
    """An organisation's client. `correlation_id` runs from the request through the audit to the deliveries it
    causes."""

    client_id: str
    organisation_id: str
    kind: OrganisationKind
    scopes: frozenset[str]
    correlation_id: str


UNKNOWN_CLIENT = "unknown"
"""The client that has sent what nobody is registered for."""
NOBODY = "nobody"
"""The organisation of what such a client has sent, where it may be any one's."""


def the_service(correlation_id: str) -> Caller:
    """The service itself, when time rather than a message makes it act."""
    return Caller("service", "service", OrganisationKind.SERVICE, frozenset(), correlation_id)
