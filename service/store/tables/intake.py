"""What came in, byte for byte, and how other systems name it."""

from datetime import datetime

from sqlalchemy import BigInteger, Boolean, Index, Integer, LargeBinary, text
from sqlmodel import Field

from service.shared.caller import UNKNOWN_CLIENT
from service.store.tables.columns import Instant, Row, Text, optional, required

WAS_REPLAYED = text("replayed_as IS NOT NULL")
IS_OF_A_STRANGER = text(f"client_id = '{UNKNOWN_CLIENT}'")


def _replayed(table: str) -> Index:
    """Few messages are ever replayed: whatever comes in writes nothing into this."""
    return Index(f"ix_{table}_replayed_as", "replayed_as", sqlite_where=WAS_REPLAYED, postgresql_where=WAS_REPLAYED)


class InboundMessageRow(Row, table=True):
    """A message that was understood. `disposition` is what became of it: accepted, repeated or the reason of
    refusal. `replayed_as` is the message that it became when it was put through its door once more, `request` what its
    door has to know for that beside the body."""

    __tablename__ = "inbound_message"
    __table_args__ = (
        Index("ix_inbound_message_tenant_id_received_at", "tenant_id", "received_at"),
        _replayed("inbound_message"),
    )

    id: str = Field(primary_key=True, sa_type=Text)
    tenant_id: str = required(Text)
    client_id: str = required(Text)
    door: str = required(Text)
    type: str = required(Text)
    body: bytes = required(LargeBinary)
    received_at: datetime = required(Instant)
    disposition: str = required(Text)
    correlation_id: str = required(Text)
    replayed_as: str | None = optional(Text)
    request: str | None = optional(Text)


class UnreadableMessageRow(Row, table=True):
    """A body that could not be understood, or whose sender nobody has registered: encrypted, and gone after
    `expires_at`."""

    __tablename__ = "unreadable_message"
    __table_args__ = (
        Index("ix_unreadable_message_expires_at", "expires_at"),
        Index(
            "ix_unreadable_message_of_strangers",
            "client_id",
            sqlite_where=IS_OF_A_STRANGER,
            postgresql_where=IS_OF_A_STRANGER,
        ),
        _replayed("unreadable_message"),
    )

    id: str = Field(primary_key=True, sa_type=Text)
    tenant_id: str = required(Text)
    client_id: str = required(Text)
    door: str = required(Text)
    type: str = required(Text)
    sealed_body: bytes = required(LargeBinary)
    reason: str = required(Text)
    received_at: datetime = required(Instant)
    expires_at: datetime = required(Instant)
    correlation_id: str = required(Text)
    replayed_as: str | None = optional(Text)
    sealed_request: bytes | None = optional(LargeBinary)


class MessageControlRow(Row, table=True):
    """That an HL7 v2 message has come, for as long as its sender may send it again, and how it was acknowledged; or
    that somebody was told of something, for as long as it is not told again.

    `key` is the SHA-256 of what names it at its sender, `content` that of what it says. `acknowledgement` holds the
    answers as they were given, with FS between them.
    """

    __tablename__ = "message_control"

    tenant_id: str = Field(primary_key=True, sa_type=Text)
    key: bytes = Field(primary_key=True, sa_type=LargeBinary)
    content: bytes = required(LargeBinary)
    message_id: str = required(Text)
    acknowledgement: bytes = required(LargeBinary)
    received_at: datetime = required(Instant, index=True)


class ResourceVersionRow(Row, table=True):
    """One version of a received resource. Its bytes are the message's, unless the message held several resources."""

    __tablename__ = "resource_version"
    __table_args__ = (Index("ix_resource_version_tenant_id_stamp", "tenant_id", "stamp"),)

    type: str = Field(primary_key=True, sa_type=Text)
    id: str = Field(primary_key=True, sa_type=Text)
    version: int = Field(primary_key=True, sa_type=Integer)
    tenant_id: str = required(Text)
    patient_id: str | None = optional(Text)
    message_id: str = required(Text, foreign_key="inbound_message.id")
    body: bytes | None = optional(LargeBinary)
    stamp: int = required(BigInteger)


class AliasRow(Row, table=True):
    """How another system names something we know. `system` is an identifier system, the base URL of a record, empty for
    the ids that a sender gives in its own messages, or stands for our id of a referral that was merged. `former` is a
    name that still leads here, and by which nothing is called any more."""

    __tablename__ = "alias"
    __table_args__ = (Index("ix_alias_resource_id_system", "resource_id", "system"),)

    tenant_id: str = Field(primary_key=True, sa_type=Text)
    type: str = Field(primary_key=True, sa_type=Text)
    system: str = Field(primary_key=True, sa_type=Text)
    value: str = Field(primary_key=True, sa_type=Text)
    resource_id: str = required(Text)
    former: bool = required(Boolean)
