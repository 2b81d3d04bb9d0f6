"""Referrals, their offers with every version, contacts and alerts. The current row carries the stamp of its last
change."""

from datetime import datetime

from sqlalchemy import BigInteger, Boolean, Index, Integer, UniqueConstraint, text
from sqlmodel import Field

from service.referrals.alert import ALERT_KINDS, AlertState
from service.referrals.offer import TOMBSTONES
from service.referrals.referral import OPEN
from service.store.tables.columns import Instant, Json, Row, Text, is_one_of, optional, required

# As text, so that both databases see in a query what the index is for.
IS_OPEN = text(is_one_of("state", OPEN))
# A row of the worklist has a date, and nobody was told of it who would have to be told again.
_WORKLIST = ", ".join(f"'{code.value}'" for code, kind in ALERT_KINDS.items() if not kind.announced)
IS_UNRESOLVED = text(f"state <> '{AlertState.RESOLVED.value}'")
IS_AWAITED = text(f"{IS_UNRESOLVED.text} AND code NOT IN ({_WORKLIST})")
HAS_TOPIC = text("topic IS NOT NULL")
_MAY_CLIMB = f"(state = '{AlertState.OPEN.value}' OR (state = '{AlertState.ACKNOWLEDGED.value}' AND seen_by_link))"
CLIMBS = text(f"{_MAY_CLIMB} AND code NOT IN ({_WORKLIST})")
IS_TOMBSTONE = text(f"let_go_at IS NULL AND {is_one_of('state', TOMBSTONES)}")


class ReferralRow(Row, table=True):
    """The partial unique index is what makes it one open referral for each woman, whatever arrives at once.
    `place_again_at` is set while no programme was found for it, or none of those that she has agreed to has a place
    or a safe way to reach her."""

    __tablename__ = "referral"
    __table_args__ = (
        Index("uq_referral_patient_id_open", "patient_id", unique=True, sqlite_where=IS_OPEN, postgresql_where=IS_OPEN),
        Index("ix_referral_tenant_id_stamp", "tenant_id", "stamp"),
        Index("ix_referral_place_again_at", "place_again_at"),
        Index("ix_referral_patient_id", "patient_id"),
    )

    id: str = Field(primary_key=True, sa_type=Text)
    version: int = required(Integer)
    tenant_id: str = required(Text)
    patient_id: str = required(Text, foreign_key="patient.id")
    state: str = required(Text)
    reason: str | None = optional(Text)
    opened_at: datetime = required(Instant)
    changed_at: datetime = required(Instant)
    result_id: str | None = optional(Text)
    place_again_at: datetime | None = optional(Instant)
    stamp: int = required(BigInteger)


class PlacementRow(Row, table=True):
    """Why each programme was chosen or passed over when the referral was placed. Rows are only ever added.

    `judged` has for each its id, the verdict, what spoke for it, and the places that were open.
    """

    __tablename__ = "placement"
    __table_args__ = (Index("ix_placement_referral_id", "referral_id"),)

    id: str = Field(primary_key=True, sa_type=Text)
    referral_id: str = required(Text, foreign_key="referral.id")
    judged: list[list[object]] = required(Json)
    placed_at: datetime = required(Instant)


class NoteRow(Row, table=True):
    """A step of the referral that its hospital's record is told in words. Rows are only ever added; `stamp` tells which
    offers the step has moved."""

    __tablename__ = "note"
    __table_args__ = (Index("ix_note_referral_id", "referral_id"),)

    id: str = Field(primary_key=True, sa_type=Text)
    referral_id: str = required(Text, foreign_key="referral.id")
    kind: str = required(Text)
    happened_at: datetime = required(Instant)
    stamp: int = required(BigInteger)


class OfferRow(Row, table=True):
    """`organisation_id` is the owner that polls; each handle is an id that only this offer's programme knows.
    `let_go_at` is set from when on its programme can read it no more."""

    __tablename__ = "offer"
    __table_args__ = (
        UniqueConstraint("patient_handle"),
        UniqueConstraint("service_request_handle"),
        UniqueConstraint("consent_handle"),
        UniqueConstraint("observation_handle"),
        Index("ix_offer_organisation_id_stamp_id", "organisation_id", "stamp", "id"),
        Index("ix_offer_tenant_id_stamp", "tenant_id", "stamp"),
        Index("ix_offer_referral_id", "referral_id"),
        Index("ix_offer_patient_id", "patient_id"),
        Index("ix_offer_programme_id_state", "programme_id", "state"),
        Index("ix_offer_state_respond_by", "state", "respond_by"),
        Index("ix_offer_stamp_tombstone", "stamp", sqlite_where=IS_TOMBSTONE, postgresql_where=IS_TOMBSTONE),
    )

    id: str = Field(primary_key=True, sa_type=Text)
    version: int = required(Integer)
    tenant_id: str = required(Text)
    referral_id: str = required(Text, foreign_key="referral.id")
    patient_id: str = required(Text, foreign_key="patient.id")
    programme_id: str = required(Text, foreign_key="programme.id")
    organisation_id: str = required(Text, foreign_key="organisation.id")
    state: str = required(Text)
    status_reason: str | None = optional(Text)
    business_status: str | None = optional(Text)
    recalled: bool = required(Boolean)
    ending: str | None = optional(Text)
    patient_handle: str = required(Text)
    service_request_handle: str = required(Text)
    consent_handle: str = required(Text)
    observation_handle: str = required(Text)
    offered_at: datetime = required(Instant)
    respond_by: datetime = required(Instant)
    let_go_at: datetime | None = optional(Instant)
    stamp: int = required(BigInteger)


class OfferVersionRow(Row, table=True):
    """What each version said, so that an update is merged against the version its sender had read."""

    __tablename__ = "offer_version"

    offer_id: str = Field(primary_key=True, sa_type=Text)
    version: int = Field(primary_key=True, sa_type=Integer)
    state: str = required(Text)
    status_reason: str | None = optional(Text)
    business_status: str | None = optional(Text)
    stamp: int = required(BigInteger)


class OfferReportRow(Row, table=True):
    """A note or an output that a programme put on its Task, as it wrote it. Rows are only ever added."""

    __tablename__ = "offer_report"
    __table_args__ = (Index("ix_offer_report_offer_id", "offer_id"),)

    id: str = Field(primary_key=True, sa_type=Text)
    offer_id: str = required(Text, foreign_key="offer.id")
    element: str = required(Text)
    content: dict[str, object] = required(Json)
    reported_at: datetime = required(Instant)


class ContactRow(Row, table=True):
    """`type` is the resource that it was reported as; `mode` is NULL where that did not say it. `counts` is false when
    it lies outside the support."""

    __tablename__ = "contact"
    __table_args__ = (Index("ix_contact_offer_id", "offer_id"),)

    id: str = Field(primary_key=True, sa_type=Text)
    version: int = required(Integer)
    type: str = required(Text)
    offer_id: str = required(Text, foreign_key="offer.id")
    mode: str | None = optional(Text)
    outcome: str = required(Text)
    started_at: datetime = required(Instant)
    ended_at: datetime | None = optional(Instant)
    counts: bool = required(Boolean)
    stamp: int = required(BigInteger)


class EscalationRow(Row, table=True):
    """What a programme wrote that a clinician must hear. Its words stand here, in the messages received and in the
    hospital's own record, and nowhere else. `offer_id` is NULL when it named no woman, `said` when its words are not
    for that hospital. Rows are only ever added."""

    __tablename__ = "escalation"
    __table_args__ = (UniqueConstraint("alert_id"), Index("ix_escalation_offer_id", "offer_id"))

    id: str = Field(primary_key=True, sa_type=Text)
    type: str = required(Text)
    offer_id: str | None = optional(Text, foreign_key="offer.id")
    programme_id: str = required(Text, foreign_key="programme.id")
    alert_id: str = required(Text, foreign_key="alert.id")
    said: dict[str, object] | None = optional(Json)
    told_at: datetime = required(Instant)
    source: str = required(Text)


class AlertRow(Row, table=True):
    """Never visible to a programme."""

    __tablename__ = "alert"
    __table_args__ = (
        Index("ix_alert_tenant_id_stamp", "tenant_id", "stamp"),
        Index("ix_alert_due_at_climbs", "due_at", sqlite_where=CLIMBS, postgresql_where=CLIMBS),
        Index("ix_alert_referral_id", "referral_id"),
        Index("ix_alert_patient_id", "patient_id"),
        Index("ix_alert_tenant_id_topic", "tenant_id", "topic", sqlite_where=HAS_TOPIC, postgresql_where=HAS_TOPIC),
        Index("ix_alert_tenant_id_awaited", "tenant_id", "id", sqlite_where=IS_AWAITED, postgresql_where=IS_AWAITED),
    )

    id: str = Field(primary_key=True, sa_type=Text)
    version: int = required(Integer)
    tenant_id: str = required(Text)
    patient_id: str | None = optional(Text)
    referral_id: str | None = optional(Text)
    code: str = required(Text)
    priority: str = required(Text)
    state: str = required(Text)
    raised_at: datetime = required(Instant)
    due_at: datetime = required(Instant)
    rung: int = required(Integer)
    programmes: list[str] | None = optional(Json)
    result_id: str | None = optional(Text)
    result_version: int | None = optional(Integer)
    acknowledged_by: str | None = optional(Text)
    acknowledged_by_role: str | None = optional(Text)
    acknowledged_at: datetime | None = optional(Instant)
    review_outcome: str | None = optional(Text)
    reviewed_by: str | None = optional(Text)
    reviewed_by_role: str | None = optional(Text)
    reviewed_at: datetime | None = optional(Instant)
    copy_seen: str | None = optional(Text)
    copy_refusal: str | None = optional(Text)
    telephone: str | None = optional(Text)
    women_waiting: int | None = optional(Integer)
    seen_by_link: bool = required(Boolean)
    topic: str | None = optional(Text)
    times: int = required(Integer)
    stamp: int = required(BigInteger)


class AnswerLinkRow(Row, table=True):
    """An answer link by which an alert may be answered, known by the hash of its token. `result` names what the
    alert was about when the link was made."""

    __tablename__ = "answer_link"
    __table_args__ = (Index("ix_answer_link_expires_at", "expires_at"),)

    token_hash: str = Field(primary_key=True, sa_type=Text)
    alert_id: str = required(Text, foreign_key="alert.id")
    tenant_id: str = required(Text)
    result: str | None = optional(Text)
    expires_at: datetime = required(Instant)
