"""What a clinician hears of a result from which nothing is decided: of whom, how urgently, and once (DESIGN 9)."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from service.flow.advance import advance
from service.flow.ports import Transaction
from service.flow.raise_alert import alert_about, alert_sender
from service.flow.received_result import Administered, ReceivedResult
from service.flow.rules import Rules
from service.flow.told_first import told_first
from service.referrals.alert import AlertCode
from service.referrals.referral import ReferralTrigger
from service.screening.decide import harm_in_readings
from service.screening.instrument import Stage
from service.screening.result import VOID, ScreeningResult

_RISKS = {
    False: (ReferralTrigger.SELF_HARM_PRESENT, AlertCode.SELF_HARM_PRESENT),
    True: (ReferralTrigger.OLD_SELF_HARM_PRESENT, AlertCode.OLD_SELF_HARM_PRESENT),
}


def hear_risk_of(tx: Transaction, rules: Rules, patient_id: str, now: datetime, *, old: bool) -> None:
    """Let an answer of hers about self-harm do what one does in a result that is taken, but for opening a referral: her
    clinician is told, and what no programme has answered is taken back."""
    patient = tx.patients.lock(patient_id)
    trigger, code = _RISKS[old]
    referral = tx.referrals.open_of(patient_id)
    if referral is None or advance(tx, rules, referral, trigger, now) is None:
        alert_about(tx, rules, code, patient, now)


def tell_of_result(
    tx: Transaction,
    rules: Rules,
    patient_id: str | None,
    content: str,
    now: datetime,
    *,
    risk: bool,
    old: bool = False,
    read: Sequence[ReceivedResult] = (),
) -> None:
    """Tell of a result that is not used, about her, or at the hospital that sent it when nobody can tell whose it is.

    The same `content` that is sent again and again is told of once in seven days, or once more when it has become known
    whose it is. A risk is not told again when all of it could be `read`, and was told as hers before.
    """
    if patient_id is not None and risk and was_told(tx, rules, patient_id, read):
        return
    if not is_news(tx, patient_id, content):
        return
    if patient_id is None:
        alert_sender(tx, rules, AlertCode.UNREADABLE_RISK if risk else AlertCode.UNREADABLE_RESULT, now)
    elif risk:
        hear_risk_of(tx, rules, patient_id, now, old=old)
    else:
        alert_about(tx, rules, AlertCode.UNREADABLE_RESULT, tx.patients.lock(patient_id), now)


def risks_in(rules: Rules, message: ReceivedResult) -> Iterator[tuple[Administered, int]]:
    """What in it answers a critical question so that self-harm is present, each with the worst such answer."""
    for each in message.administered:
        harm = harm_in_readings(each.piece.readings, rules.instruments[each.instrument_id])
        if harm and each.piece.status not in VOID:
            yield each, harm


def was_told(tx: Transaction, rules: Rules, patient_id: str, read: Sequence[ReceivedResult]) -> bool:
    """Whether each risk in these was decided of the same administration, by an answer no better."""
    risks = [risk for message in read for risk in risks_in(rules, message)]
    return bool(risks) and all(harm <= _known_harm(tx, patient_id, each) for each, harm in risks)


def _known_harm(tx: Transaction, patient_id: str, each: Administered) -> int:
    tenant_id, key = tx.caller.organisation_id, each[:3]
    known = tx.results.find(ScreeningResult(tx.new_id(), tenant_id, patient_id, *key, Stage.UNKNOWN))
    judged = tx.results.judged(known.id) if known is not None else None
    return judged.harm if judged is not None else 0


def is_news(tx: Transaction, patient_id: str | None, content: str) -> bool:
    """Whether nobody was told in the last seven days that this was refused of her, or of nobody who was known."""
    new_id = tx.new_id()
    return told_first(tx, f"refused {patient_id} {content}", new_id) == new_id
