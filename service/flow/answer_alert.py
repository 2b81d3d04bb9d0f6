"""A clinician answers an alert: seen, or dealt with (FHIR Task update by the hospital it was raised for)."""

from dataclasses import dataclass
from datetime import datetime

from service.flow.answer import Accepted, Answer, Reason, Refused, Repeated
from service.flow.move_alert import move_alert
from service.flow.ports import Transaction
from service.flow.received import Received
from service.flow.remember import remember
from service.flow.rules import Rules
from service.referrals.alert import ALERT_KINDS, Alert, AlertState, AlertTask, AlertTrigger

_BRINGS_ABOUT = {AlertState.ACKNOWLEDGED: AlertTrigger.ACKNOWLEDGE, AlertState.RESOLVED: AlertTrigger.RESOLVE}


@dataclass(frozen=True, slots=True)
class ReceivedAnswer:
    """`state` is the one that the alert is to have, None when what was sent is no state of an alert.

    `role` is what the clinician who answers is to the team, None when it was not said.
    """

    received: Received
    alert_id: str
    state: AlertState | None
    role: str | None = None


def answer_alert(tx: Transaction, rules: Rules, message: ReceivedAnswer, now: datetime) -> Answer:
    """Acknowledge or resolve it. A review is resolved by its outcome, which a status alone does not tell."""
    alert = tx.visible.alert(message.alert_id)
    if alert is None:
        offer = tx.visible.offer(message.alert_id)
        return remember(tx, message.received, None, Refused(Reason.NOT_THE_OWNER if offer else Reason.NOT_FOUND))
    if alert.patient_id is not None:
        tx.patients.lock(alert.patient_id)
    alert = tx.alerts.lock(alert.id)
    return remember(tx, message.received, alert.patient_id, _answer(tx, rules, alert, message, now))


def _answer(tx: Transaction, rules: Rules, alert: Alert, message: ReceivedAnswer, now: datetime) -> Answer:
    if message.received.expected_version not in (None, alert.version):
        return Refused(Reason.VERSION_STALE)
    if message.state is alert.state:
        return Repeated("Task", alert.id, alert.version)
    trigger = None if message.state is None else _BRINGS_ABOUT.get(message.state)
    if trigger is AlertTrigger.RESOLVE and ALERT_KINDS[alert.code].task is AlertTask.REVIEW:
        return Refused(Reason.REVIEW_OUTCOME_REQUIRED, "status")
    moved = None if trigger is None else move_alert(tx, rules, alert.seen_by(message.role, now), trigger, now)
    if moved is None:
        return Refused(Reason.TRANSITION_NOT_ALLOWED, "status")
    return Accepted("Task", alert.id, moved.version)
