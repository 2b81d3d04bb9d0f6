"""What a programme told, shown back to it with its answer."""

from service.fhir import terms
from service.fhir.raw import instant
from service.fhir.survey import Tree
from service.fhir.write.parts import at, extension, identifier, present, reference
from service.flow.rules import Rules
from service.referrals.alert import Alert
from service.referrals.escalation import Escalation
from service.referrals.offer import Offer


def answer_to(escalation: Escalation, alert: Alert, rules: Rules) -> Tree:
    """That it was told and when, and, as soon as a clinician has acknowledged it, when and in which role; never who."""
    seen = alert.acknowledged_at
    return {
        "url": terms.ESCALATION,
        "extension": [
            extension("told", valueInstant=at(escalation.told_at)),
            *([_message(escalation)] if escalation.type == "Communication" else []),
            *([extension("acknowledged", valueInstant=at(seen))] if seen else []),
            *([extension("role", valueString=alert.acknowledged_by_role)] if alert.acknowledged_by_role else []),
            *([] if seen else [extension("advice", valueString=rules.escalation_texts["emergency"])]),
        ],
    }


def _message(escalation: Escalation) -> Tree:
    return extension("message", valueReference=reference("Communication", escalation.id))


def receipt(
    id: str,
    version: str,
    stamp_ms: int,
    told: tuple[Escalation, Alert, Offer | None] | None,
    rules: Rules,
    *,
    over: bool,
) -> Tree:
    """The Communication as its programme reads it back: `told` None when no clinician, or more than one, was.

    What it wrote is not repeated once the offer is over, for it may name her.
    """
    escalation, alert, offer = told or (None, None, None)
    texts = escalation.said.texts if escalation and escalation.said and not over else ()
    return present(
        {
            "resourceType": "Communication",
            "id": id,
            "meta": {"versionId": version, "lastUpdated": instant(stamp_ms)},
            "extension": [answer_to(escalation, alert, rules)] if escalation and alert else [],
            "identifier": [identifier(terms.MESSAGE_ID, id)],
            "status": _status(alert),
            "priority": alert.priority.value if alert else None,
            "subject": reference("Patient", offer.handles.patient) if offer else None,
            "about": [reference("Task", offer.id)] if offer else [],
            "received": at(escalation.told_at) if escalation else None,
            "recipient": [reference("Organization", alert.tenant_id)] if alert else [],
            "sender": reference("Organization", offer.organisation_id) if offer else None,
            "payload": [{"contentString": each} for each in texts],
            "note": [{"text": rules.escalation_texts["emergency"]}],
        }
    )


def _status(alert: Alert | None) -> str:
    """Communication.status is that of the hearing: it is over when a clinician has acknowledged it."""
    if alert is None:
        return "unknown"
    return "completed" if alert.acknowledged_at else "in-progress"
