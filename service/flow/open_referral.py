"""Open a referral for a woman who has none, in the state that a decision or a clinician asks for."""

from datetime import datetime

from service.flow.advance import advance
from service.flow.owe import owe, owe_note
from service.flow.ports import Transaction
from service.flow.rules import Rules
from service.referrals.life_event import SAME_EVENT, UNWELCOME
from service.referrals.note import noted_on_entering
from service.referrals.referral import Referral, ReferralState, ReferralTrigger
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


def begin(tx: Transaction, rules: Rules, opened: Referral, now: datetime) -> Referral:
    """Place a referral that has just been opened to be placed; after an event that may make contact unwelcome a
    clinician decides about it first."""
    unwelcome = tx.life_events.heard_since(opened.patient_id, UNWELCOME, now - SAME_EVENT)
    trigger = ReferralTrigger.SAFETY_EVENT if unwelcome else ReferralTrigger.OPENED
    return advance(tx, rules, opened, trigger, now) or opened
