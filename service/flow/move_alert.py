"""Move an alert along its table and keep the version."""

from dataclasses import replace
from datetime import datetime

from service.flow.ports import Transaction
from service.referrals.alert import ALERT_TABLE, Alert, AlertTrigger
from service.shared.audit import Action, AuditEvent


def move_alert(
    tx: Transaction, alert: Alert, trigger: AlertTrigger, *, due_at: datetime | None = None, rung: int | None = None
) -> Alert | None:
    """The moved alert, or None when its table has no such row. `due_at` and `rung` change when it climbs its ladder."""
    step = ALERT_TABLE.get((alert.state, trigger))
    if step is None:
        return None
    moved = replace(
        alert,
        state=step[0],
        version=alert.version + 1,
        due_at=due_at or alert.due_at,
        rung=alert.rung if rung is None else rung,
    )
    tx.alerts.save(moved, alert)
    tx.audit.write(AuditEvent(Action.UPDATE, f"Alert/{alert.id}", alert.patient_id, trigger))
    return moved
