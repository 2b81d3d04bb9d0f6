"""What asks a clinician to look, as a Task that the hospital reads and answers here."""

from collections.abc import Mapping
from types import MappingProxyType

from service.fhir import terms
from service.fhir.raw import instant
from service.fhir.survey import Tree
from service.fhir.write.parts import at, concept, identifier, meta, present, reference
from service.flow.rules import Rules
from service.referrals.alert import ALERT_KINDS, Alert, AlertState
from service.shared.code import Code

ALERT_STATUS: dict[AlertState, str] = {
    AlertState.OPEN: "requested",
    AlertState.ACKNOWLEDGED: "accepted",
    AlertState.RESOLVED: "completed",
}

NOBODY: Mapping[str, str] = MappingProxyType({})


def alert_task(
    alert: Alert, stamp_ms: int, rules: Rules, names: Mapping[str, str] = NOBODY, words: str | None = None
) -> Tree:
    """What is asked of the maternity team and by when; never code `fulfill`, never the referral's profile.

    `stamp_ms` is the row's stamp in milliseconds. `names` are those of the programmes that a request for consent names,
    `words` what a programme wrote, marked as such.
    """
    return present(
        {
            "resourceType": "Task",
            "id": alert.id,
            "meta": meta(alert.version, stamp_ms),
            "identifier": [identifier(terms.ALERT_ID, alert.id)],
            "status": ALERT_STATUS[alert.state],
            "intent": "order",
            "priority": alert.priority.value,
            "code": concept(Code(terms.ALERT_TASK, ALERT_KINDS[alert.code].task.value)),
            "description": rules.alert_text(alert.code),
            "focus": reference("ServiceRequest", alert.referral_id) if alert.referral_id else None,
            "for": reference("Patient", alert.patient_id) if alert.patient_id else None,
            "authoredOn": at(alert.raised_at),
            "lastModified": instant(stamp_ms),
            "owner": reference("Organization", alert.tenant_id),
            "reasonCode": concept(Code(terms.ALERT_REASON, alert.code.value)),
            "note": [{"text": words}] if words else [],
            "restriction": {"period": {"end": at(alert.due_at)}},
            "input": [_fitting(id, names.get(id)) for id in alert.programmes],
        }
    )


def _fitting(programme_id: str, name: str | None) -> Tree:
    """A programme that she may be asked about."""
    return {
        "type": concept(Code(terms.ALERT_INPUT, "fitting-programme")),
        "valueReference": reference("HealthcareService", programme_id, name),
    }
