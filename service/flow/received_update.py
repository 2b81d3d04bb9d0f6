"""What a programme says of an offer, as the door hands it to the step (FHIR Task update by its owner)."""

from dataclasses import dataclass
from enum import Enum, auto
from functools import reduce
from operator import or_

from service.flow.keep_reports import LABELS, Reported
from service.flow.received import NOBODY, Naming, Received
from service.referrals.offer import Ending, OfferState


class Part(Enum):
    """Whom and what an offer brings together, which only the service sets."""

    WOMAN = auto()
    REFERRAL = auto()
    PROGRAMME = auto()
    HOSPITAL = auto()


@dataclass(frozen=True, slots=True)
class Named:
    """How an update names a part: by the id that its sender knows it by, None for anything that is not ours.

    `element` is where it says so, for the answer.
    """

    part: Part
    id: str | None
    element: str


@dataclass(frozen=True, slots=True)
class NamedActivity:
    """What an update says has come of the support: a contact by its type and our id, and where it says so."""

    type: str
    id: str
    element: str


@dataclass(frozen=True, slots=True)
class ReceivedUpdate:
    """What a programme says of an offer as a whole; what differs from `base_version` is what it means.

    `state` is as programmes see it, None for one that no offer has. What an update leaves out is not in `named`.
    `base_version` None means the present version. `ending` is how the contacts ended, if the programme says so.
    `naming` is whom it may name beside what it reports.
    """

    received: Received
    offer_id: str
    base_version: int | None
    state: OfferState | None
    status_reason: str | None
    business_status: str | None
    named: tuple[Named, ...]
    reports: tuple[Reported, ...]
    ending: Ending | None = None
    activities: tuple[NamedActivity, ...] = ()
    naming: Naming = NOBODY

    @property
    def says_something(self) -> bool:
        """Whether words stand in it that are its sender's own; a label may be one that it was shown."""
        return any(each.said is not None for each in self.reports if each.element != LABELS)

    @property
    def is_whole(self) -> bool:
        """Whether it brings every part, as a Task does that comes back as it was read."""
        return {each.part for each in self.named} == {*Part}

    @property
    def all_naming(self) -> Naming:
        """Whom all of it may name that holds words."""
        return reduce(or_, (each.naming for each in self.reports if each.said is not None), self.naming)
