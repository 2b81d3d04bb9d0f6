"""A registered client: the system that an organisation lets speak for it, and the access that it was given."""

from dataclasses import dataclass
from datetime import datetime

from service.shared.caller import OrganisationKind


@dataclass(frozen=True, slots=True)
class Client:
    """A confidential client of SMART Backend Services (SMART App Launch 2.2, client-confidential-asymmetric).

    Exactly one of `jwks` (the JSON text of a JWK Set) and `jwks_url` is given. `scopes` are the most that it may ever
    be granted. A revoked client stays on record, so that the audit can still name it.
    """

    id: str
    organisation_id: str
    kind: OrganisationKind
    scopes: frozenset[str]
    jwks: str | None = None
    jwks_url: str | None = None
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class Grant:
    """What an access token stands for: its client, as registered now, the scopes granted and the end of its life."""

    client: Client
    scopes: frozenset[str]
    expires_at: datetime
