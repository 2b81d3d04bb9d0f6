"""Open a referral for a woman who has none: as far as what waits for a clinician allows."""

from datetime import datetime

from service.flow.advance import advance
from service.flow.hold_back import hold_back
from service.flow.owe import owe, owe_note
from service.flow.ports import Transaction
from service.flow.rules import Rules
from service.referrals.life_event import SAME_EVENT, UNWELCOME
from service.referrals.note import noted_on_entering
from service.referrals.referral import Referral, ReferralState, ReferralTrigger
from service.referrals.review import GROUPED, RISK
from service.shared.audit import Action, AuditEvent


def open_referral(
    tx: Transaction,
    rules: Rules,
    tenant_id: str,
    patient_id: str,
    state: ReferralState,
    now: datetime,
    result_id: str | None = None,
) -> Referral:
    """Open it to be placed, and place it, or to be reviewed first, as it is while a risk waits for its review. While a
    clinician is asked to decide about her, or after an event that may make contact unwelcome, it begins on hold.

    The caller holds the lock on the woman. `result_id` is the result that it rests on, None without any."""
    asked = [alert for alert in tx.alerts.unresolved_about(patient_id) if alert.code in GROUPED]
    risk = any(alert.code in RISK for alert in asked)
    opened = Referral(
        id=tx.new_id(),
        version=1,
        tenant_id=tenant_id,
        patient_id=patient_id,
        state=ReferralState.IN_REVIEW if risk else state,
        opened_at=now,
        changed_at=now,
        result_id=result_id,
    )
    _add(tx, rules, opened, now)
    event = bool(tx.life_events.heard_since(patient_id, UNWELCOME, now - SAME_EVENT))
    held = hold_back(tx, rules, opened, asked, now, event=event)
    return held or advance(tx, rules, opened, ReferralTrigger.OPENED, now) or opened


def _add(tx: Transaction, rules: Rules, referral: Referral, now: datetime) -> None:
    tx.referrals.add(referral)
    tx.audit.write(AuditEvent(Action.CREATE, f"ServiceRequest/{referral.id}", referral.patient_id))
    owe(tx, rules, referral)
    owe_note(tx, rules, referral, noted_on_entering(referral.state), now)
