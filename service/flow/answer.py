"""What a step answers. All three commit: the inbox row, the audit row and any alert stay, also when the answer is
no."""

from dataclasses import dataclass, field, replace
from enum import StrEnum

from service.referrals.contact import Remark


class Reason(StrEnum):
    """Why a well-formed message was not acted on. Each door has one table from these to its own protocol's error."""

    NOT_FOUND = "not-found"
    SUBJECT_UNKNOWN = "subject-unknown"
    RECIPIENT_UNKNOWN = "recipient-unknown"
    CONTENT_UNCLEAR = "content-unclear"
    DIFFERENT_UNDER_SAME_IDENTIFIER = "different-under-same-identifier"
    SEVERAL_MATCH = "several-match"
    IDENTITY_CONFLICT = "identity-conflict"
    VERSION_STALE = "version-stale"
    BASE_VERSION_UNKNOWN = "base-version-unknown"
    CHANGED_MEANWHILE = "changed-meanwhile"
    TRANSITION_NOT_ALLOWED = "transition-not-allowed"
    BY_OPERATION_ALONE = "by-operation-alone"
    HELD_BY_SERVICE = "held-by-service"
    NOT_THE_OWNER = "not-the-owner"
    ELEMENT_FIXED = "element-fixed"
    STATUS_REASON_REQUIRED = "status-reason-required"
    REVIEW_OUTCOME_REQUIRED = "review-outcome-required"
    PRACTITIONER_REQUIRED = "practitioner-required"
    RISK_NOT_REVIEWED = "risk-not-reviewed"
    NO_SAFE_CONTACT = "no-safe-contact"
    REVIEW_OUTDATED = "review-outdated"
    ALREADY_ANSWERED = "already-answered"
    NO_LIVE_CONSENT = "no-live-consent"
    IN_THE_FUTURE = "in-the-future"
    OUT_OF_DATE = "out-of-date"
    CONTACT_IN_THE_FUTURE = "contact-in-the-future"
    CONTACT_NOT_ACCEPTED = "contact-not-accepted"
    ACTIVITY_UNKNOWN = "activity-unknown"
    CONTACT_CALLED_OFF = "contact-called-off"


class Told(StrEnum):
    """Who was told of a programme's words, by the name of the text that says so (`ESCALATION_TEXTS`)."""

    HER_CLINICIAN = "told"
    HER_CLINICIAN_BY_HANDLE = "told-by-handle"
    HER_CLINICIAN_UNREAD = "unread"
    HER_CLINICIAN_ALL_THE_SAME = "told-all-the-same"
    SEVERAL_CLINICS = "several"
    THE_ONE_HOSPITAL = "unnamed"
    EVERY_HOSPITAL = "unnamed-several"
    THE_OPERATOR_MUST_BE = "unknown"


@dataclass(frozen=True, slots=True)
class Accepted:
    """It was acted on. `type` and `id` name the resource that answers for it, `version` its new version, `remark` what
    its sender should know all the same, and `unused` where in the message stands what was not acted on. `told` is set
    when words in it were passed on to nobody."""

    type: str
    id: str
    version: int
    created: bool = False
    remark: Remark | None = None
    unused: tuple[str, ...] = ()
    told: Told | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Repeated:
    """The same thing had come before; nothing changed, and this is the resource that answers for it."""

    type: str
    id: str
    version: int
    remark: Remark | None = None
    unused: tuple[str, ...] = ()
    told: Told | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Refused:
    """Not acted on. `element` is the FHIRPath or v2 location that the reason is about, when there is one.

    `doubted` are the patients of an identity conflict. `told` is who has been told, now or before, of words that
    its sender wrote in it.
    """

    reason: Reason
    element: str | None = None
    doubted: tuple[str, ...] = field(default=(), compare=False)
    told: Told | None = field(default=None, compare=False)


Answer = Accepted | Repeated | Refused


def saying(answer: Answer, told: Told | None) -> Answer:
    """The answer with who was told of the words in it. What was taken says only that they were passed on to nobody."""
    says = isinstance(answer, Refused) or told is Told.SEVERAL_CLINICS
    return replace(answer, told=told) if says else answer
