"""A contact as its hospital reads it: that it was, how and when; never what was said in it."""

from collections.abc import Mapping

from service.fhir import terms
from service.fhir.survey import Tree
from service.fhir.write.parts import LABELS, at, coding, concept, meta, peer_support_code, present, reference
from service.referrals.contact import Contact, ContactMode, ContactOutcome
from service.referrals.offer import Offer
from service.shared.code import Code

_O, _M = ContactOutcome, ContactMode
_ENCOUNTER_STATUS: Mapping[ContactOutcome, str] = {
    **dict.fromkeys((_O.ATTENDED, _O.ATTEMPTED), "finished"),
    **dict.fromkeys((_O.DID_NOT_ATTEND, _O.CANCELLED), "cancelled"),
    _O.PLANNED: "planned",
    _O.ENTERED_IN_ERROR: "entered-in-error",
}
_PROCEDURE_STATUS: Mapping[ContactOutcome, str] = {
    _O.ATTENDED: "completed",
    **dict.fromkeys((_O.ATTEMPTED, _O.DID_NOT_ATTEND, _O.CANCELLED), "not-done"),
    _O.PLANNED: "preparation",
    _O.ENTERED_IN_ERROR: "entered-in-error",
}
# Encounter.class is required: v3-ActCode virtual, home health and ambulatory.
_CLASS: Mapping[ContactMode | None, str] = {
    **dict.fromkeys((_M.PHONE, _M.VIDEO, _M.MESSAGE), "VR"),
    _M.HOME_VISIT: "HH",
    **dict.fromkeys((_M.GROUP, _M.IN_PERSON, None), "AMB"),
}


def contact(contact: Contact, offer: Offer, stamp_ms: int) -> Tree:
    """As the type that it was reported as. `stamp_ms` is the row's stamp in milliseconds."""
    her, request = reference("Patient", offer.patient_id), [reference("ServiceRequest", offer.referral_id)]
    head = {"resourceType": contact.type, "id": contact.id, "meta": meta(contact.version, stamp_ms, None, LABELS)}
    codes = [concept(Code(terms.CONTACT_OUTCOME, contact.outcome.value))]
    codes += [concept(Code(terms.CONTACT_MODE, contact.mode.value))] if contact.mode else []
    when = present({"start": at(contact.started_at), "end": at(contact.ended_at) if contact.ended_at else None})
    by = reference("Organization", offer.organisation_id)
    if contact.type == "Procedure":
        return {
            **head,
            "basedOn": request,
            "status": _PROCEDURE_STATUS[contact.outcome],
            "code": peer_support_code(),
            "subject": her,
            "performedPeriod": when,
            "performer": [{"actor": by}],
            "usedCode": codes,
        }
    return {
        **head,
        "status": _ENCOUNTER_STATUS[contact.outcome],
        "class": coding(Code(terms.ACT_CODE, _CLASS[contact.mode])),
        "type": codes,
        "subject": her,
        "basedOn": request,
        "period": when,
        "serviceProvider": by,
    }
