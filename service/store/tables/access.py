"""Who may call: registered clients, the assertions that were used up, and the access tokens that are out."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, TextClause
from sqlmodel import Field

from service.store.tables.columns import Instant, Row, Text, optional, required

ACTIVE = TextClause("revoked_at IS NULL")


class ClientRow(Row, table=True):
    """A client speaks for one organisation; `scopes` is a list with spaces between. Of those that are active, one at
    most has a certificate or the name of an MLLP sender."""

    __tablename__ = "client"
    __table_args__ = (
        CheckConstraint(
            "(coalesce(jwks, jwks_url) IS NULL) <> (coalesce(certificate, mllp_sender) IS NULL)", name="one_kind"
        ),
        CheckConstraint("jwks IS NULL OR jwks_url IS NULL", name="one_source_of_keys"),
        CheckConstraint("certificate IS NULL OR mllp_sender IS NULL", name="one_name"),
        *(
            Index(f"uq_client_{each}_active", each, unique=True, sqlite_where=ACTIVE, postgresql_where=ACTIVE)
            for each in ("certificate", "mllp_sender")
        ),
    )

    id: str = Field(primary_key=True, sa_type=Text)
    organisation_id: str = required(Text, foreign_key="organisation.id", index=True)
    scopes: str = required(Text)
    jwks: str | None = optional(Text)
    jwks_url: str | None = optional(Text)
    certificate: str | None = optional(Text)
    mllp_sender: str | None = optional(Text)
    registered_at: datetime = required(Instant)
    revoked_at: datetime | None = optional(Instant)


class AssertionSeen(Row, table=True):
    """The key refuses a replay, also between processes and after a restart; a row stays until its assertion is dead."""

    __tablename__ = "assertion_seen"

    issuer: str = Field(primary_key=True, sa_type=Text)
    jti: str = Field(primary_key=True, sa_type=Text)
    dead_at: datetime = required(Instant, index=True)


class AccessToken(Row, table=True):
    """Only the SHA-256 of a token is kept, in hexadecimal: a copy of the database opens no door."""

    __tablename__ = "access_token"

    hash: str = Field(primary_key=True, sa_type=Text)
    client_id: str = required(Text, foreign_key="client.id", index=True)
    scopes: str = required(Text)
    issued_at: datetime = required(Instant)
    expires_at: datetime = required(Instant, index=True)
