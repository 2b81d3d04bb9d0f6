"""Referrals, why each programme was chosen or passed over, and the alerts that go with them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, bindparam, insert, select, update

from service.referrals.alert import Alert, AlertCode, AlertState, Practitioner, ResultVersion, Review, ReviewOutcome
from service.referrals.matching import Favour, Judged, PassedOver, Placement, Standing
from service.referrals.referral import Referral, ReferralState
from service.screening.instrument import Priority
from service.store.dialect import Dialect
from service.store.prepared import Prepared
from service.store.tables.columns import table
from service.store.tables.referral import IS_OPEN, IS_UNRESOLVED, AlertRow, PlacementRow, ReferralRow

if TYPE_CHECKING:
    from service.store.unit_of_work import UnitOfWork

REFERRAL, PLACEMENT, ALERT = table(ReferralRow), table(PlacementRow), table(AlertRow)
ONE = Prepared(select(REFERRAL).where(REFERRAL.c.id == bindparam("referral")))
OPEN_OF = Prepared(select(REFERRAL).where(REFERRAL.c.patient_id == bindparam("patient"), IS_OPEN))
MOVE = Prepared(
    update(REFERRAL).where(REFERRAL.c.id == bindparam("referral"), REFERRAL.c.state == bindparam("moved_from"))
)
THE_ALERT = select(ALERT).where(ALERT.c.id == bindparam("alert"))
ONE_ALERT = Prepared(THE_ALERT)
MOVE_ALERT = Prepared(update(ALERT).where(ALERT.c.id == bindparam("alert"), ALERT.c.version == bindparam("moved_from")))
ADD, ADD_ALERT = Prepared(insert(REFERRAL)), Prepared(insert(ALERT))
UNRESOLVED = Prepared(
    select(ALERT)
    .where(ALERT.c.referral_id == bindparam("referral"), ALERT.c.state != AlertState.RESOLVED.value)
    .order_by(ALERT.c.id)
)
UNRESOLVED_ABOUT = Prepared(
    select(ALERT).where(ALERT.c.patient_id == bindparam("patient"), IS_UNRESOLVED).order_by(ALERT.c.id)
)
OPEN_ABOUT = Prepared(
    select(ALERT.c.id)
    .where(
        ALERT.c.tenant_id == bindparam("tenant"),
        ALERT.c.patient_id.is_not_distinct_from(bindparam("patient", type_=ALERT.c.patient_id.type)),
        ALERT.c.code == bindparam("of_code"),
        ALERT.c.state == AlertState.OPEN.value,
    )
    .limit(1)
)


PLACEMENTS = Prepared(
    select(PLACEMENT).where(PLACEMENT.c.referral_id == bindparam("referral")).order_by(PLACEMENT.c.id)
)
VERDICTS: dict[str, Standing | PassedOver] = {each.value: each for each in (*Standing, *PassedOver)}


class Referrals:
    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit

    def open_of(self, patient_id: str) -> Referral | None:
        row = self._unit.execute(OPEN_OF, {"patient": patient_id}).one_or_none()
        return None if row is None else to_referral(row)

    def get(self, id: str) -> Referral:
        return to_referral(self._unit.execute(ONE, {"referral": id}).one())

    def add(self, referral: Referral) -> None:
        row = {
            "id": referral.id,
            "tenant_id": referral.tenant_id,
            "patient_id": referral.patient_id,
            "opened_at": referral.opened_at,
            "stamp": 0,
            **_columns(referral),
        }
        self._unit.execute(ADD, row)
        self._unit.touch(REFERRAL, referral.id)

    def save(self, referral: Referral, moved_from: ReferralState) -> None:
        values = {"referral": referral.id, "moved_from": moved_from.value, **_columns(referral)}
        if self._unit.execute(MOVE, values).rowcount != 1:
            raise LookupError("the referral had moved under the woman's lock")
        self._unit.touch(REFERRAL, referral.id)

    def record_placement(self, referral_id: str, judged: Sequence[Judged], now: datetime) -> None:
        kept = [[each.programme_id, each.verdict.value, list(each.favours), each.open_places] for each in judged]
        row = {"id": self._unit.new_id(), "referral_id": referral_id, "judged": kept, "placed_at": now}
        self._unit.later(PLACEMENT, row)

    def placements(self, referral_id: str) -> list[Placement]:
        """Every time it was placed, the first one first."""
        rows = self._unit.execute(PLACEMENTS, {"referral": referral_id})
        return [Placement(row.placed_at, tuple(_to_judged(*each) for each in row.judged)) for row in rows]


class Alerts:
    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit

    def get(self, id: str) -> Alert:
        return to_alert(self._unit.execute(ONE_ALERT, {"alert": id}).one())

    def lock(self, id: str) -> Alert:
        return to_alert(self._unit.execute(_locked_alert(self._unit.dialect), {"alert": id}).one())

    def add(self, alert: Alert) -> None:
        row = {
            "id": alert.id,
            "tenant_id": alert.tenant_id,
            "patient_id": alert.patient_id,
            "referral_id": alert.referral_id,
            "code": alert.code.value,
            "priority": alert.priority.value,
            "raised_at": alert.raised_at,
            "programmes": list(alert.programmes) or None,
            "stamp": 0,
            **_alert_columns(alert),
        }
        self._unit.execute(ADD_ALERT, row)
        self._unit.touch(ALERT, alert.id)

    def save(self, alert: Alert, moved_from: Alert) -> None:
        values = {"alert": alert.id, "moved_from": moved_from.version, **_alert_columns(alert)}
        if self._unit.execute(MOVE_ALERT, values).rowcount != 1:
            raise LookupError("the alert had changed under the woman's lock")
        self._unit.touch(ALERT, alert.id)

    def unresolved(self, referral_id: str, codes: Collection[AlertCode]) -> list[Alert]:
        alerts = (to_alert(row) for row in self._unit.execute(UNRESOLVED, {"referral": referral_id}))
        return [alert for alert in alerts if alert.code in codes]

    def unresolved_about(self, patient_id: str) -> list[Alert]:
        return [to_alert(row) for row in self._unit.execute(UNRESOLVED_ABOUT, {"patient": patient_id})]

    def open_about(self, tenant_id: str, patient_id: str | None, code: AlertCode) -> bool:
        """Whether one of this kind about her, or about no woman, waits for somebody to acknowledge it."""
        values = {"tenant": tenant_id, "patient": patient_id, "of_code": code.value}
        return self._unit.execute(OPEN_ABOUT, values).first() is not None


@cache
def _locked_alert(dialect: Dialect) -> Prepared:
    return Prepared(dialect.lock(THE_ALERT))


def _columns(referral: Referral) -> dict[str, object]:
    return {
        "version": referral.version,
        "state": referral.state.value,
        "reason": referral.reason,
        "changed_at": referral.changed_at,
    }


def to_referral(row: Row[Any]) -> Referral:
    return Referral(
        id=row.id,
        version=row.version,
        tenant_id=row.tenant_id,
        patient_id=row.patient_id,
        state=ReferralState(row.state),
        opened_at=row.opened_at,
        changed_at=row.changed_at,
        reason=row.reason,
    )


def _to_judged(programme_id: str, verdict: str, favours: list[str], open_places: int) -> Judged:
    return Judged(programme_id, VERDICTS[verdict], tuple(Favour(each) for each in favours), open_places)


def _alert_columns(alert: Alert) -> dict[str, object]:
    result, review = alert.result, alert.review
    return {
        "version": alert.version,
        "state": alert.state.value,
        "due_at": alert.due_at,
        "rung": alert.rung,
        "result_id": result.id if result else None,
        "result_version": result.version if result else None,
        "acknowledged_by": alert.acknowledged_by,
        "acknowledged_by_role": alert.acknowledged_by_role,
        "acknowledged_at": alert.acknowledged_at,
        "review_outcome": review.outcome.value if review else None,
        "reviewed_by": review.practitioner.name if review else None,
        "reviewed_by_role": review.practitioner.role if review else None,
        "reviewed_at": review.reviewed_at if review else None,
        "copy_seen": alert.copy_seen,
        "copy_refusal": alert.copy_refusal,
    }


def to_alert(row: Row[Any]) -> Alert:
    return Alert(
        id=row.id,
        version=row.version,
        tenant_id=row.tenant_id,
        patient_id=row.patient_id,
        referral_id=row.referral_id,
        code=AlertCode(row.code),
        priority=Priority(row.priority),
        state=AlertState(row.state),
        raised_at=row.raised_at,
        due_at=row.due_at,
        rung=row.rung,
        programmes=tuple(row.programmes or ()),
        result=ResultVersion(row.result_id, row.result_version) if row.result_id else None,
        acknowledged_by=row.acknowledged_by,
        acknowledged_by_role=row.acknowledged_by_role,
        acknowledged_at=row.acknowledged_at,
        review=_to_review(row),
        copy_seen=row.copy_seen,
        copy_refusal=row.copy_refusal,
    )


def _to_review(row: Row[Any]) -> Review | None:
    if row.review_outcome is None:
        return None
    by = Practitioner(row.reviewed_by, row.reviewed_by_role)
    return Review(ReviewOutcome(row.review_outcome), by, row.reviewed_at)
