"""A peer-support service as matching sees it (FHIR HealthcareService of an Organization)."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from service.referrals.needs import Access, Wish
from service.screening.instrument import Stage

LONGEST_NAME = 200
"""Characters of the name of a programme or an organisation, which records, notes and lists repeat."""


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


# Which wish each form answers. What is mixed answers both, and an online community is a group.
WISHES_MET: dict[Model, frozenset[Wish]] = {
    Model.ONE_TO_ONE: frozenset({Wish.ONE_TO_ONE}),
    Model.GROUP: frozenset({Wish.GROUP}),
    Model.ONLINE: frozenset({Wish.GROUP}),
    Model.COMMUNITY_COUNSELLOR: frozenset({Wish.ONE_TO_ONE}),
    Model.MIXED: frozenset(Wish),
}


@dataclass(frozen=True, slots=True)
class Serves:
    """Whom it is for beside place, stage and language. Ages are whole years, both ends included, None without a bound.

    `communities` are those whose language and culture the supporters share, in lower case; with `communities_only` it
    is for nobody else.
    """

    from_age: int | None = None
    to_age: int | None = None
    first_baby_only: bool = False
    communities: frozenset[str] = frozenset()
    communities_only: bool = False
    access: frozenset[Access] = frozenset()


@dataclass(frozen=True, slots=True)
class Statements:
    """What the programme attests of its quality (TIDieR items): the service shows it and checks none of it.

    `supporters` says how they are chosen, `supervisor` is a role and never a person, `safeguarding` says what a
    supporter does with a concern. No supporter's own history is held.
    """

    supporters: str | None = None
    training_hours: int | None = None
    training_topics: tuple[str, ...] = ()
    supervisor: str | None = None
    supervision_every_weeks: int | None = None
    safeguarding: str | None = None


@dataclass(frozen=True, slots=True)
class Programme:
    """`languages` are BCP 47 primary tags; empty `districts` means everywhere. `places_taken` counts the offers that
    are accepted and those that wait for their answer. After `training_renewed_until` it takes nobody new."""

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
    serves: Serves = Serves()
    states: Statements = Statements()

    @property
    def open_places(self) -> int:
        return max(0, self.places - self.places_taken)

    def training_has_lapsed(self, today: date) -> bool:
        return self.training_renewed_until is not None and self.training_renewed_until < today
