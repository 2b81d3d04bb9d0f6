"""A result that is refused: nothing is decided from it, and what it says of risk is heard all the same (DESIGN 9)."""

from collections.abc import Iterable
from datetime import datetime

from service.flow.answer import Reason, Refused
from service.flow.identify import subject_of
from service.flow.keep_unreadable import Recognised
from service.flow.ports import Transaction
from service.flow.received_result import ReceivedResult
from service.flow.rules import Rules
from service.flow.tell_of_result import hear_risk_of, risks_in, tell_of_result
from service.screening.decide import too_old_to_refer

# Her clinician has been told of what stands under another's identifier; whoever was too late reads again, and repeats.
_NO_NEWS = (Reason.DIFFERENT_UNDER_SAME_IDENTIFIER, Reason.VERSION_STALE)


def recognised(rules: Rules, message: ReceivedResult) -> Recognised:
    """What a result tells that is not acted on. One that takes back what was said tells of no risk."""
    if any(risks_in(rules, message)):
        return Recognised.A_CRITICAL_ANSWER
    return Recognised.AN_INSTRUMENT if message.administered else Recognised.NOTHING


def hear_risks_of(
    tx: Transaction, rules: Rules, patient_id: str, messages: Iterable[ReceivedResult], now: datetime
) -> None:
    """Let her answers about self-harm in these be heard as one (`hear_risk_of`): as an old one, when all are known to
    be old."""
    hear_risk_of(tx, rules, patient_id, now, old=_are_old(tx, rules, messages, now))


def hear_refused(tx: Transaction, rules: Rules, message: ReceivedResult, refused: Refused, now: datetime) -> None:
    """Tell a clinician of a result that was refused, in the unit that refuses it (`tell_of_result`)."""
    seen = recognised(rules, message)
    if seen is Recognised.NOTHING or not message.received.is_told:
        return
    if seen is Recognised.AN_INSTRUMENT and refused.reason in _NO_NEWS:
        return
    tell_of_result(
        tx,
        rules,
        subject_of(tx, message.subject),
        message.received.fingerprint(),
        now,
        risk=seen is Recognised.A_CRITICAL_ANSWER,
        old=_are_old(tx, rules, [message], now),
        read=[message],
    )


def _are_old(tx: Transaction, rules: Rules, messages: Iterable[ReceivedResult], now: datetime) -> bool:
    policy = rules.policy(tx.caller.organisation_id)
    risks = [each for message in messages for each, _ in risks_in(rules, message)]
    ages = [too_old_to_refer(each.effective, policy, now) for each in risks]
    return bool(ages) and all(ages)
