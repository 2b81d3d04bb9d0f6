"""Move an alert along its table, keep the version and carry out what the row asks for."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from service.flow.escalate import show_answer
from service.flow.owe import owe_alert
from service.flow.ports import Transaction
from service.flow.rules import Rules
from service.referrals.alert import ALERT_TABLE, Alert, AlertCode, AlertEffect, AlertState, AlertTrigger
from service.shared.audit import Action, AuditEvent


def move_alert(tx: Transaction, rules: Rules, alert: Alert, trigger: AlertTrigger, now: datetime) -> Alert | None:
    """The moved alert, or None when its table has no such row: then nothing has changed."""
    step = ALERT_TABLE.get((alert.state, trigger))
    if step is None:
        return None
    state, effects = step
    moved = replace(alert, state=state, version=alert.version + 1)
    if state is not alert.state:
        moved = replace(moved, copy_refusal=None)
    for effect in effects:
        moved = _CARRY_OUT[effect](rules, moved, now)
    tx.alerts.save(moved, alert)
    tx.audit.write(AuditEvent(Action.UPDATE, f"Alert/{alert.id}", alert.patient_id, trigger))
    owe_alert(tx, rules, moved, says_it=bool(effects))
    if alert.code is AlertCode.ESCALATION and state is not alert.state:
        show_answer(tx, alert.id)
    return moved


def _climb(rules: Rules, alert: Alert, now: datetime) -> Alert:
    """Put it to the next rung of its ladder; at the top, and where somebody has seen it, it is said again every day for
    as long as nobody answers."""
    policy, rung = rules.policy(alert.tenant_id), alert.rung + 1
    minutes = timedelta(minutes=policy.acknowledge_within_minutes[alert.priority])
    soon = alert.state is AlertState.OPEN and rung < len(policy.ladder)
    wait = minutes if soon else timedelta(days=1)
    return replace(alert, due_at=now + wait, rung=rung)


_CARRY_OUT: dict[AlertEffect, Callable[[Rules, Alert, datetime], Alert]] = {
    AlertEffect.CLIMB_THE_LADDER: _climb,
}
