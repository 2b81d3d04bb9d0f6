"""Tell of an alert once more where its hospital's record is now."""

from dataclasses import replace

from service.flow.owe import owe_alert
from service.flow.ports import Transaction
from service.flow.rules import Rules
from service.shared.audit import Action, AuditEvent


def tell_anew(tx: Transaction, rules: Rules, alert_id: str) -> None:
    """One that is over is left alone. What its copy was last seen to say was said in another record."""
    patient_id = tx.alerts.get(alert_id).patient_id
    if patient_id is not None:
        tx.patients.lock_present(patient_id)
    alert = tx.alerts.lock(alert_id)
    if alert.is_over:
        return
    anew = replace(alert, version=alert.version + 1, copy_seen=None, copy_refusal=None)
    tx.alerts.save(anew, alert)
    tx.audit.write(AuditEvent(Action.UPDATE, f"Alert/{alert.id}", alert.patient_id, "told-anew"))
    owe_alert(tx, rules, anew, says_it=True)
