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

_ASKED_BY_STATUS = {"accepted": AlertTrigger.ACKNOWLEDGE, "completed": AlertTrigger.RESOLVE}
_IN_STATE = {"requested": AlertState.OPEN, "accepted": AlertState.ACKNOWLEDGED, "completed": AlertState.RESOLVED}


@dataclass(frozen=True, slots=True)
class ReceivedAnswer:
    """`status` is Task.status as sent: accepted is seen, completed is dealt with."""

    received: Received
    alert_id: str
    status: str


def answer_alert(tx: Transaction, rules: Rules, message: ReceivedAnswer, now: datetime) -> Answer:
    """Acknowledge or resolve it. A review is resolved by its outcome, which a status alone does not tell."""
    alert = tx.visible.alert(message.alert_id)
    if alert is None:
        offer = tx.visible.offer(message.alert_id)
        return remember(tx, message.received, None, Refused(Reason.NOT_THE_OWNER if offer else Reason.NOT_FOUND))
    if alert.patient_id is not None:
        tx.patients.lock(alert.patient_id)
    alert = tx.alerts.lock(alert.id)
    return remember(tx, message.received, alert.patient_id, _answer(tx, alert, message))


def _answer(tx: Transaction, alert: Alert, message: ReceivedAnswer) -> Answer:
    if message.received.expected_version not in (None, alert.version):
        return Refused(Reason.VERSION_STALE)
    if _IN_STATE.get(message.status) is alert.state:
        return Repeated("Task", alert.id, alert.version)
    trigger = _ASKED_BY_STATUS.get(message.status)
    if trigger is AlertTrigger.RESOLVE and ALERT_KINDS[alert.code].task is AlertTask.REVIEW:
        return Refused(Reason.REVIEW_OUTCOME_REQUIRED, "status")
    moved = None if trigger is None else move_alert(tx, alert, trigger)
    if moved is None:
        return Refused(Reason.TRANSITION_NOT_ALLOWED, "status")
    return Accepted("Task", alert.id, moved.version)
