"""What a due time has passed for: the work of the clock."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Column, TextClause, bindparam, func, select

from service.flow.chase_overdue import DueKind, Overdue
from service.referrals.delivery import DeliveryState, Lane
from service.referrals.offer import OfferState
from service.store.prepared import Prepared
from service.store.tables.columns import table
from service.store.tables.hold import UnseenChangeRow
from service.store.tables.outgoing import IS_WAITING, DeliveryRow
from service.store.tables.referral import CLIMBS, AlertRow, OfferRow, ReferralRow
from service.store.tables.woman import ConsentRow, PatientRow, ScreeningResultRow

if TYPE_CHECKING:
    from service.store.unit_of_work import UnitOfWork

RESULT, OFFER, ALERT, CONSENT = table(ScreeningResultRow), table(OfferRow), table(AlertRow), table(ConsentRow)
PATIENT = table(PatientRow)
REFERRAL, UNSEEN = table(ReferralRow), table(UnseenChangeRow)
DELIVERY = table(DeliveryRow)
REQUESTED = TextClause(f"state = '{OfferState.REQUESTED.value}'")


def _due(column: Column[datetime], *only: TextClause, id: str = "id", patient: str = "patient_id") -> Prepared:
    """The longest overdue first. Each has an index in this order that holds no row which is settled."""
    subject = column.table
    named = subject.c[id].label("id"), subject.c[patient].label("patient_id")
    due = select(*named).where(*only, column <= bindparam("now"))
    return Prepared(due.order_by(column).limit(bindparam("at_most")))


DUE = {
    DueKind.RESULT_WAITS_NO_LONGER: _due(RESULT.c.waits_until),
    DueKind.OFFER_LAPSES: _due(OFFER.c.respond_by, REQUESTED),
    DueKind.CONSENT_BEGINS: _due(CONSENT.c.begins_at),
    DueKind.CONSENT_ENDS: _due(CONSENT.c.ends_at),
    DueKind.SAFE_CONTACT_IN_CONSENT_ENDS: _due(CONSENT.c.safe_contact_ends_at),
    DueKind.SAFE_CONTACT_OF_WOMAN_ENDS: _due(PATIENT.c.safe_contact_ends_at, patient="id"),
    DueKind.WAITS_FOR_A_PLACE: _due(REFERRAL.c.place_again_at),
    DueKind.ALERT_OVERDUE: _due(ALERT.c.due_at, CLIMBS),
    DueKind.CHANGE_NOT_SEEN: _due(UNSEEN.c.see_by, id="offer_id"),
}
# State and lane lead no index, but what waits has one of its own, and nothing else is looked at.
UNTAKEN = Prepared(
    select(DELIVERY.c.lane, func.min(DELIVERY.c.due_at).label("since"))
    .where(
        IS_WAITING,
        DELIVERY.c.state == DeliveryState.READY.value,
        DELIVERY.c.attempts == 0,
        DELIVERY.c.due_at <= bindparam("now"),
    )
    .group_by(DELIVERY.c.lane)
)


class Due:
    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit

    def overdue(self, now: datetime, at_most: int) -> list[Overdue]:
        """What is due at `now`, at most `at_most` of each kind: many of one kind do not keep the others waiting."""
        asked = {"now": now, "at_most": at_most}
        return [
            Overdue(kind, row.id, row.patient_id)
            for kind, statement in DUE.items()
            for row in self._unit.execute(statement, asked)
        ]

    def untaken(self, now: datetime) -> dict[Lane, datetime]:
        """Since when the oldest delivery of each lane is due that nobody has tried to send yet."""
        return {Lane(row.lane): row.since for row in self._unit.execute(UNTAKEN, {"now": now})}
