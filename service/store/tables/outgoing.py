"""What is owed to other systems, and what was written down about every access and effect."""

from datetime import datetime

from sqlalchemy import Boolean, Index, Integer, UniqueConstraint, text
from sqlmodel import Field

from service.referrals.delivery import UNSETTLED, WAITING
from service.shared.audit import Action
from service.store.tables.columns import Instant, Row, Text, is_one_of, optional, required

# As text, so that both databases see in a query what the index is for.
IS_WAITING = text(is_one_of("state", WAITING))
IS_READ = text(f"action = '{Action.READ.value}'")
IS_UNSETTLED = text(is_one_of("state", UNSETTLED))


class DeliveryRow(Row, table=True):
    """One message owed to one destination: it names a resource and a version, and is written out only when it is
    sent. `place` is its own id, or the place of the earlier version that it is sent instead of: in this order is sent
    what is owed to one destination. While it is leased, `introduces` says that whoever holds it makes her known to the
    destination. `control_id` is MSH-10 of the first message of it that may have arrived, if it is a status that goes by
    HL7 v2."""

    __tablename__ = "delivery"
    __table_args__ = (
        UniqueConstraint("destination_id", "resource_type", "resource_id", "version", name="uq_delivery_version"),
        Index(
            "ix_delivery_unsettled",
            "destination_id",
            "patient_id",
            "state",
            sqlite_where=IS_UNSETTLED,
            postgresql_where=IS_UNSETTLED,
        ),
        # What is owed to one destination, in its order, without the many that were settled long ago.
        Index(
            "ix_delivery_waiting",
            "destination_id",
            "lane",
            "place",
            sqlite_where=IS_WAITING,
            postgresql_where=IS_WAITING,
        ),
    )

    id: str = Field(primary_key=True, sa_type=Text)
    place: str = required(Text)
    destination_id: str = required(Text, foreign_key="organisation.id")
    lane: int = required(Integer)
    resource_type: str = required(Text)
    resource_id: str = required(Text)
    version: int = required(Integer)
    patient_id: str | None = optional(Text)
    state: str = required(Text)
    attempts: int = required(Integer)
    due_at: datetime = required(Instant)
    lease_owner: str | None = optional(Text)
    lease_until: datetime | None = optional(Instant)
    introduces: bool = required(Boolean)
    last_outcome: str | None = optional(Text)
    control_id: str | None = optional(Text)
    shown_at: datetime | None = optional(Instant)
    owed_at: datetime = required(Instant)
    settled_at: datetime | None = optional(Instant)
    correlation_id: str = required(Text)


class AuditRow(Row, table=True):
    """Identifiers only. Rows are only ever added."""

    __tablename__ = "audit"
    __table_args__ = (
        # Every message adds rows, so this is of those alone that are looked up.
        Index("ix_audit_subject_read", "subject", sqlite_where=IS_READ, postgresql_where=IS_READ),
    )

    id: str = Field(primary_key=True, sa_type=Text)
    occurred_at: datetime = required(Instant)
    client_id: str = required(Text)
    organisation_id: str = required(Text)
    action: str = required(Text)
    subject: str = required(Text)
    patient_id: str | None = optional(Text)
    outcome: str = required(Text)
    correlation_id: str = required(Text)


class DisclosureRow(Row, table=True):
    """How often a client read one version of a resource within an hour. The first reading ever has its own audit
    row."""

    __tablename__ = "disclosure"

    client_id: str = Field(primary_key=True, sa_type=Text)
    subject: str = Field(primary_key=True, sa_type=Text)
    hour: datetime = Field(primary_key=True, sa_type=Instant)
    version: str = Field(primary_key=True, sa_type=Text)
    times: int = required(Integer)
