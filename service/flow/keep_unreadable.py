"""A known sender's body that could not be understood: nothing of it is acted on, and nothing of it is lost."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

from service.flow.ports import Transaction
from service.flow.raise_alert import raise_alert
from service.flow.rules import Rules
from service.referrals.alert import AlertCode
from service.shared.audit import Action, AuditEvent
from service.shared.caller import OrganisationKind


class Recognised(Enum):
    """What can be told of it all the same."""

    NOTHING = auto()
    AN_INSTRUMENT = auto()
    A_CRITICAL_ANSWER = auto()


@dataclass(frozen=True, slots=True)
class Unreadable:
    """`sealed` is the body, encrypted for the id it is kept under; `reason` is the codes of what was wrong with it."""

    id: str
    sealed: bytes
    reason: str
    recognised: Recognised


_ALERTS = {
    Recognised.AN_INSTRUMENT: AlertCode.UNREADABLE_RESULT,
    Recognised.A_CRITICAL_ANSWER: AlertCode.UNREADABLE_RISK,
}


def keep_unreadable(tx: Transaction, rules: Rules, unreadable: Unreadable, now: datetime) -> None:
    """Keep it for a person to look at; tell the hospital when a screening result, or a risk, may be in it."""
    tx.inbox.keep_unreadable(unreadable.id, unreadable.sealed, unreadable.reason)
    tx.audit.write(AuditEvent(Action.CREATE, f"UnreadableMessage/{unreadable.id}", None, "unreadable"))
    code = _ALERTS.get(unreadable.recognised)
    if code is not None and tx.caller.kind is OrganisationKind.HOSPITAL:
        raise_alert(tx, rules, code, tenant_id=tx.caller.organisation_id, patient_id=None, referral_id=None, now=now)
