"""What asks a clinician to look: as a Task that the hospital reads and answers here, and its copy in the record."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from service.delivery.words import alert_words
from service.fhir import terms
from service.fhir.faults import ERRORS
from service.fhir.raw import instant
from service.fhir.survey import Tree
from service.fhir.write.parts import at, concept, identifier, meta, present, reference
from service.fhir.write.parts import words as only_text
from service.flow.answer import Reason
from service.flow.rules import Rules
from service.referrals.alert import ALERT_KINDS, Alert, AlertState, ResultVersion, Review
from service.screening.instrument import Rung
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
    patient = reference("Patient", alert.patient_id) if alert.patient_id else None
    focus = reference("ServiceRequest", alert.referral_id) if alert.referral_id else None
    history = [reference("Provenance", alert.id)] if alert.review else []
    own = {"resourceType": "Task", "id": alert.id, "meta": meta(alert.version, stamp_ms)}
    fitting = [reference("HealthcareService", id, names.get(id)) for id in alert.programmes]
    here = _elements(alert, rules, patient, focus, fitting, stamp_ms, alert.code.value, history, words)
    return own | here


def outgoing_alert_task(
    alert: Alert,
    rules: Rules,
    patient: Tree | None,
    service_request_reference: str | None,
    fitting: Sequence[str] = (),
) -> Tree:
    """The copy for the hospital's own record, where it may be answered too.

    A record may be read over her shoulder, so it carries no code for the reason. `fitting` are the names of the
    programmes that she may be asked about.
    """
    named: list[Tree] = [{"type": "HealthcareService", "display": name} for name in fitting]
    focus = {"reference": service_request_reference} if service_request_reference else None
    return {"resourceType": "Task", **_elements(alert, rules, patient, focus, named)}


def provenance(alert: Alert, review: Review, stamp_ms: int) -> Tree:
    """Who reviewed, when, on what (FHIR R4 Provenance). Its id is the alert's."""
    who = review.practitioner
    by = {
        "role": [{"text": who.role}] if who.role else [],
        "who": {"type": "Practitioner", "display": who.name},
        "onBehalfOf": reference("Organization", alert.tenant_id),
    }
    target = [reference("Task", alert.id)]
    target += [reference("ServiceRequest", alert.referral_id)] if alert.referral_id else []
    return present(
        {
            "resourceType": "Provenance",
            "id": alert.id,
            "meta": meta(alert.version, stamp_ms),
            "target": target,
            "occurredDateTime": at(review.reviewed_at),
            "recorded": at(review.reviewed_at),
            "activity": concept(Code(terms.REVIEW_OUTCOME, review.outcome.value)),
            "agent": [present(by)],
            "entity": [{"role": "source", "what": _result(alert.result)}] if alert.result else [],
        }
    )


def team(rung: Rung) -> Tree:
    """The rung of the site's ladder that the alert is put to."""
    return {"type": "CareTeam", "identifier": identifier(terms.TEAM_ID, rung.code), "display": rung.display}


def _elements(
    alert: Alert,
    rules: Rules,
    patient: Tree | None,
    focus: Tree | None,
    fitting: Sequence[Tree],
    stamp_ms: int | None = None,
    reason: str | None = None,
    history: list[Tree] | None = None,
    note: str | None = None,
) -> Tree:
    return present(
        {
            "identifier": [identifier(terms.ALERT_ID, alert.id)],
            "status": ALERT_STATUS[alert.state],
            "statusReason": only_text(_not_taken(alert)),
            "intent": "order",
            "priority": alert.priority.value,
            "code": concept(Code(terms.ALERT_TASK, ALERT_KINDS[alert.code].task.value)),
            "description": alert_words(alert, rules),
            "focus": focus,
            "for": patient,
            "authoredOn": at(alert.raised_at),
            "lastModified": None if stamp_ms is None else instant(stamp_ms),
            "owner": team(rules.policy(alert.tenant_id).rung(alert.rung)),
            "reasonCode": concept(Code(terms.ALERT_REASON, reason)) if reason else None,
            "note": [{"text": note}] if note else [],
            "relevantHistory": history,
            "restriction": {"period": {"end": at(alert.due_at)}},
            "input": [*map(_fitting, fitting), *_about(alert.result)],
            "output": [*_seen(alert), *_reviewed(alert.review)],
        }
    )


def _fitting(programme: Tree) -> Tree:
    """A programme that she may be asked about."""
    return {"type": concept(Code(terms.ALERT_INPUT, "fitting-programme")), "valueReference": programme}


def _about(result: ResultVersion | None) -> Iterator[Tree]:
    if result is not None:
        yield {"type": concept(Code(terms.ALERT_INPUT, "screening-result")), "valueReference": _result(result)}


def _not_taken(alert: Alert) -> str | None:
    """Why the answer in the record's copy was not taken."""
    if alert.copy_refusal is None:
        return None
    row = ERRORS.get(Reason(alert.copy_refusal))
    return f"The answer was not taken. {row.sentence}" if row else None


def _result(result: ResultVersion) -> Tree:
    return {"type": "Observation", "identifier": identifier(terms.RESULT_ID, str(result))}


def _seen(alert: Alert) -> Iterator[Tree]:
    return _who("acknowledged", alert.acknowledged_by, alert.acknowledged_by_role, alert.acknowledged_at)


def _reviewed(review: Review | None) -> Iterator[Tree]:
    if review is not None:
        outcome = concept(Code(terms.REVIEW_OUTCOME, review.outcome.value))
        yield {"type": _part("review-outcome"), "valueCodeableConcept": outcome}
        yield from _who("reviewed", review.practitioner.name, review.practitioner.role, review.reviewed_at)


def _who(verb: str, name: str | None, role: str | None, moment: datetime | None) -> Iterator[Tree]:
    if name is not None:
        yield {"type": _part(f"{verb}-by"), "valueReference": {"type": "Practitioner", "display": name}}
    if role is not None:
        yield {"type": _part(f"{verb}-by-role"), "valueString": role}
    if moment is not None:
        yield {"type": _part(f"{verb}-at"), "valueDateTime": at(moment)}


def _part(code: str) -> Tree:
    return concept(Code(terms.ALERT_OUTPUT, code))
