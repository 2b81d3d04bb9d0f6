"""A Patient or a Consent that comes by itself. Where it may mean two women, what it tells of either is not lost."""

from datetime import datetime

from service.flow.answer import Answer, Refused
from service.flow.ports import Transaction
from service.flow.record_consent import ReceivedConsent, record_consent
from service.flow.register_patient import ReceivedPatient, register_patient
from service.flow.rules import Rules
from service.flow.tell_unnamed import number_in, numbers
from service.flow.unheard import hear_unheard, unheard


def receive_patient(tx: Transaction, rules: Rules, message: ReceivedPatient, now: datetime) -> Answer:
    answer = register_patient(tx, rules, message, now)
    _tell_of_doubt(tx, rules, message, numbers(message.received.names), answer, now)
    return answer


def receive_consent(tx: Transaction, rules: Rules, message: ReceivedConsent, now: datetime) -> Answer:
    answer = record_consent(tx, rules, message, now)
    _tell_of_doubt(tx, rules, message, number_in(message.patient), answer, now)
    return answer


def _tell_of_doubt(
    tx: Transaction,
    rules: Rules,
    message: ReceivedPatient | ReceivedConsent,
    number: str,
    answer: Answer,
    now: datetime,
) -> None:
    told = unheard([message], number) if isinstance(answer, Refused) and answer.doubted else None
    # Whoever replays a message sees its answer, and a person was told when it first came.
    if told is not None and message.received.replays is None:
        hear_unheard(tx, rules, None, told, message.received.fingerprint(), now)
