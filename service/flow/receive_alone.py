"""A Patient or a Consent that comes by itself. Where it is refused, the death or the no that it tells is not lost."""

from datetime import datetime

from service.flow.answer import Answer, Refused
from service.flow.identify import who_said, women_meant
from service.flow.ports import Transaction
from service.flow.received import Reference, number_in, numbers
from service.flow.record_consent import ReceivedConsent, record_consent
from service.flow.register_patient import ReceivedPatient, register_patient, woman_named
from service.flow.rules import Rules
from service.flow.unheard import hear_refused_message, hear_unused_death


def receive_patient(tx: Transaction, rules: Rules, message: ReceivedPatient, now: datetime) -> Answer:
    answer = register_patient(tx, rules, message, now)
    hear_unused_death(tx, rules, message, answer, now)
    if isinstance(answer, Refused):
        _hear(tx, rules, message, woman_named(tx, message), numbers(message.received.names), answer, now)
    return answer


def receive_consent(tx: Transaction, rules: Rules, message: ReceivedConsent, now: datetime) -> Answer:
    answer = record_consent(tx, rules, message, now)
    if isinstance(answer, Refused):
        _hear(tx, rules, message, _who_said(tx, message), number_in(message.patient), answer, now)
    return answer


def _who_said(tx: Transaction, message: ReceivedConsent) -> str | None:
    """Whom it names, and else the woman whose Consent it was to change."""
    women = women_meant(tx, message.patient) or who_said(tx, Reference("Consent", message.received.target_id))
    return women.pop() if len(women) == 1 else None


def _hear(
    tx: Transaction,
    rules: Rules,
    message: ReceivedPatient | ReceivedConsent,
    patient_id: str | None,
    number: str,
    refused: Refused,
    now: datetime,
) -> None:
    """Where two women may be meant, it is nobody's."""
    if message.received.is_told:
        certain = None if refused.doubted else patient_id
        hear_refused_message(tx, rules, message, certain, number, message.received, now)
