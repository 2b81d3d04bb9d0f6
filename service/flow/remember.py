"""Every message is remembered, with what became of it and an audit row: also one whose answer was no."""

from service.flow.answer import Answer, Reason, Refused
from service.flow.ports import Transaction
from service.flow.received import Received
from service.shared.audit import Action, AuditEvent


def remember(tx: Transaction, received: Received, patient_id: str | None, answer: Answer) -> Answer:
    """The same answer, once the message is kept. What has no id of ours is audited as `Type/-`."""
    named = _target(received, answer) if isinstance(answer, Refused) else answer.id
    action = Action.CREATE if received.target_id is None else Action.UPDATE
    outcome = answer.reason.value if isinstance(answer, Refused) else "success"
    tx.inbox.keep(received, patient_id, answer)
    tx.audit.write(AuditEvent(action, f"{received.type}/{named or '-'}", patient_id, outcome))
    return answer


def _target(received: Received, answer: Refused) -> str | None:
    """What was not found is not named either: the sender may have put anything there."""
    return None if answer.reason is Reason.NOT_FOUND else received.target_id
