"""An attempt to reach her or a session with her, as the programme reports it (FHIR Encounter or Procedure)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum

from service.referrals.offer import OFFER_ENDED, PAUSED, TOMBSTONES, Ending, Offer, OfferState
from service.shared.clock import CLOCKS_DIFFER_BY, DAYS_DIFFER_BY


class ContactOutcome(StrEnum):
    ATTENDED = "attended"
    ATTEMPTED = "attempted"
    DID_NOT_ATTEND = "did-not-attend"
    CANCELLED = "cancelled"
    PLANNED = "planned"
    ENTERED_IN_ERROR = "entered-in-error"


# What was made, and so is counted: a plan, and what was called off, is no contact.
MADE = (ContactOutcome.ATTENDED, ContactOutcome.ATTEMPTED, ContactOutcome.DID_NOT_ATTEND)
MAY_LIE_AHEAD = (ContactOutcome.CANCELLED, ContactOutcome.PLANNED, ContactOutcome.ENTERED_IN_ERROR)


class ContactMode(StrEnum):
    PHONE = "phone"
    VIDEO = "video"
    HOME_VISIT = "home-visit"
    GROUP = "group"
    MESSAGE = "message"
    IN_PERSON = "in-person"


class Remark(StrEnum):
    """What its programme has to know of a contact that was made, though it is kept."""

    BEFORE_ACCEPTANCE = "before-acceptance"
    AFTER_THE_END = "after-the-end"
    DURING_A_PAUSE = "during-a-pause"
    AS_CALLED_OFF = "as-called-off"
    ONCE_CALLED_OFF = "once-called-off"


# What lies outside the support is no part of it.
NOT_COUNTED = (Remark.BEFORE_ACCEPTANCE, Remark.AFTER_THE_END, Remark.ONCE_CALLED_OFF)


# The FHIR resources that one may be reported as.
CONTACT_TYPES = ("Encounter", "Procedure")


@dataclass(frozen=True, slots=True)
class Support:
    """From the acceptance of an offer to its end; None for what has not come. `pauses` are the times for which the
    maternity team held it, likewise. After `called_off` nobody was to contact her any more."""

    began: datetime | None
    ended: datetime | None
    pauses: tuple[tuple[datetime, datetime | None], ...] = ()
    called_off: datetime | None = None


def support_of(history: Sequence[tuple[OfferState, datetime]]) -> Support:
    """As its programme has seen it: the states of an offer with the times from which they held, the oldest first."""
    began = next((at for state, at in history if state is OfferState.ACCEPTED), None)
    ended = next((at for state, at in history if state in OFFER_ENDED), None)
    called_off = next((at for state, at in history if state in TOMBSTONES), None)
    pauses: list[tuple[datetime, datetime | None]] = []
    for state, at in history:
        paused = bool(pauses) and pauses[-1][1] is None
        if state in PAUSED and not paused:
            pauses.append((at, None))
        elif state not in PAUSED and paused:
            pauses[-1] = pauses[-1][0], at
    return Support(began, ended, tuple(pauses), called_off)


def remark_on(started_at: datetime, support: Support) -> Remark | None:
    """Whether a contact lies outside the support or in a pause of it, whenever it is reported. Clocks may differ a
    little; what stands for a whole day may have begun at any time of that day, in any zone. What may be part of the
    support counts as that, and what may have been made against a word to stop is remarked as that."""
    earliest, latest = started_at - CLOCKS_DIFFER_BY, started_at + CLOCKS_DIFFER_BY
    if started_at.time() == time.min:
        earliest, latest = started_at - DAYS_DIFFER_BY, started_at + timedelta(days=1) + DAYS_DIFFER_BY
    is_over = support.ended is not None and earliest > support.ended
    if support.called_off is not None and latest >= support.called_off:
        return Remark.ONCE_CALLED_OFF if is_over or support.began is None else Remark.AS_CALLED_OFF
    if support.began is None or latest < support.began:
        return Remark.BEFORE_ACCEPTANCE
    if is_over:
        return Remark.AFTER_THE_END
    paused = any(latest >= since and (until is None or earliest <= until) for since, until in support.pauses)
    return Remark.DURING_A_PAUSE if paused else None


@dataclass(frozen=True, slots=True)
class Contact:
    """`type` is the FHIR resource that it was reported as; `mode` None where that did not say it, `ended_at` None when
    only the start is known. `counts` is False for one that lies outside the support."""

    id: str
    version: int
    type: str
    offer_id: str
    mode: ContactMode | None
    outcome: ContactOutcome
    started_at: datetime
    ended_at: datetime | None
    counts: bool = True


@dataclass(frozen=True, slots=True)
class Engagement:
    """What the record is told of the contacts, when she allowed it: how many, when the last was, and how they ended.
    No content.

    `ending` is None while they go on, and where the programme was told to stop.
    """

    attempts: int
    sessions: int
    last_contact: datetime | None
    ending: Ending | None = None


def reason_told(offer: Offer, engagement: Engagement | None) -> str | None:
    """Why the offer is where it is, as far as the record may know. Whoever declined had not met her."""
    return offer.status_reason if engagement is not None or offer.state is OfferState.REJECTED else None


def ending_of(offer: Offer, attempts: int, sessions: int) -> Ending | None:
    """How the contacts ended: as the programme said, else what follows from its status and from whether it ever met
    her."""
    if offer.state in (OfferState.COMPLETED, OfferState.FAILED, OfferState.CANCELLED) and offer.ending is not None:
        return offer.ending
    if offer.state is OfferState.COMPLETED:
        return Ending.PLANNED
    if offer.state is OfferState.FAILED:
        return Ending.NOT_REACHED if attempts and not sessions else Ending.EARLY
    return None
