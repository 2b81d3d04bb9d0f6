"""A referral put to one programme (FHIR Task, code `fulfill`; edges of HL7 SDOH Clinical Care 3.0, DESIGN 6)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from service.consent.disclosure import ViewStage


class OfferState(StrEnum):
    """A hold remembers its owner: one that the service set is lifted by a clinician alone, and what the programme held
    before it is the programme's hold again then."""

    REQUESTED = "requested"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    IN_PROGRESS = "in-progress"
    HELD_BY_PROGRAMME = "held-by-programme"
    HELD_BY_SERVICE = "held-by-service"
    HELD_BY_BOTH = "held-by-both"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    ENTERED_IN_ERROR = "entered-in-error"


class OfferTrigger(StrEnum):
    PROGRAMME_ACCEPTS = "programme-accepts"
    PROGRAMME_REJECTS = "programme-rejects"
    PROGRAMME_STARTS = "programme-starts"
    PROGRAMME_HOLDS = "programme-holds"
    PROGRAMME_COMPLETES = "programme-completes"
    PROGRAMME_FAILS = "programme-fails"
    PROGRAMME_CANCELS = "programme-cancels"
    SERVICE_CANCELS = "service-cancels"
    SERVICE_RECALLS = "service-recalls"
    SERVICE_HOLDS = "service-holds"
    SERVICE_RESUMES = "service-resumes"
    SERVICE_VOIDS = "service-voids"
    LAPSES = "lapses"


class Ending(StrEnum):
    """How the contacts with her ended, in the programme's own word."""

    PLANNED = "planned"
    EARLY = "early"
    ENDED_BY_HER = "ended-by-her"
    NOT_REACHED = "not-reached"


_S, _T = OfferState, OfferTrigger
GOES_ON = (_S.ACCEPTED, _S.IN_PROGRESS, _S.HELD_BY_PROGRAMME)
PAUSED = (_S.HELD_BY_SERVICE, _S.HELD_BY_BOTH)
ACTIVE = (*GOES_ON, *PAUSED)
LIVE = (_S.REQUESTED, *ACTIVE)
OFFER_ENDED = tuple(state for state in OfferState if state not in LIVE)
# Also before it is answered: who was asked does not hear afterwards that another woman was quicker.
TAKES_A_PLACE = LIVE
# Never accepted, or taken back: what a programme reads of it says that it is over, and for a time only.
TOMBSTONES = (_S.REJECTED, _S.CANCELLED, _S.ENTERED_IN_ERROR)

OFFER_TABLE: dict[tuple[OfferState, OfferTrigger], OfferState] = {
    (_S.REQUESTED, _T.PROGRAMME_ACCEPTS): _S.ACCEPTED,
    (_S.REQUESTED, _T.PROGRAMME_REJECTS): _S.REJECTED,
    (_S.REQUESTED, _T.PROGRAMME_CANCELS): _S.CANCELLED,
    (_S.REQUESTED, _T.LAPSES): _S.CANCELLED,
    (_S.ACCEPTED, _T.PROGRAMME_STARTS): _S.IN_PROGRESS,
    (_S.HELD_BY_PROGRAMME, _T.PROGRAMME_STARTS): _S.IN_PROGRESS,
    (_S.ACCEPTED, _T.PROGRAMME_HOLDS): _S.HELD_BY_PROGRAMME,
    (_S.IN_PROGRESS, _T.PROGRAMME_HOLDS): _S.HELD_BY_PROGRAMME,
    (_S.ACCEPTED, _T.PROGRAMME_COMPLETES): _S.COMPLETED,
    (_S.IN_PROGRESS, _T.PROGRAMME_COMPLETES): _S.COMPLETED,
    (_S.HELD_BY_PROGRAMME, _T.PROGRAMME_COMPLETES): _S.COMPLETED,
    **{(state, _T.PROGRAMME_FAILS): _S.FAILED for state in ACTIVE},
    **{(state, _T.PROGRAMME_CANCELS): _S.CANCELLED for state in ACTIVE},
    **{(state, _T.SERVICE_CANCELS): _S.CANCELLED for state in LIVE},
    (_S.REQUESTED, _T.SERVICE_RECALLS): _S.CANCELLED,
    (_S.ACCEPTED, _T.SERVICE_HOLDS): _S.HELD_BY_SERVICE,
    (_S.IN_PROGRESS, _T.SERVICE_HOLDS): _S.HELD_BY_SERVICE,
    (_S.HELD_BY_PROGRAMME, _T.SERVICE_HOLDS): _S.HELD_BY_BOTH,
    (_S.HELD_BY_SERVICE, _T.SERVICE_RESUMES): _S.IN_PROGRESS,
    (_S.HELD_BY_BOTH, _T.SERVICE_RESUMES): _S.HELD_BY_PROGRAMME,
    **{(state, _T.SERVICE_VOIDS): _S.ENTERED_IN_ERROR for state in OfferState if state is not _S.ENTERED_IN_ERROR},
}

# What the service does to an accepted offer that a volunteer must learn of before the next contact.
MUST_BE_SEEN = (_T.SERVICE_HOLDS, _T.SERVICE_CANCELS, _T.SERVICE_VOIDS)

VIEW_STAGE: dict[OfferState, ViewStage] = {
    _S.REQUESTED: ViewStage.OFFERED,
    **dict.fromkeys(ACTIVE, ViewStage.SUPPORTING),
    **dict.fromkeys(OFFER_ENDED, ViewStage.OVER),
}


def as_programmes_see(state: OfferState) -> OfferState:
    """The same, but that a hold is a hold to a programme, whoever set it."""
    return _S.HELD_BY_PROGRAMME if state in PAUSED else state


def display_of(offer_id: str) -> str:
    """What people may call a referral in front of anybody. Two may be called the same."""
    return f"Referral {offer_id[-4:].upper()}"


@dataclass(frozen=True, slots=True)
class Dealings:
    """What an organisation has to do with a hospital: by which of its programmes, and when an offer of that hospital
    was last alive."""

    tenant_id: str
    programme_id: str
    last_at: datetime


class Handles(NamedTuple):
    """The ids by which a programme knows this offer's resources: its own for each offer, so that nothing links
    women."""

    patient: str
    service_request: str
    consent: str
    observation: str


class Offer(NamedTuple):
    """`status_reason` is what the record and the programme read beside the status; `business_status` the programme's
    own. `recalled` is True when the service took it back before it was answered: the programme may be asked again.
    `ending` is how the contacts ended, if the programme said so."""

    id: str
    version: int
    tenant_id: str
    referral_id: str
    patient_id: str
    programme_id: str
    organisation_id: str
    state: OfferState
    handles: Handles
    offered_at: datetime
    respond_by: datetime
    status_reason: str | None = None
    business_status: str | None = None
    recalled: bool = False
    ending: Ending | None = None
