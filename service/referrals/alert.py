"""Something a named clinician must see and acknowledge by a time (FHIR Task to the maternity team, DESIGN 6)."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from service.screening.instrument import Priority


class AlertState(StrEnum):
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class AlertTrigger(StrEnum):
    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"
    OVERDUE = "overdue"
    NO_LONGER_NEEDED = "no-longer-needed"


class AlertEffect(StrEnum):
    CLIMB_THE_LADDER = "climb-the-ladder"


_S, _T = AlertState, AlertTrigger
# Whoever reads an alert here finds its new state here; only a climb is said once more to somebody.
ALERT_TABLE: dict[tuple[AlertState, AlertTrigger], tuple[AlertState, tuple[AlertEffect, ...]]] = {
    (_S.OPEN, _T.ACKNOWLEDGE): (_S.ACKNOWLEDGED, ()),
    (_S.OPEN, _T.RESOLVE): (_S.RESOLVED, ()),
    (_S.OPEN, _T.OVERDUE): (_S.OPEN, (AlertEffect.CLIMB_THE_LADDER,)),
    (_S.OPEN, _T.NO_LONGER_NEEDED): (_S.RESOLVED, ()),
    (_S.ACKNOWLEDGED, _T.RESOLVE): (_S.RESOLVED, ()),
    (_S.ACKNOWLEDGED, _T.OVERDUE): (_S.ACKNOWLEDGED, (AlertEffect.CLIMB_THE_LADDER,)),
    (_S.ACKNOWLEDGED, _T.NO_LONGER_NEEDED): (_S.RESOLVED, ()),
}


class AlertTask(StrEnum):
    """What the clinician is asked to do: our Task.code, never `fulfill`."""

    ACKNOWLEDGE = "acknowledge-alert"
    REVIEW = "clear-review"
    OBTAIN_CONSENT = "obtain-consent"


class AlertCode(StrEnum):
    """Why. The words a clinician reads for each are in mappings/texts.toml."""

    SELF_HARM_PRESENT = "self-harm-present"
    SELF_HARM_UNKNOWN = "self-harm-unknown"
    SELF_HARM_NOT_SEEN = "self-harm-not-seen"
    OLD_SELF_HARM_PRESENT = "old-self-harm-present"
    OLD_POSITIVE = "old-positive"
    UNSCORABLE = "unscorable"
    SCORE_MISMATCH = "score-mismatch"
    REPEAT_SCREENING = "repeat-screening"
    CONSENT_NEEDED = "consent-needed"
    CONSENT_CONTRADICTORY = "consent-contradictory"
    UNPLACED = "unplaced"
    NO_SAFE_CONTACT = "no-safe-contact"
    SAFE_CONTACT_WITHDRAWN = "safe-contact-withdrawn"
    RETURNED = "returned"
    RESULT_CORRECTED = "result-corrected"
    SAFETY_EVENT = "safety-event"
    IDENTITY_CONFLICT = "identity-conflict"
    UNREADABLE_REFUSAL = "unreadable-refusal"
    ESCALATION = "escalation"
    HOLD_NOT_SEEN = "hold-not-seen"
    CONTACT_WHILE_PAUSED = "contact-while-paused"
    CONTACT_ONCE_CALLED_OFF = "contact-once-called-off"
    DELIVERY_STUCK = "delivery-stuck"
    CONTENT_CONFLICT = "content-conflict"
    UNREADABLE_RESULT = "unreadable-result"
    UNREADABLE_RISK = "unreadable-risk"
    UNREADABLE_WORDS = "unreadable-words"
    UNNAMED_WORDS = "unnamed-words"
    UNNAMED_EVENT = "unnamed-event"
    UNNAMED_REFUSAL = "unnamed-refusal"
    NOT_ALL_USED = "not-all-used"
    RECORDS_MERGED = "records-merged"


class ReviewOutcome(StrEnum):
    """What a clinician makes of it: whether peer support goes on, beside whatever else is done for her."""

    SUITABLE = "suitable"
    NOT_SUITABLE = "not-suitable"
    REFER_TO_SPECIALIST = "refer-to-specialist"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class Practitioner:
    """Who answers, as they name themselves or as their record names them."""

    name: str | None = None
    role: str | None = None


NOBODY_NAMED = Practitioner()


@dataclass(frozen=True, slots=True)
class Review:
    outcome: ReviewOutcome
    practitioner: Practitioner
    reviewed_at: datetime


@dataclass(frozen=True, slots=True)
class AlertKind:
    """`priority` None means that the site's policy sets it. An unannounced alert is a row on the clinic's dated
    worklist."""

    task: AlertTask
    priority: Priority | None
    announced: bool = True


ALERT_KINDS: dict[AlertCode, AlertKind] = {
    AlertCode.SELF_HARM_PRESENT: AlertKind(AlertTask.REVIEW, Priority.URGENT),
    AlertCode.SELF_HARM_UNKNOWN: AlertKind(AlertTask.REVIEW, None),
    AlertCode.SELF_HARM_NOT_SEEN: AlertKind(AlertTask.REVIEW, Priority.ROUTINE, announced=False),
    AlertCode.OLD_SELF_HARM_PRESENT: AlertKind(AlertTask.REVIEW, Priority.URGENT),
    AlertCode.OLD_POSITIVE: AlertKind(AlertTask.ACKNOWLEDGE, Priority.ROUTINE),
    AlertCode.UNSCORABLE: AlertKind(AlertTask.REVIEW, None),
    AlertCode.SCORE_MISMATCH: AlertKind(AlertTask.REVIEW, Priority.ROUTINE),
    AlertCode.REPEAT_SCREENING: AlertKind(AlertTask.ACKNOWLEDGE, Priority.ROUTINE, announced=False),
    AlertCode.CONSENT_NEEDED: AlertKind(AlertTask.OBTAIN_CONSENT, Priority.ROUTINE),
    AlertCode.CONSENT_CONTRADICTORY: AlertKind(AlertTask.OBTAIN_CONSENT, Priority.ROUTINE),
    AlertCode.UNPLACED: AlertKind(AlertTask.ACKNOWLEDGE, Priority.ROUTINE),
    AlertCode.NO_SAFE_CONTACT: AlertKind(AlertTask.ACKNOWLEDGE, Priority.ROUTINE),
    AlertCode.SAFE_CONTACT_WITHDRAWN: AlertKind(AlertTask.REVIEW, Priority.URGENT),
    AlertCode.RETURNED: AlertKind(AlertTask.REVIEW, Priority.ROUTINE),
    AlertCode.RESULT_CORRECTED: AlertKind(AlertTask.REVIEW, Priority.URGENT),
    AlertCode.SAFETY_EVENT: AlertKind(AlertTask.REVIEW, Priority.URGENT),
    AlertCode.IDENTITY_CONFLICT: AlertKind(AlertTask.REVIEW, Priority.URGENT),
    AlertCode.UNREADABLE_REFUSAL: AlertKind(AlertTask.REVIEW, Priority.URGENT),
    AlertCode.ESCALATION: AlertKind(AlertTask.REVIEW, Priority.URGENT),
    AlertCode.HOLD_NOT_SEEN: AlertKind(AlertTask.ACKNOWLEDGE, Priority.URGENT),
    AlertCode.CONTACT_WHILE_PAUSED: AlertKind(AlertTask.ACKNOWLEDGE, Priority.URGENT),
    AlertCode.CONTACT_ONCE_CALLED_OFF: AlertKind(AlertTask.ACKNOWLEDGE, Priority.URGENT),
    AlertCode.DELIVERY_STUCK: AlertKind(AlertTask.ACKNOWLEDGE, Priority.URGENT),
    AlertCode.CONTENT_CONFLICT: AlertKind(AlertTask.ACKNOWLEDGE, Priority.URGENT),
    AlertCode.UNREADABLE_RESULT: AlertKind(AlertTask.ACKNOWLEDGE, Priority.URGENT),
    AlertCode.UNREADABLE_RISK: AlertKind(AlertTask.REVIEW, Priority.URGENT),
    AlertCode.UNREADABLE_WORDS: AlertKind(AlertTask.REVIEW, Priority.URGENT),
    AlertCode.UNNAMED_WORDS: AlertKind(AlertTask.ACKNOWLEDGE, Priority.URGENT),
    AlertCode.UNNAMED_EVENT: AlertKind(AlertTask.ACKNOWLEDGE, Priority.URGENT),
    AlertCode.UNNAMED_REFUSAL: AlertKind(AlertTask.ACKNOWLEDGE, Priority.URGENT),
    AlertCode.NOT_ALL_USED: AlertKind(AlertTask.ACKNOWLEDGE, Priority.ROUTINE),
    AlertCode.RECORDS_MERGED: AlertKind(AlertTask.ACKNOWLEDGE, Priority.ROUTINE),
}
# The programme's telephone number comes with these.
ASKS_TO_RING = (
    AlertCode.HOLD_NOT_SEEN,
    AlertCode.CONTACT_WHILE_PAUSED,
    AlertCode.CONTACT_ONCE_CALLED_OFF,
    AlertCode.UNREADABLE_WORDS,
)
# These name the number under which the record has whoever could not be told.
NAMES_A_NUMBER = (AlertCode.UNNAMED_EVENT, AlertCode.UNNAMED_REFUSAL)
# What a programme told stands behind each of these.
TOLD_BY_A_PROGRAMME = (AlertCode.ESCALATION, AlertCode.UNNAMED_WORDS)


@dataclass(frozen=True, slots=True)
class ResultVersion:
    """A screening result as it was at one moment: its version rises with every piece and every correction."""

    id: str
    version: int

    def __str__(self) -> str:
        return f"{self.id}.{self.version}"


MOST_UNSEEN = 5
"""So many alerts may wait to be seen that say the same of one woman; what comes then is no other, for there is no end
of a flood. The last of those that ask to ring a programme counts it."""


@dataclass(frozen=True, slots=True)
class Alert:
    """`due_at` is when it must have been acknowledged, or where `seen_by_link` reviewed: whoever has seen it by a link
    has nothing left to review it by once that is over. `rung` counts the steps of the ladder already climbed.
    `programmes` are the ids of those that a request for consent names. `result` is what it is about and what a review
    of it rests on. Whoever acknowledged it stands in the three elements of that name; `review` is None until a review
    has ended it. `copy_seen` names the version of the copy in the hospital's record whose answer was last refused,
    `copy_refusal` why. `telephone` is the programme's that is to be rung, when the alert asks for that. `women_waiting`
    is of how many women at least something waits for a record that takes nothing.

    `topic` says what it is about where the same may happen again and again; until somebody has seen it, it stands for
    all of them, and `times` counts them. A count alone makes no new version. Of what somebody said, or what happened to
    them, who could not be told, it is the number under which the record has them, for whoever reads the alert.
    """

    id: str
    version: int
    tenant_id: str
    patient_id: str | None
    referral_id: str | None
    code: AlertCode
    priority: Priority
    state: AlertState
    raised_at: datetime
    due_at: datetime
    rung: int = 0
    programmes: tuple[str, ...] = ()
    telephone: str | None = None
    topic: str | None = None
    times: int = 1
    result: ResultVersion | None = None
    acknowledged_by: str | None = None
    acknowledged_by_role: str | None = None
    acknowledged_at: datetime | None = None
    review: Review | None = None
    copy_seen: str | None = None
    copy_refusal: str | None = None
    women_waiting: int | None = None
    seen_by_link: bool = False

    @property
    def climbs(self) -> bool:
        return self.state is AlertState.OPEN or (self.state is AlertState.ACKNOWLEDGED and self.seen_by_link)

    @property
    def message_name(self) -> str:
        """By which what is said of it is known: it is said once on each rung of its ladder, each time as its own."""
        return self.id if self.rung == 0 else f"{self.id}.{self.rung}"

    @property
    def is_over(self) -> bool:
        return self.state is AlertState.RESOLVED

    def is_contradicted_by(self, outcome: ReviewOutcome | None) -> bool:
        """Whether it is over, and a review that comes now has come to another end."""
        reviewed = self.review.outcome if self.review else None
        return self.is_over and outcome not in (None, reviewed)

    def seen_by(self, practitioner: Practitioner, now: datetime, until: datetime | None = None) -> "Alert":
        """Acknowledged by whoever was first; the state is its table's to change. It is to be reviewed `until` then."""
        if self.acknowledged_at is not None:
            return self
        name, role = practitioner.name, practitioner.role
        seen = replace(self, acknowledged_by=name, acknowledged_by_role=role, acknowledged_at=now)
        return seen if until is None else replace(seen, due_at=until, seen_by_link=True)
