"""Open a referral for a woman who has none: as far as what waits for a clinician allows."""

from dataclasses import replace
from datetime import datetime

from service.flow.advance import advance
from service.flow.owe import owe, owe_alert, owe_note
from service.flow.ports import Transaction
from service.flow.rules import Rules
from service.referrals.alert import AlertCode
from service.referrals.life_event import SAME_EVENT, UNWELCOME
from service.referrals.note import noted_on_entering
from service.referrals.referral import Referral, ReferralState, ReferralTrigger
from service.referrals.review import GROUPED, HELD, RISK
from service.shared.audit import Action, AuditEvent


def open_referral(
    tx: Transaction, rules: Rules, tenant_id: str, patient_id: str, state: ReferralState, now: datetime
) -> Referral:
    """Open it to be placed, and place it, or to be reviewed first, as it is while a risk waits for its review. What a
    clinician is asked to decide about her holds for this referral as well, and so does an event that may make contact
    unwelcome: it begins on hold. The caller holds the lock on the woman."""
    asked = [alert for alert in tx.alerts.unresolved_about(patient_id) if alert.code in GROUPED]
    waits = {alert.code for alert in asked}
    opened = _add(tx, rules, tenant_id, patient_id, state if waits.isdisjoint(RISK) else ReferralState.IN_REVIEW, now)
    for alert in asked:
        # It decides about this referral now: else its answer would end nothing that waits, and release nothing.
        moved = replace(alert, referral_id=opened.id, version=alert.version + 1)
        tx.alerts.save(moved, alert)
        owe_alert(tx, rules, moved)
    event = tx.life_events.heard_since(patient_id, UNWELCOME, now - SAME_EVENT, None)
    if event and AlertCode.SAFETY_EVENT not in waits:
        trigger = ReferralTrigger.SAFETY_EVENT
    elif not waits.isdisjoint(HELD):
        trigger = ReferralTrigger.HELD_BY_CLINICIAN
    else:
        trigger = ReferralTrigger.OPENED
    return advance(tx, rules, opened, trigger, now) or opened


def _add(
    tx: Transaction, rules: Rules, tenant_id: str, patient_id: str, state: ReferralState, now: datetime
) -> Referral:
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
