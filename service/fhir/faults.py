"""Every refusal of the FHIR door in one table: HTTP status, OperationOutcome code and what to tell the sender.

A sentence says where and what was expected, so that an integration engineer can mend the sender without asking us. It
never holds a value that was received: a refusal is logged, forwarded and read by people who may not know the woman.
"""

from collections.abc import Mapping
from enum import Enum, auto
from typing import NamedTuple

from service.flow.answer import Reason


class Fault(Enum):
    """What the door itself may find wrong, before any step is asked."""

    BODY_TOO_LARGE = auto()
    TOO_MANY_ENTRIES = auto()
    BODY_EMPTY = auto()
    NOT_UTF8 = auto()
    NOT_JSON = auto()
    NUMBER_NOT_FINITE = auto()
    CHARACTER_NOT_ALLOWED = auto()
    TOO_DEEP = auto()
    MEMBER_REPEATED = auto()
    TOO_LONG = auto()
    NOT_AN_OBJECT = auto()
    RESOURCE_TYPE_MISSING = auto()
    RESOURCE_TYPE_DIFFERS = auto()
    RESOURCE_TYPE_NOT_TAKEN = auto()
    ELEMENT_UNKNOWN = auto()
    ELEMENT_OF_R5 = auto()
    ELEMENT_MISSING = auto()
    ELEMENT_EMPTY = auto()
    ELEMENT_NULL = auto()
    JSON_TYPE_WRONG = auto()
    FORMAT_WRONG = auto()
    OUT_OF_RANGE = auto()
    DATE_IMPOSSIBLE = auto()
    CODE_NOT_IN_VALUE_SET = auto()
    CHOICE_REPEATED = auto()
    CHOICE_MISSING = auto()
    MODEL_REFUSED = auto()
    REFERENCE_MALFORMED = auto()
    SCHEME_REFUSED = auto()
    INVARIANT_BROKEN = auto()
    MODIFIER_UNKNOWN = auto()
    BUNDLE_TYPE_NOT_TAKEN = auto()
    REQUEST_NOT_TAKEN = auto()
    ENTRY_NOT_FOUND = auto()
    ENTRIES_IN_A_CIRCLE = auto()
    ID_DIFFERS = auto()
    PARAMETER_UNKNOWN = auto()
    PARAMETER_MALFORMED = auto()
    PARAMETER_TOO_MANY = auto()
    HEADER_MALFORMED = auto()
    NOT_AUTHENTICATED = auto()
    SCOPE_TOO_SMALL = auto()
    ADDRESS_UNKNOWN = auto()
    METHOD_NOT_ALLOWED = auto()
    NOT_ACCEPTABLE = auto()
    MEDIA_TYPE_UNSUPPORTED = auto()
    TOO_MANY_REQUESTS = auto()
    UNAVAILABLE = auto()
    INTERNAL = auto()


class Row(NamedTuple):
    """HTTP status, code of the IssueType value set, and a sentence in which `{}` stands for what was expected."""

    status: int
    code: str
    sentence: str


ERRORS: Mapping[Fault | Reason, Row] = {
    Fault.BODY_TOO_LARGE: Row(413, "too-long", "The body is larger than the {} bytes this server takes."),
    Fault.TOO_MANY_ENTRIES: Row(413, "too-costly", "The Bundle has more than the {} entries that are taken at once."),
    Fault.BODY_EMPTY: Row(400, "structure", "The body is empty. Send one FHIR R4 resource as JSON."),
    Fault.NOT_UTF8: Row(400, "structure", "The body must be UTF-8 without a byte order mark and without NUL bytes."),
    Fault.NOT_JSON: Row(400, "structure", "The body is not valid JSON: {}."),
    Fault.NUMBER_NOT_FINITE: Row(400, "structure", "NaN, Infinity and numbers too large for a double are not JSON."),
    Fault.CHARACTER_NOT_ALLOWED: Row(
        400,
        "structure",
        "A string holds a control character or half of a surrogate pair. FHIR allows tab, CR and LF below U+0020.",
    ),
    Fault.TOO_DEEP: Row(400, "structure", "The body is nested deeper than {} levels."),
    Fault.MEMBER_REPEATED: Row(400, "structure", "A JSON object has the same member twice{}."),
    Fault.TOO_LONG: Row(422, "too-long", "Expected at most {} characters."),
    Fault.NOT_AN_OBJECT: Row(400, "structure", "The body must be a JSON object holding one FHIR resource."),
    Fault.RESOURCE_TYPE_MISSING: Row(400, "required", "A resource must say its resourceType as a string."),
    Fault.RESOURCE_TYPE_DIFFERS: Row(400, "invalid", "The resourceType must be {}, as in the address."),
    Fault.RESOURCE_TYPE_NOT_TAKEN: Row(400, "not-supported", "This resource type is not taken here. Taken are: {}."),
    Fault.ELEMENT_UNKNOWN: Row(400, "structure", "R4 does not define this element here: {}."),
    Fault.ELEMENT_OF_R5: Row(
        400, "structure", "'{}' belongs to FHIR R5. This server speaks R4 4.0.1; send the R4 form of the resource."
    ),
    Fault.ELEMENT_MISSING: Row(400, "required", "The element '{}' is required here."),
    Fault.ELEMENT_EMPTY: Row(400, "structure", "An object, array or string may not be empty; leave the element out."),
    Fault.ELEMENT_NULL: Row(
        400,
        "structure",
        "null stands only inside an array of primitives, where the array of the same name with or without '_' "
        "has something at the same place.",
    ),
    Fault.JSON_TYPE_WRONG: Row(400, "structure", "Expected {}."),
    Fault.FORMAT_WRONG: Row(400, "value", "Expected {}."),
    Fault.OUT_OF_RANGE: Row(400, "value", "Expected a whole number {}."),
    Fault.DATE_IMPOSSIBLE: Row(400, "value", "Expected a date and time that exist in the calendar."),
    Fault.CODE_NOT_IN_VALUE_SET: Row(422, "value", "The required value set allows: {}."),
    Fault.CHOICE_REPEATED: Row(400, "structure", "Only one data type may be given for this choice element: {}."),
    Fault.CHOICE_MISSING: Row(400, "required", "One data type must be given for this choice element: {}."),
    Fault.MODEL_REFUSED: Row(400, "structure", "This element does not have the form R4 gives it."),
    Fault.REFERENCE_MALFORMED: Row(
        400,
        "value",
        "A reference is Type/id, an absolute http(s) URL of a resource, urn:uuid, urn:oid, or #id of a contained one.",
    ),
    Fault.SCHEME_REFUSED: Row(400, "value", "This URL scheme is refused. Use http, https or urn."),
    Fault.INVARIANT_BROKEN: Row(422, "invariant", "{}"),
    Fault.MODIFIER_UNKNOWN: Row(
        422,
        "not-supported",
        "This may change what the rest means and is not understood here, so none of it can be acted on. Send it only "
        "when its meaning holds without this.",
    ),
    Fault.BUNDLE_TYPE_NOT_TAKEN: Row(
        422,
        "not-supported",
        "Taken are Bundles of type transaction (all or nothing) and batch (each entry on its own).",
    ),
    Fault.REQUEST_NOT_TAKEN: Row(422, "not-supported", "This request is not taken here in a Bundle. Taken are: {}."),
    Fault.ENTRY_NOT_FOUND: Row(422, "not-found", "No entry of this Bundle has this fullUrl."),
    Fault.ENTRIES_IN_A_CIRCLE: Row(422, "business-rule", "Entries refer to each other in a circle. Break it at one."),
    Fault.ID_DIFFERS: Row(400, "value", "The id in the body must be present and the same as in the address."),
    Fault.PARAMETER_UNKNOWN: Row(400, "not-supported", "This server does not know the parameter '{}'."),
    Fault.PARAMETER_MALFORMED: Row(400, "value", "The parameter '{}' does not have the form FHIR gives it."),
    Fault.PARAMETER_TOO_MANY: Row(400, "value", "The parameter '{}' may come only once, and not in a link with _page."),
    Fault.HEADER_MALFORMED: Row(400, "value", "The header '{}' does not have the form FHIR gives it."),
    Fault.NOT_AUTHENTICATED: Row(401, "login", "Send a valid access token: Authorization: Bearer …"),
    Fault.SCOPE_TOO_SMALL: Row(403, "forbidden", "The scopes of the access token do not cover this request{}."),
    Fault.ADDRESS_UNKNOWN: Row(404, "not-found", "There is nothing at this address. GET metadata lists what there is."),
    Fault.METHOD_NOT_ALLOWED: Row(405, "not-supported", "This address does not take this method{}."),
    Fault.NOT_ACCEPTABLE: Row(
        406, "not-supported", "This server answers application/fhir+json only, fhirVersion 4.0 in UTF-8."
    ),
    Fault.MEDIA_TYPE_UNSUPPORTED: Row(415, "not-supported", "Send Content-Type {}, in UTF-8 and not compressed."),
    Fault.TOO_MANY_REQUESTS: Row(429, "throttled", "Too many requests. Try again after the time in Retry-After."),
    Fault.UNAVAILABLE: Row(503, "transient", "It may not be kept. Send the same again after the time in Retry-After."),
    Fault.INTERNAL: Row(500, "exception", "The server failed and nothing was kept. Quote the X-Request-Id header."),
    Reason.NOT_FOUND: Row(404, "not-found", "There is no such resource."),
    Reason.SUBJECT_UNKNOWN: Row(
        422,
        "not-found",
        "The patient meant cannot be found. Send the Patient first, or refer to it by an identifier we know.",
    ),
    Reason.HELD_BY_SERVICE: Row(
        422,
        "business-rule",
        "The maternity team has paused this: make no contact. Only a clinician lifts the pause, and the Task then says "
        "in-progress, or on-hold for your own reason; until then it may only be set to cancelled or failed.",
    ),
    Reason.NOT_THE_OWNER: Row(403, "forbidden", "Only the programme that holds this Task may update it."),
    Reason.REVIEW_OUTCOME_REQUIRED: Row(
        422,
        "business-rule",
        "A review is completed by an output review-outcome: suitable, not-suitable, refer-to-specialist or close. "
        "Status accepted says that it was seen.",
    ),
    Reason.PRACTITIONER_REQUIRED: Row(
        422,
        "required",
        "An answer names the practitioner who gives it: an output acknowledged-by, or reviewed-by for a review, with a "
        "display.",
    ),
    Reason.RISK_NOT_REVIEWED: Row(
        409,
        "business-rule",
        "An alert about risk to her waits for its review. Review it first; then support may go on.",
    ),
    Reason.NO_SAFE_CONTACT: Row(
        409,
        "business-rule",
        "No safe way to reach her is known, so support cannot go on. Ask her, and send one in her Consent or on the "
        "ServiceRequest (safe-contact) first.",
    ),
    Reason.REVIEW_OUTDATED: Row(
        409,
        "conflict",
        "A newer result, a correction or another alert has come since, or the Task's input was not sent back. Read her "
        "alerts again, review what is newest first, and send the Task back whole.",
    ),
    Reason.ALREADY_ANSWERED: Row(409, "conflict", "It has been answered already. Read the Task to see by whom."),
    Reason.RECIPIENT_UNKNOWN: Row(
        422, "not-found", "The organisation meant is not registered here. Refer to it as Organization/id."
    ),
    Reason.CONTENT_UNCLEAR: Row(
        422, "processing", "What this asks for cannot be told without doubt from its elements."
    ),
    Reason.DIFFERENT_UNDER_SAME_IDENTIFIER: Row(
        409,
        "duplicate",
        "Something else came before under the same identifier. Send a change by PUT, or a corrected result with the "
        "status amended or corrected.",
    ),
    Reason.SEVERAL_MATCH: Row(
        412, "multiple-matches", "Several resources match; the condition must match one at most."
    ),
    Reason.IDENTITY_CONFLICT: Row(
        409,
        "conflict",
        "By its ids and identifiers this may mean more than one patient of yours. Nothing of it was used; contact with "
        "each of them is paused, and a clinician is told. Find out who is meant, and name her by what is hers alone.",
    ),
    Reason.VERSION_STALE: Row(412, "conflict", "If-Match names an older version. Read the resource and try again."),
    Reason.BASE_VERSION_UNKNOWN: Row(
        412,
        "conflict",
        "meta.versionId names a version that this Task has never had. Read it, and send back the one read.",
    ),
    Reason.CHANGED_MEANWHILE: Row(409, "conflict", "The resource changed meanwhile. Read it and try again."),
    Reason.TRANSITION_NOT_ALLOWED: Row(422, "business-rule", "This status cannot follow the present one."),
    Reason.BY_OPERATION_ALONE: Row(
        422, "business-rule", "A referral is paused by its operation $hold, and goes on by $resume alone (POST)."
    ),
    Reason.ELEMENT_FIXED: Row(422, "business-rule", "Fixed once it exists. Leave it out, or send it as it was read."),
    Reason.STATUS_REASON_REQUIRED: Row(422, "required", "This status needs a statusReason with a text."),
    Reason.NO_LIVE_CONSENT: Row(409, "business-rule", "No consent in force permits this."),
    Reason.OUT_OF_DATE: Row(422, "business-rule", "This is over, or too old to refer."),
    Reason.IN_THE_FUTURE: Row(422, "value", "The time lies in the future. Check the sender's clock and time zone."),
    Reason.CONTACT_IN_THE_FUTURE: Row(
        422,
        "value",
        "This contact lies in the future, so it cannot have been made. Send it as planned, or mend its time; it may be "
        "the sender's clock or time zone.",
    ),
    Reason.CONTACT_NOT_ACCEPTED: Row(
        422, "business-rule", "A contact belongs to an offer that was accepted. Set the Task to accepted first."
    ),
    Reason.ACTIVITY_UNKNOWN: Row(
        422, "not-found", "You have sent no such contact for this Task. Create it first, and name it by the id it got."
    ),
    Reason.CONTACT_CALLED_OFF: Row(
        422,
        "business-rule",
        "This offer was rejected, cancelled or withdrawn, so no contact may be planned for it. Please make none.",
    ),
}
