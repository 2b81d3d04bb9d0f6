"""The woman, her screening results with their decisions, and what she agreed to."""

from datetime import date, datetime

from sqlalchemy import Boolean, Date, Index, Integer, TextClause, UniqueConstraint
from sqlmodel import Field

from service.store.tables.columns import Instant, Json, Row, Text, optional, required

IS_REPLACED = TextClause("replaced_by IS NOT NULL")
ENDS = TextClause("safe_contact_ends_at IS NOT NULL")
# Most results wait for nothing and belong to no referral.
WAITS = TextClause("waits_until IS NOT NULL")
IS_REFERRED = TextClause("referral_id IS NOT NULL")


class PatientRow(Row, table=True):
    """The aggregate that every unit about her locks first. `replaced_by` is the record that it has become part of.
    `safe_contact_ends_at` is when `safe_contact` no longer holds, for as long as nobody has acted upon it."""

    __tablename__ = "patient"
    __table_args__ = (
        Index("ix_patient_replaced_by", "replaced_by", sqlite_where=IS_REPLACED, postgresql_where=IS_REPLACED),
        Index("ix_patient_safe_contact_ends_at", "safe_contact_ends_at", sqlite_where=ENDS, postgresql_where=ENDS),
    )

    id: str = Field(primary_key=True, sa_type=Text)
    tenant_id: str = required(Text, foreign_key="organisation.id")
    version: int = required(Integer)
    preferred_name: str | None = optional(Text)
    birth_date: date | None = optional(Date)
    district: str | None = optional(Text)
    language: str | None = optional(Text)
    interpreter: bool = required(Boolean)
    deceased: bool = required(Boolean)
    gender: str | None = optional(Text)
    due_date: date | None = optional(Date)
    due_said_at: datetime | None = optional(Instant)
    delivered_on: date | None = optional(Date)
    needs: dict[str, object] | None = optional(Json)
    safe_contact: dict[str, object] | None = optional(Json)
    safe_contact_ends_at: datetime | None = optional(Instant)
    replaced_by: str | None = optional(Text, foreign_key="patient.id")


class LifeEventRow(Row, table=True):
    """What happened in her life, so that a record which tells it with every message is heard once. `happened_on` is
    empty where no day was told, `source` where what tells it has no name of its own."""

    __tablename__ = "life_event"

    patient_id: str = Field(primary_key=True, sa_type=Text, foreign_key="patient.id")
    event: str = Field(primary_key=True, sa_type=Text)
    happened_on: str = Field(primary_key=True, sa_type=Text)
    source: str = Field(primary_key=True, sa_type=Text)
    heard_at: datetime = required(Instant)


class ScreeningResultRow(Row, table=True):
    """One administration. `waits_until` is set while its items are still on their way; `pieces` is the merged
    result."""

    __tablename__ = "screening_result"
    __table_args__ = (
        UniqueConstraint(
            "patient_id", "instrument_id", "respondent", "effective_at", name="uq_screening_result_administration"
        ),
        Index("ix_screening_result_waits_until", "waits_until", sqlite_where=WAITS, postgresql_where=WAITS),
        Index("ix_screening_result_referral_id", "referral_id", sqlite_where=IS_REFERRED, postgresql_where=IS_REFERRED),
    )

    id: str = Field(primary_key=True, sa_type=Text)
    tenant_id: str = required(Text)
    patient_id: str = required(Text, foreign_key="patient.id")
    instrument_id: str = required(Text)
    respondent: str = required(Text)
    effective_at: datetime = required(Instant)
    version: int = required(Integer)
    pieces: dict[str, object] = required(Json)
    outcome: str | None = optional(Text)
    self_harm: str | None = optional(Text)
    needs_review: bool | None = optional(Boolean)
    harm: int | None = optional(Integer)
    referral_id: str | None = optional(Text)
    waits_until: datetime | None = optional(Instant)


class DecisionRow(Row, table=True):
    """What the rules made of a result, each time they ran. Rows are only ever added."""

    __tablename__ = "decision"
    __table_args__ = (Index("ix_decision_result_id", "result_id"),)

    id: str = Field(primary_key=True, sa_type=Text)
    result_id: str = required(Text, foreign_key="screening_result.id")
    outcome: str = required(Text)
    self_harm: str = required(Text)
    reasons: list[str] = required(Json)
    rule_version: str = required(Text)
    decided_at: datetime = required(Instant)


class ConsentRow(Row, table=True):
    """`recipient_id` is the organisation it is about, NULL for all of them. `begins_at` and `ends_at` are the
    beginning, if that was still to come, and the end of its period, and `safe_contact_ends_at` is when `safe_contact`
    no longer holds, for as long as nobody has acted upon them."""

    __tablename__ = "consent"
    __table_args__ = (
        Index("ix_consent_patient_id", "patient_id"),
        Index("ix_consent_begins_at", "begins_at"),
        Index("ix_consent_ends_at", "ends_at"),
        Index("ix_consent_safe_contact_ends_at", "safe_contact_ends_at", sqlite_where=ENDS, postgresql_where=ENDS),
    )

    id: str = Field(primary_key=True, sa_type=Text)
    version: int = required(Integer)
    tenant_id: str = required(Text)
    patient_id: str = required(Text, foreign_key="patient.id")
    status: str = required(Text)
    permits: bool = required(Boolean)
    recipient_id: str | None = optional(Text)
    given_at: datetime | None = optional(Instant)
    period_start: datetime | None = optional(Instant)
    period_end: datetime | None = optional(Instant)
    purposes: list[list[str]] = required(Json)
    may_report_back: bool = required(Boolean)
    safe_contact: dict[str, object] | None = optional(Json)
    withdrawn_at: datetime | None = optional(Instant)
    may_refuse: bool = required(Boolean)
    begins_at: datetime | None = optional(Instant)
    ends_at: datetime | None = optional(Instant)
    safe_contact_ends_at: datetime | None = optional(Instant)
