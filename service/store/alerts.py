"""Alerts: what a named clinician must see, and what became of it."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, and_, bindparam, or_, select, update

from service.referrals.alert import Alert, AlertCode, AlertState, Practitioner, ResultVersion, Review, ReviewOutcome
from service.screening.instrument import Priority
from service.store.dialect import Dialect
from service.store.prepared import Prepared
from service.store.tables.columns import table
from service.store.tables.referral import IS_AWAITED, IS_UNRESOLVED, AlertRow

if TYPE_CHECKING:
    from service.store.unit_of_work import UnitOfWork

ALERT = table(AlertRow)
THE_ALERT = select(ALERT).where(ALERT.c.id == bindparam("alert"))
ONE = Prepared(THE_ALERT)
MOVE = Prepared(update(ALERT).where(ALERT.c.id == bindparam("alert"), ALERT.c.version == bindparam("moved_from")))
ON_TOPIC = and_(
    ALERT.c.tenant_id == bindparam("of_tenant"),
    ALERT.c.topic == bindparam("about"),
    ALERT.c.code == bindparam("of_code"),
)
WAS_RAISED = Prepared(select(ALERT.c.id).where(ON_TOPIC).limit(1))
COUNT_AGAIN = Prepared(
    update(ALERT).where(ON_TOPIC, ALERT.c.state == AlertState.OPEN.value).values(times=ALERT.c.times + 1)
)
UNRESOLVED = Prepared(
    select(ALERT)
    .where(ALERT.c.referral_id == bindparam("referral"), ALERT.c.state != AlertState.RESOLVED.value)
    .order_by(ALERT.c.id)
)
UNRESOLVED_ABOUT = Prepared(
    select(ALERT).where(ALERT.c.patient_id == bindparam("patient"), IS_UNRESOLVED).order_by(ALERT.c.id)
)
AWAITED = Prepared(select(ALERT.c.id).where(ALERT.c.tenant_id == bindparam("tenant"), IS_AWAITED).order_by(ALERT.c.id))
ABOUT_STUCK = Prepared(
    select(ALERT)
    .where(
        ALERT.c.tenant_id == bindparam("tenant"),
        or_(ALERT.c.patient_id == bindparam("patient", type_=ALERT.c.patient_id.type), ALERT.c.patient_id.is_(None)),
        ALERT.c.code == AlertCode.DELIVERY_STUCK.value,
        IS_AWAITED,
    )
    .order_by(ALERT.c.id)
)


class Alerts:
    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit

    def get(self, id: str) -> Alert:
        return to_alert(self._unit.execute(ONE, {"alert": id}).one())

    def lock(self, id: str) -> Alert:
        return to_alert(self._unit.execute(_locked(self._unit.dialect), {"alert": id}).one())

    def add(self, alert: Alert) -> None:
        row = {
            "id": alert.id,
            "tenant_id": alert.tenant_id,
            "patient_id": alert.patient_id,
            "code": alert.code.value,
            "priority": alert.priority.value,
            "raised_at": alert.raised_at,
            "programmes": list(alert.programmes) or None,
            "telephone": alert.telephone,
            "topic": alert.topic,
            "times": alert.times,
            **_columns(alert),
        }
        self._unit.make(ALERT, row)
        self._is_about(alert)

    def save(self, alert: Alert, moved_from: Alert) -> None:
        values = {"alert": alert.id, "moved_from": moved_from.version, **_columns(alert)}
        if self._unit.execute(MOVE, values).rowcount != 1:
            raise LookupError("the alert had changed under the woman's lock")
        self._unit.touch(ALERT, alert.id)
        self._is_about(alert)

    def _is_about(self, alert: Alert) -> None:
        if alert.referral_id is not None:
            self._unit.empty.discard((ALERT, alert.referral_id))

    def count_again(self, tenant_id: str, code: AlertCode, topic: str) -> bool:
        # Two that come at once would each find that nobody has been told.
        self._unit.take_turn(f"{tenant_id} {code} {topic}")
        return self._unit.execute(COUNT_AGAIN, _on_topic(tenant_id, code, topic)).rowcount > 0

    def was_raised(self, tenant_id: str, code: AlertCode, topic: str) -> bool:
        return self._unit.execute(WAS_RAISED, _on_topic(tenant_id, code, topic)).first() is not None

    def unresolved(self, referral_id: str, codes: Collection[AlertCode]) -> list[Alert]:
        if (ALERT, referral_id) in self._unit.empty:
            return []
        alerts = (to_alert(row) for row in self._unit.execute(UNRESOLVED, {"referral": referral_id}))
        return [alert for alert in alerts if alert.code in codes]

    def unresolved_about(self, patient_id: str) -> list[Alert]:
        return [to_alert(row) for row in self._unit.execute(UNRESOLVED_ABOUT, {"patient": patient_id})]

    def awaited(self, tenant_id: str) -> list[str]:
        """The ids of all that one hospital was told of and has not resolved."""
        return [row.id for row in self._unit.execute(AWAITED, {"tenant": tenant_id})]

    def about_stuck(self, tenant_id: str, patient_id: str | None) -> list[Alert]:
        """The unresolved ones that say that something does not arrive: of hers, or of nobody's in particular."""
        values = {"tenant": tenant_id, "patient": patient_id}
        return [to_alert(row) for row in self._unit.execute(ABOUT_STUCK, values)]


@cache
def _locked(dialect: Dialect) -> Prepared:
    return Prepared(dialect.lock(THE_ALERT))


def _on_topic(tenant_id: str, code: AlertCode, topic: str) -> dict[str, str]:
    return {"of_tenant": tenant_id, "of_code": code.value, "about": topic}


def _columns(alert: Alert) -> dict[str, object]:
    result, review = alert.result, alert.review
    return {
        "version": alert.version,
        "referral_id": alert.referral_id,
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
        "women_waiting": alert.women_waiting,
        "seen_by_link": alert.seen_by_link,
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
        telephone=row.telephone,
        women_waiting=row.women_waiting,
        seen_by_link=row.seen_by_link,
        topic=row.topic,
        times=row.times,
    )


def _to_review(row: Row[Any]) -> Review | None:
    if row.review_outcome is None:
        return None
    by = Practitioner(row.reviewed_by, row.reviewed_by_role)
    return Review(ReviewOutcome(row.review_outcome), by, row.reviewed_at)
