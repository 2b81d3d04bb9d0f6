"""A result that is refused: nothing is decided from it, and what it says of risk is heard all the same (DESIGN 9)."""

import hashlib
from collections.abc import Iterable
from datetime import datetime

from service.flow.advance import advance
from service.flow.answer import Reason, Refused
from service.flow.identify import subject_of
from service.flow.keep_unreadable import Recognised
from service.flow.ports import Transaction
from service.flow.raise_alert import alert_about, alert_sender
from service.flow.received import ControlKey
from service.flow.received_result import Administered, ReceivedResult
from service.flow.rules import Rules
from service.referrals.alert import AlertCode
from service.referrals.referral import ReferralTrigger
from service.screening.decide import is_harmful, too_old_to_refer
from service.screening.result import DECIDING

_RISKS = {
    False: (ReferralTrigger.SELF_HARM_PRESENT, AlertCode.SELF_HARM_PRESENT),
    True: (ReferralTrigger.OLD_SELF_HARM_PRESENT, AlertCode.OLD_SELF_HARM_PRESENT),
}

# Her clinician has been told of what stands under another's identifier; whoever was too late reads again, and repeats.
_NO_NEWS = (Reason.DIFFERENT_UNDER_SAME_IDENTIFIER, Reason.VERSION_STALE)


def recognised(rules: Rules, message: ReceivedResult) -> Recognised:
    """What a result tells that is not acted on. One that would not be judged, were it taken, tells of no risk."""
    if any(_risks(rules, message)):
        return Recognised.A_CRITICAL_ANSWER
    return Recognised.AN_INSTRUMENT if message.administered else Recognised.NOTHING


def hear_risk(tx: Transaction, rules: Rules, message: ReceivedResult, now: datetime) -> bool:
    """Let an answer about self-harm be heard (`hear_risks_of`). False when there is none, or nobody knows whose."""
    patient_id = subject_of(tx, message.subject) if any(_risks(rules, message)) else None
    if patient_id is None:
        return False
    hear_risks_of(tx, rules, patient_id, [message], now)
    return True


def hear_risks_of(
    tx: Transaction, rules: Rules, patient_id: str, messages: Iterable[ReceivedResult], now: datetime
) -> None:
    """Let her answers about self-harm do once what one does in a result that is taken, but for opening a referral: her
    clinician is told, and what no programme has answered is taken back."""
    patient = tx.patients.lock(patient_id)
    policy = rules.policy(patient.tenant_id)
    risks = (each for message in messages for each in _risks(rules, message))
    trigger, code = _RISKS[all(too_old_to_refer(each.effective, policy, now) for each in risks)]
    referral = tx.referrals.open_of(patient_id)
    if referral is None or advance(tx, rules, referral, trigger, now) is None:
        alert_about(tx, rules, code, patient, now)


def is_news(tx: Transaction, patient_id: str | None, content: str) -> bool:
    """Whether nobody was told in the last seven days that this was refused of her, or of nobody who was known."""
    key, whole = (hashlib.sha256(each.encode()).digest() for each in (f"refused {patient_id} {content}", content))
    return tx.control.claim(ControlKey(key, whole), tx.new_id(), b"") is None


def hear_refused(tx: Transaction, rules: Rules, message: ReceivedResult, refused: Refused, now: datetime) -> None:
    """Tell a clinician of a result that was refused, in the unit that refuses it. The same that is sent again and again
    is told of once in seven days, or once more when it has become known whose it is."""
    seen = recognised(rules, message)
    # Whoever replays a message sees its answer, and a person was told when it first came.
    if seen is Recognised.NOTHING or message.received.replays is not None:
        return
    if seen is Recognised.AN_INSTRUMENT and refused.reason in _NO_NEWS:
        return
    patient_id = subject_of(tx, message.subject)
    if not is_news(tx, patient_id, message.received.fingerprint()) or hear_risk(tx, rules, message, now):
        return
    if patient_id is not None:
        alert_about(tx, rules, AlertCode.UNREADABLE_RESULT, tx.patients.lock(patient_id), now)
        return
    code = AlertCode.UNREADABLE_RISK if seen is Recognised.A_CRITICAL_ANSWER else AlertCode.UNREADABLE_RESULT
    alert_sender(tx, rules, code, now)


def _risks(rules: Rules, message: ReceivedResult) -> Iterable[Administered]:
    for each in message.administered:
        items = rules.instruments[each.instrument_id].by_number
        answers = [(items.get(reading.item or 0), reading.value) for reading in each.piece.readings]
        if each.piece.status in DECIDING and any(item and is_harmful(value, item) for item, value in answers):
            yield each
