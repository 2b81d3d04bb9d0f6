"""What a programme sees of an offer: resources of its own, whose ids link neither women nor programmes (DESIGN 7).

Every fact goes through `told`, so that the stage of the view decides here once more. When the offer is over nothing is
left to tell, and what remains is the tombstone: the same resources, still readable, without a fact in them.
"""

from collections.abc import Sequence

from service.consent.consent import Consent
from service.consent.disclosure import Element, ViewStage
from service.fhir import terms
from service.fhir.raw import instant
from service.fhir.survey import Tree
from service.fhir.write.parts import (
    LABELS,
    ROUTINE,
    at,
    coding,
    concept,
    extension,
    identifier,
    known,
    meta,
    peer_support,
    present,
    reference,
    words,
)
from service.fhir.write.record import TASK_STATUS
from service.fhir.write.request import request_extensions, told
from service.fhir.write.safe_contact import telecom
from service.flow.disclose import OfferView
from service.flow.rules import OTHERWISE, Rules
from service.referrals.offer import OFFER_ENDED, PAUSED, OfferState, display_of
from service.shared.code import Code

# The request stays the service's own: what the programme does shows on its Task.
_REQUEST_STATUS: dict[OfferState, str] = {
    **dict.fromkeys(OfferState, "active"),
    **dict.fromkeys(OFFER_ENDED, "revoked"),
    **dict.fromkeys(PAUSED, "on-hold"),
    OfferState.COMPLETED: "completed",
    OfferState.ENTERED_IN_ERROR: "entered-in-error",
}

_RETURNED = "returned"


def task(
    view: OfferView,
    stamp_ms: int,
    rules: Rules,
    *,
    requester_name: str | None = None,
    owner_name: str | None = None,
    notes: Sequence[Tree] = (),
    outputs: Sequence[Tree] = (),
    answers: Sequence[Tree] = (),
) -> Tree:
    """HL7 SDOHCC-TaskForReferralManagement. `stamp_ms` is the row's stamp in milliseconds, `notes` and `outputs`
    are what the programme reported, `answers` what became of what it told a clinician, also after all is over."""
    offer, handles, over = view.offer, view.offer.handles, view.stage is ViewStage.OVER
    respond_by = told(view, Element.RESPOND_BY, view.respond_by) if offer.state is OfferState.REQUESTED else None
    return present(
        {
            "resourceType": "Task",
            "id": offer.id,
            "meta": _meta(view, stamp_ms, terms.TASK_PROFILE),
            "extension": list(answers),
            "identifier": [identifier(terms.OFFER_ID, offer.id)],
            "status": TASK_STATUS[offer.state],
            "statusReason": words(_status_reason(view, rules)),
            "businessStatus": None if over else words(offer.business_status),
            "intent": "order",
            "priority": ROUTINE,
            "code": concept(terms.FULFIL),
            "focus": reference("ServiceRequest", handles.service_request),
            "for": reference("Patient", handles.patient, display_of(offer.id)),
            "authoredOn": at(offer.offered_at),
            "lastModified": instant(stamp_ms),
            "requester": reference("Organization", offer.tenant_id, requester_name),
            "owner": reference("Organization", offer.organisation_id, owner_name),
            "note": [] if over else list(notes),
            "restriction": {"period": {"end": at(respond_by)}} if respond_by else None,
            "output": [] if over else list(outputs),
        }
    )


def service_request(view: OfferView, stamp_ms: int) -> Tree:
    """HL7 SDOHCC-ServiceRequest, with her stage and what she asks for; once accepted also the due month or the baby's
    age, how she may be reached, and whom to ring about her."""
    offer, handles = view.offer, view.offer.handles
    revoked = view.stage is ViewStage.OVER and offer.state not in OFFER_ENDED
    return present(
        {
            "resourceType": "ServiceRequest",
            "id": handles.service_request,
            "meta": _meta(view, stamp_ms, terms.SERVICE_REQUEST_PROFILE),
            "extension": request_extensions(view),
            "identifier": [identifier(terms.REQUEST_ID, handles.service_request)],
            "status": "revoked" if revoked else _REQUEST_STATUS[offer.state],
            "intent": "order",
            **peer_support(*_prohibition(view)),
            "subject": reference("Patient", handles.patient),
            "authoredOn": at(offer.offered_at),
            "requester": reference("Organization", offer.tenant_id),
            "performer": [reference("Organization", offer.organisation_id)],
            "reasonReference": [reference("Observation", handles.observation)],
            "supportingInfo": [reference("Consent", handles.consent)],
        }
    )


def patient(view: OfferView, stamp_ms: int) -> Tree:
    """Where she lives and what she speaks; once accepted the name she goes by and one way to reach her."""
    return present(
        {
            "resourceType": "Patient",
            "id": view.offer.handles.patient,
            "meta": _meta(view, stamp_ms),
            "extension": known(told(view, Element.INTERPRETER, view.interpreter), _interpreter),
            "name": known(told(view, Element.PREFERRED_NAME, view.preferred_name), _name),
            "telecom": telecom(told(view, Element.SAFE_CONTACT, view.channel)),
            "address": known(told(view, Element.DISTRICT, view.district), _district),
            "communication": known(told(view, Element.LANGUAGE, view.language), _language),
        }
    )


def consent(view: OfferView, stamp_ms: int) -> Tree:
    """That she agreed to this one programme and for what; everything else that she said stays with the hospital.

    It came into being with the offer, hence its dateTime; when the offer is over it is a stub with status inactive.
    """
    offer, handles = view.offer, view.offer.handles
    given = None if view.stage is ViewStage.OVER else view.consent
    return present(
        {
            "resourceType": "Consent",
            "id": handles.consent,
            "meta": _meta(view, stamp_ms),
            "status": "inactive" if given is None else "active",
            "scope": concept(terms.PRIVACY),
            "category": [concept(terms.CONSENT_DOCUMENT), concept(terms.DISCLOSURE)],
            "patient": reference("Patient", handles.patient),
            "dateTime": at(offer.offered_at),
            "organization": [reference("Organization", offer.tenant_id)],
            "sourceAttachment": {"title": "Kept by the hospital"},
            "policy": [{"uri": terms.CONSENT_POLICY}],
            "provision": None if given is None else _provision(given, offer.organisation_id),
        }
    )


def observation(view: OfferView, stamp_ms: int) -> Tree:
    """The reason for the referral, masked: clients insist on one, and no programme is told what it was.

    It is no survey, for that alone would say that she was screened.
    """
    handles = view.offer.handles
    return {
        "resourceType": "Observation",
        "id": handles.observation,
        "meta": _meta(view, stamp_ms),
        "status": "final",
        "category": [concept(terms.SOCIAL_HISTORY)],
        "code": concept(terms.MASKED_REASON, text="Reason for referral"),
        "subject": reference("Patient", handles.patient),
        "dataAbsentReason": concept(terms.MASKED),
    }


def _meta(view: OfferView, stamp_ms: int, profile: str | None = None) -> Tree:
    return meta(view.etag, stamp_ms, profile, LABELS)


def _provision(given: Consent, owner_id: str) -> Tree:
    return {
        "type": "permit",
        "actor": [{"role": concept(terms.RECIPIENT), "reference": reference("Organization", owner_id)}],
        "purpose": [coding(code) for code in sorted(given.purposes)],
    }


def _status_reason(view: OfferView, rules: Rules) -> str | None:
    """What a programme wrote itself after it had learnt her name may hold it, and is not repeated once all is over."""
    offer, said = view.offer, view.offer.status_reason
    if view.stage is not ViewStage.OVER or offer.state is OfferState.REJECTED:
        return said
    if offer.state is OfferState.COMPLETED:
        return None
    if offer.state not in OFFER_ENDED:
        return rules.status_reason(OTHERWISE)
    return said if said in rules.status_reasons.values() else rules.status_reason(_RETURNED)


def _interpreter(needed: bool) -> Tree:
    return extension(terms.INTERPRETER_REQUIRED, valueBoolean=needed)


def _name(preferred: str) -> Tree:
    return {"use": "usual", "given": [preferred]}


def _district(district: str) -> Tree:
    return {"district": district}


def _language(tag: str) -> Tree:
    return {"language": concept(Code(terms.LANGUAGE, tag)), "preferred": True}


def _prohibition(view: OfferView) -> list[Tree]:
    """Said while the programme knows who she is and there is no safe way, or none for now, to reach her."""
    unreachable = view.channel is None or view.offer.state in PAUSED
    return [concept(terms.DO_NOT_CONTACT)] if view.stage is ViewStage.SUPPORTING and unreachable else []
