"""What a part of an HL7 v2 message asks for, and the function that does it."""

from collections.abc import Iterable
from datetime import datetime

from service.flow.answer import Answer
from service.flow.hear_event import ReceivedEvent, hear_event
from service.flow.hear_safe_contact import ReceivedSafeContact, hear_safe_contact
from service.flow.merge_patients import ReceivedMerge, merge_patients
from service.flow.ports import Transaction
from service.flow.receive_transaction import perform
from service.flow.received_result import ReceivedResult
from service.flow.record_consent import ReceivedConsent
from service.flow.register_patient import ReceivedPatient
from service.flow.request_referral import ReceivedRequest, request_referral
from service.flow.rules import Rules
from service.screening.result import ScreeningResult

Step = (
    ReceivedPatient
    | ReceivedMerge
    | ReceivedSafeContact
    | ReceivedConsent
    | ReceivedResult
    | ReceivedEvent
    | ReceivedRequest
)
# When one of these is refused nobody knows whose the rest of the group is.
SAYS_WHO = (ReceivedPatient, ReceivedMerge)
# These wait until every result in the message is judged, so that nothing is offered that a risk would take back.
AFTER_DECISIONS = (ReceivedEvent, ReceivedRequest)


def take_step(tx: Transaction, rules: Rules, step: Step, now: datetime) -> tuple[Answer, Iterable[ScreeningResult]]:
    """Act on one part among others, and judge no result yet: its answer, and the results to be judged."""
    match step:
        case ReceivedMerge():
            return merge_patients(tx, rules, step, now), ()
        case ReceivedSafeContact():
            return hear_safe_contact(tx, rules, step, now), ()
        case ReceivedEvent():
            return hear_event(tx, rules, step, now), ()
        case ReceivedRequest():
            return request_referral(tx, rules, step, now), ()
        case _:
            return perform(tx, rules, step, now)
