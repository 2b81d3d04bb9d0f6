"""What hospitals tell the service to do with their referrals, and what programmes must see in time."""

from datetime import datetime

from sqlalchemy import Index, Integer
from sqlmodel import Field

from service.store.tables.columns import Instant, Row, Text, optional, required


class InstructionRow(Row, table=True):
    """What the hospital told the service to do with the referral, and why. Rows are only ever added; no programme sees
    one."""

    __tablename__ = "instruction"
    __table_args__ = (Index("ix_instruction_referral_id", "referral_id"),)

    id: str = Field(primary_key=True, sa_type=Text)
    referral_id: str = required(Text, foreign_key="referral.id")
    order: str = required(Text)
    given_at: datetime = required(Instant)
    reason: str | None = optional(Text)
    practitioner: str | None = optional(Text)
    role: str | None = optional(Text)
    text: str | None = optional(Text)


class UnseenChangeRow(Row, table=True):
    """A version of an offer by which its programme is to pause or stop, until it was looked whether that was seen."""

    __tablename__ = "unseen_change"
    __table_args__ = (Index("ix_unseen_change_see_by", "see_by"),)

    offer_id: str = Field(primary_key=True, sa_type=Text, foreign_key="offer.id")
    version: int = Field(primary_key=True, sa_type=Integer)
    patient_id: str = required(Text)
    see_by: datetime = required(Instant)
