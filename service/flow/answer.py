"""What a step answers. All three commit: the inbox row, the audit row and any alert stay, also when the answer is
no."""

from dataclasses import dataclass, field
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
    CONTACT_IN_THE_FUTURE = "contact-in-the-future"
    CONTACT_NOT_ACCEPTED = "contact-not-accepted"
    ACTIVITY_UNKNOWN = "activity-unknown"
    CONTACT_CALLED_OFF = "contact-called-off"


@dataclass(frozen=True, slots=True)
class Accepted:
    """It was acted on. `type` and `id` name the resource that answers for it, `version` its new version, `remark` what
    its sender should know all the same, and `unused` where in the message stands what was not acted on."""

    type: str
    id: str
    version: int
    created: bool = False
    remark: Remark | None = None
    unused: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Repeated:
    """The same thing had come before; nothing changed, and this is the resource that answers for it."""

    type: str
    id: str
    version: int
    remark: Remark | None = None
    unused: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """Not acted on. `element` is the FHIRPath or v2 location that the reason is about, when there is one.

    `doubted` are the patients of an identity conflict. `heard` says that a clinician has been told, now or before, of
    words that its sender wrote in it.
    """

    reason: Reason
    element: str | None = None
    doubted: tuple[str, ...] = field(default=(), compare=False)
    heard: bool = field(default=False, compare=False)


Answer = Accepted | Repeated | Refused
