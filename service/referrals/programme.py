"""A peer-support service as matching sees it (FHIR HealthcareService of an Organization)."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from service.screening.instrument import Stage


class Model(StrEnum):
    """The forms that perinatal peer support takes in the literature."""

    ONE_TO_ONE = "one-to-one"
    GROUP = "group"
    ONLINE = "online"
    COMMUNITY_COUNSELLOR = "community-counsellor"
    MIXED = "mixed"


class DeliveryMode(StrEnum):
    PHONE = "phone"
    VIDEO = "video"
    HOME_VISIT = "home-visit"
    MEETING = "meeting"
    MESSAGE = "message"


@dataclass(frozen=True, slots=True)
class Programme:
    """`languages` are BCP 47 primary tags; empty `districts` means everywhere. `places_taken` counts accepted
    offers."""

    id: str
    organisation_id: str
    name: str
    active: bool
    model: Model
    modes: tuple[DeliveryMode, ...]
    languages: frozenset[str]
    districts: frozenset[str]
    stages: frozenset[Stage]
    interpreters: bool
    places: int
    places_taken: int
    respond_within_hours: int
    training_renewed_until: date | None
    telephone: str | None
