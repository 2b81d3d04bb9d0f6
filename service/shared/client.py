"""A registered client: the system that an organisation lets speak for it, and the access that it was given."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from service.shared.caller import OrganisationKind

SenderName = Literal["certificate", "mllp_sender"]
"""Which of its names a sender of HL7 v2 is known by."""


@dataclass(frozen=True, slots=True)
class Client:
    """A confidential client of SMART Backend Services (SMART App Launch 2.2, client-confidential-asymmetric), or a
    sender of HL7 v2.

    Exactly one way to know it is given. `jwks` (the JSON text of a JWK Set) or `jwks_url` prove a SMART client, and
    `scopes` are the most that it may ever be granted. A sender of HL7 v2 has no scopes. It is known by `certificate`,
    the SHA-256 of its TLS certificate in hexadecimal, or on a plain connection by `mllp_sender`, which is MSH-3|MSH-4.
    A revoked client stays on record, so that the audit can still name it.
    """

    id: str
    organisation_id: str
    kind: OrganisationKind
    scopes: frozenset[str]
    jwks: str | None = None
    jwks_url: str | None = None
    certificate: str | None = None
    mllp_sender: str | None = None
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class Grant:
    """What an access token stands for: its client, as registered now, the scopes granted and the end of its life."""

    client: Client
    scopes: frozenset[str]
    expires_at: datetime
