"""What the hospital reads here of its own referrals: our ids name everything."""

from collections.abc import Sequence

from service.fhir import terms
from service.fhir.raw import instant
from service.fhir.survey import Tree
from service.fhir.write.parts import (
    LABELS,
    ROUTINE,
    at,
    concept,
    identifier,
    meta,
    peer_support,
    present,
    reference,
    words,
)
from service.referrals.contact import Engagement, reason_told
from service.referrals.instruction import Instruction
from service.referrals.offer import Ending, Offer, OfferState
from service.referrals.referral import Referral, ReferralState
from service.shared.code import Code

TASK_STATUS: dict[OfferState, str] = {
    OfferState.REQUESTED: "requested",
    OfferState.ACCEPTED: "accepted",
    OfferState.REJECTED: "rejected",
    OfferState.IN_PROGRESS: "in-progress",
    OfferState.HELD_BY_PROGRAMME: "on-hold",
    OfferState.HELD_BY_SERVICE: "on-hold",
    OfferState.HELD_BY_BOTH: "on-hold",
    OfferState.COMPLETED: "completed",
    OfferState.FAILED: "failed",
    OfferState.CANCELLED: "cancelled",
    OfferState.ENTERED_IN_ERROR: "entered-in-error",
}

REQUEST_STATUS: dict[ReferralState, str] = {
    ReferralState.IN_REVIEW: "draft",
    ReferralState.AWAITING_CONSENT: "draft",
    ReferralState.PLACING: "active",
    ReferralState.OFFERED: "active",
    ReferralState.SUPPORTED: "active",
    ReferralState.ON_HOLD: "on-hold",
    ReferralState.COMPLETED: "completed",
    ReferralState.CLOSED: "revoked",
    ReferralState.ENTERED_IN_ERROR: "entered-in-error",
}


def record_task(
    offer: Offer,
    stamp_ms: int,
    programme_name: str,
    engagement: Engagement | None = None,
    notes: Sequence[Tree] = (),
) -> Tree:
    """The offer as its hospital reads it here. `engagement` is None unless she allowed the programme to report back."""
    return {
        "resourceType": "Task",
        "id": offer.id,
        "meta": meta(offer.version, stamp_ms, terms.TASK_PROFILE, LABELS),
        **offer_elements(
            offer,
            engagement,
            focus=reference("ServiceRequest", offer.referral_id),
            patient=reference("Patient", offer.patient_id),
            requester=reference("Organization", offer.tenant_id),
            owner=reference("Organization", offer.organisation_id, programme_name),
            stamp_ms=stamp_ms,
            notes=notes,
        ),
    }


def record_service_request(referral: Referral, stamp_ms: int, instructions: Sequence[Instruction] = ()) -> Tree:
    """The referral as its hospital reads it here, with what the hospital itself has told about it."""
    return {
        "resourceType": "ServiceRequest",
        "id": referral.id,
        "meta": meta(referral.version, stamp_ms, terms.SERVICE_REQUEST_PROFILE, LABELS),
        **referral_elements(
            referral, reference("Patient", referral.patient_id), reference("Organization", referral.tenant_id)
        ),
        **present({"note": [_instruction(each) for each in instructions]}),
    }


def _instruction(said: Instruction) -> Tree:
    """Never in the record itself, which others may read over her shoulder."""
    by = f"{said.practitioner}, {said.role}" if said.role else said.practitioner
    return present({"authorString": by, "time": at(said.given_at), "text": said.words})


def offer_elements(
    offer: Offer,
    engagement: Engagement | None,
    *,
    focus: Tree,
    patient: Tree,
    requester: Tree,
    owner: Tree,
    stamp_ms: int | None = None,
    notes: Sequence[Tree] = (),
) -> Tree:
    """Task from identifier to output, the same here and in the record but for how it names others.

    Without `engagement` it says where the offer stands and nothing that the programme says of the time with her.
    """
    return present(
        {
            "identifier": [identifier(terms.OFFER_ID, offer.id)],
            "status": TASK_STATUS[offer.state],
            "statusReason": words(reason_told(offer, engagement)),
            "businessStatus": words(offer.business_status if engagement else None),
            "intent": "order",
            "priority": ROUTINE,
            "code": concept(terms.FULFIL),
            "focus": focus,
            "for": patient,
            "authoredOn": at(offer.offered_at),
            "lastModified": None if stamp_ms is None else instant(stamp_ms),
            "requester": requester,
            "owner": owner,
            "note": list(notes),
            "restriction": _restriction(offer),
            "output": [] if engagement is None else _engagement(engagement),
        }
    )


def _restriction(offer: Offer) -> Tree | None:
    """Task.restriction while the answer is awaited."""
    return {"period": {"end": at(offer.respond_by)}} if offer.state is OfferState.REQUESTED else None


def _engagement(engagement: Engagement) -> list[Tree]:
    last, ending = engagement.last_contact, engagement.ending
    return [
        {"type": _counted("contact-attempts"), "valueInteger": engagement.attempts},
        {"type": _counted("sessions-attended"), "valueInteger": engagement.sessions},
        *([{"type": _counted("last-contact"), "valueDateTime": at(last)}] if last else []),
        *([{"type": _counted("ending"), "valueCodeableConcept": _ending(ending)}] if ending else []),
    ]


def _ending(ending: Ending) -> Tree:
    return concept(Code(terms.ENDING, ending.value))


def _counted(code: str) -> Tree:
    return concept(Code(terms.ENGAGEMENT, code))


def referral_elements(referral: Referral, patient: Tree, requester: Tree | None = None) -> Tree:
    """ServiceRequest from extension to requester, likewise."""
    return present(
        {
            "extension": [_reason(referral.reason)] if referral.reason else [],
            "identifier": [identifier(terms.REFERRAL_ID, referral.id)],
            "status": REQUEST_STATUS[referral.state],
            "intent": "order",
            **peer_support(),
            "subject": patient,
            "authoredOn": at(referral.opened_at),
            "requester": requester,
        }
    )


def _reason(code: str) -> Tree:
    """R4 has no ServiceRequest.statusReason; HL7's extension carries it."""
    return {"url": terms.STATUS_REASON, "valueCodeableConcept": concept(Code(terms.REFERRAL_REASON, code))}
