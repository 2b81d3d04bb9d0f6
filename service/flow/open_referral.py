"""Open a referral for a woman who has none, in the state that a decision or a clinician asks for."""

from datetime import datetime

from service.flow.owe import owe, owe_note
from service.flow.ports import Transaction
from service.flow.rules import Rules
from service.referrals.note import noted_on_entering
from service.referrals.referral import Referral, ReferralState
from service.shared.audit import Action, AuditEvent


def open_referral(
    tx: Transaction, rules: Rules, tenant_id: str, patient_id: str, state: ReferralState, now: datetime
) -> Referral:
    """The caller holds the lock on the woman, and goes on with `opened` when the state is `placing`."""
    referral = Referral(
        id=tx.new_id(),
        version=1,
        tenant_id=tenant_id,
        patient_id=patient_id,
        state=state,
        opened_at=now,
        changed_at=now,
    )
    tx.referrals.add(referral)
    tx.audit.write(AuditEvent(Action.CREATE, f"ServiceRequest/{referral.id}", patient_id))
    owe(tx, rules, referral)
    owe_note(tx, rules, referral, noted_on_entering(state), now)
    return referral
