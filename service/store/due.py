"""What a due time has passed for: the work of the clock."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, Select, exists, literal, or_, select, union_all

from service.consent.consent import Status
from service.flow.chase_overdue import DueKind, Overdue
from service.referrals.alert import ALERT_KINDS, AlertState
from service.referrals.offer import LIVE, OfferState
from service.store.tables.columns import table
from service.store.tables.referral import AlertRow, OfferRow
from service.store.tables.woman import ConsentRow, ScreeningResultRow

if TYPE_CHECKING:
    from service.store.unit_of_work import UnitOfWork

RESULT, OFFER, ALERT, CONSENT = table(ScreeningResultRow), table(OfferRow), table(AlertRow), table(ConsentRow)
# A row of the worklist has a date, and nobody was told of it who would have to be told again.
ANNOUNCED = sorted(code.value for code, kind in ALERT_KINDS.items() if kind.announced)
LATER = CONSENT.alias("later")


class Due:
    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit

    def overdue(self, now: datetime, at_most: int) -> list[Overdue]:
        """What is due at `now`, at most `at_most` in all."""
        rows = self._unit.execute(union_all(*_queries(now)).limit(at_most))
        return [Overdue(DueKind(row.kind), row.id, row.patient_id) for row in rows]


def _queries(now: datetime) -> list[Select[tuple[str, str, str | None]]]:
    return [
        select(literal(DueKind.RESULT_WAITS_NO_LONGER.value).label("kind"), RESULT.c.id, RESULT.c.patient_id).where(
            RESULT.c.waits_until <= now
        ),
        select(literal(DueKind.OFFER_LAPSES.value), OFFER.c.id, OFFER.c.patient_id).where(
            OFFER.c.state == OfferState.REQUESTED.value, OFFER.c.respond_by <= now
        ),
        select(literal(DueKind.CONSENT_ENDS.value), OFFER.c.id, OFFER.c.patient_id).where(
            OFFER.c.state.in_(LIVE),
            CONSENT.c.patient_id == OFFER.c.patient_id,
            CONSENT.c.recipient_id == OFFER.c.organisation_id,
            CONSENT.c.period_end <= now,
            ~_renewed(now),
        ),
        select(literal(DueKind.ALERT_OVERDUE.value), ALERT.c.id, ALERT.c.patient_id).where(
            ALERT.c.state == AlertState.OPEN.value, ALERT.c.due_at <= now, ALERT.c.code.in_(ANNOUNCED)
        ),
    ]


def _renewed(now: datetime) -> ColumnElement[bool]:
    """Whether a later word of hers permits still; whatever else could end it was heard when it came."""
    return exists().where(
        LATER.c.patient_id == CONSENT.c.patient_id,
        LATER.c.recipient_id == CONSENT.c.recipient_id,
        LATER.c.status == Status.ACTIVE.value,
        LATER.c.permits,
        LATER.c.withdrawn_at.is_(None),
        LATER.c.given_at > CONSENT.c.given_at,
        or_(LATER.c.period_end.is_(None), LATER.c.period_end > now),
    )
