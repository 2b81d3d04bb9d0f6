"""An alert was answered in the copy that the hospital's record has of its Task."""

from dataclasses import replace
from datetime import datetime

from service.flow.answer import Answer, Refused
from service.flow.answer_alert import ReceivedAnswer, answer_alert
from service.flow.owe import owe_alert
from service.flow.ports import Transaction
from service.flow.raise_alert import raise_alert
from service.flow.rules import Rules
from service.referrals.alert import AlertCode


def answer_in_copy(tx: Transaction, rules: Rules, message: ReceivedAnswer, version: str, now: datetime) -> Answer:
    """The same as if its hospital had sent it; `version` names the copy that was read.

    A refusal has nobody to hear it: so the copy is put right, and says why. If what was refused is another review of
    what is over, two clinicians disagree about her, and somebody has to know.
    """
    answer = answer_alert(tx, rules, message, now)
    if isinstance(answer, Refused):
        alert = tx.alerts.get(message.alert_id)
        refused = replace(alert, version=alert.version + 1, copy_seen=version, copy_refusal=answer.reason.value)
        tx.alerts.save(refused, alert)
        owe_alert(tx, rules, refused)
        if alert.is_contradicted_by(message.outcome):
            raise_alert(
                tx,
                rules,
                AlertCode.CONTENT_CONFLICT,
                tenant_id=alert.tenant_id,
                patient_id=alert.patient_id,
                referral_id=alert.referral_id,
                now=now,
            )
    return answer
