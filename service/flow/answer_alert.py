"""A clinician answers an alert: seen, dealt with, or reviewed (FHIR Task update by the hospital it was raised for).

Three doors lead here: our API, the copy in the hospital's record, and an answer link.
"""

from dataclasses import dataclass
from datetime import datetime

from service.flow.answer import Accepted, Answer, Reason, Refused, Repeated
from service.flow.identify import subject_of
from service.flow.move_alert import move_alert
from service.flow.ports import Transaction
from service.flow.received import Received, Reference
from service.flow.remember import remember
from service.flow.review_alert import review_alert
from service.flow.rules import Rules
from service.referrals.alert import (
    ALERT_KINDS,
    NOBODY_NAMED,
    Alert,
    AlertState,
    AlertTask,
    AlertTrigger,
    Practitioner,
    ReviewOutcome,
)

_BRINGS_ABOUT = {AlertState.ACKNOWLEDGED: AlertTrigger.ACKNOWLEDGE, AlertState.RESOLVED: AlertTrigger.RESOLVE}


@dataclass(frozen=True, slots=True)
class ReceivedAnswer:
    """`state` is the one that the alert is to have, None when what was sent is no state of an alert.

    `outcome` is what a review came to. `reviewed` names the result and its version that the sender had before it, as
    the alert's Task names it; None when the sender names none. `until` is when the link ends by which somebody has seen
    it. `subject` is the woman whom the sender names, if any,
    and `referral` the referral.
    """

    received: Received
    alert_id: str
    state: AlertState | None
    practitioner: Practitioner = NOBODY_NAMED
    outcome: ReviewOutcome | None = None
    reviewed: str | None = None
    until: datetime | None = None
    subject: Reference | None = None
    referral: Reference | None = None


def answer_alert(tx: Transaction, rules: Rules, message: ReceivedAnswer, now: datetime) -> Answer:
    """Acknowledge, resolve or review it, by somebody who is named: else the next who looks would find it answered by
    nobody. What was answered already is not answered again: one door wins."""
    alert = tx.visible.alert(message.alert_id)
    if alert is None:
        offer = tx.visible.offer(message.alert_id)
        return remember(tx, message.received, None, Refused(Reason.NOT_THE_OWNER if offer else Reason.NOT_FOUND))
    if alert.patient_id is not None:
        tx.patients.lock(alert.patient_id)
    alert = tx.alerts.lock(alert.id)
    return remember(tx, message.received, alert.patient_id, _answer(tx, rules, alert, message, now))


def _means_another(tx: Transaction, alert: Alert, message: ReceivedAnswer) -> str | None:
    """The element that names another woman, by herself or by a referral of hers."""
    if message.subject is not None and subject_of(tx, message.subject) != alert.patient_id:
        return "for"
    named = message.referral
    referral = tx.visible.referral(named.id) if named and named.id and named.base is None else None
    return "focus" if referral is not None and referral.patient_id != alert.patient_id else None


def _answer(tx: Transaction, rules: Rules, alert: Alert, message: ReceivedAnswer, now: datetime) -> Answer:
    another = _means_another(tx, alert, message)
    if another is not None:
        return Refused(Reason.ELEMENT_FIXED, another)
    if _says_the_same(alert, message):
        return Repeated("Task", alert.id, alert.version)
    if alert.state is AlertState.RESOLVED or message.state is alert.state is AlertState.ACKNOWLEDGED:
        return Refused(Reason.ALREADY_ANSWERED, "status")
    if message.received.expected_version not in (None, alert.version):
        return Refused(Reason.VERSION_STALE)
    trigger = None if message.state is None else _BRINGS_ABOUT.get(message.state)
    if trigger is None:
        return Refused(Reason.TRANSITION_NOT_ALLOWED, "status")
    is_review = ALERT_KINDS[alert.code].task is AlertTask.REVIEW
    seen = alert.seen_by(message.practitioner, now, message.until if is_review else None)
    if is_review and trigger is AlertTrigger.RESOLVE:
        return _review(tx, rules, seen, message, now)
    if seen.acknowledged_by is None:
        return Refused(Reason.PRACTITIONER_REQUIRED, "output")
    moved = move_alert(tx, rules, seen, trigger, now)
    if moved is None:
        return Refused(Reason.TRANSITION_NOT_ALLOWED, "status")
    return Accepted("Task", alert.id, moved.version)


def _says_the_same(alert: Alert, message: ReceivedAnswer) -> bool:
    """A repeat of what made it so; somebody else's answer is no repeat, also when it comes to the same."""
    outcome = alert.review.outcome if alert.review else None
    by = alert.review.practitioner.name if alert.review else alert.acknowledged_by
    return (
        message.state is alert.state
        and message.received.expected_version in (None, alert.version)
        and message.outcome in ((None, outcome) if alert.state is not AlertState.RESOLVED else (outcome,))
        and message.practitioner.name in (None, by)
    )


def _review(tx: Transaction, rules: Rules, alert: Alert, message: ReceivedAnswer, now: datetime) -> Answer:
    if message.outcome is None:
        return Refused(Reason.REVIEW_OUTCOME_REQUIRED, "output")
    if message.practitioner.name is None:
        return Refused(Reason.PRACTITIONER_REQUIRED, "output")
    if message.reviewed != (str(alert.result) if alert.result else None):
        return Refused(Reason.REVIEW_OUTDATED, "input")
    reviewed = review_alert(tx, rules, alert, message.outcome, message.practitioner, now)
    if isinstance(reviewed, Reason):
        return Refused(reviewed, "status")
    return Accepted("Task", alert.id, reviewed.version)
