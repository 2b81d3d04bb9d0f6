"""An attempt to reach her or a session with her, as the programme reports it (FHIR Encounter)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class ContactOutcome(StrEnum):
    ATTENDED = "attended"
    ATTEMPTED = "attempted"
    DID_NOT_ATTEND = "did-not-attend"
    CANCELLED = "cancelled"


class ContactMode(StrEnum):
    PHONE = "phone"
    VIDEO = "video"
    HOME_VISIT = "home-visit"
    GROUP = "group"
    MESSAGE = "message"
    IN_PERSON = "in-person"


@dataclass(frozen=True, slots=True)
class Contact:
    """`ended_at` None when only the start is known."""

    id: str
    offer_id: str
    mode: ContactMode
    outcome: ContactOutcome
    started_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Engagement:
    """What the record is told of the contacts, when she allowed it: how many, and when the last was. No content."""

    attempts: int
    sessions: int
    last_contact: datetime | None
