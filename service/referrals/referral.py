"""The request for peer support: one open for each woman (FHIR ServiceRequest, DESIGN 6).

The table is the whole machine. A pair that stands in no row is refused. Risk is heard in every state, also after
closing.
"""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from service.referrals.alert import AlertCode


class ReferralState(StrEnum):
    IN_REVIEW = "in-review"
    AWAITING_CONSENT = "awaiting-consent"
    PLACING = "placing"
    OFFERED = "offered"
    SUPPORTED = "supported"
    ON_HOLD = "on-hold"
    COMPLETED = "completed"
    CLOSED = "closed"
    ENTERED_IN_ERROR = "entered-in-error"


class ReferralTrigger(StrEnum):
    OPENED = "opened"
    # What matching and the gate find
    OFFER_MADE = "offer-made"
    CONSENT_NEEDED = "consent-needed"
    CONSENT_CONTRADICTORY = "consent-contradictory"
    NOBODY_FITS = "nobody-fits"
    NO_SAFE_CONTACT = "no-safe-contact"
    # What matching or the gate rests on has changed, without a yes
    FACTS_CHANGED = "facts-changed"
    # Time has passed: there may be another place, or another programme
    TRIED_AGAIN = "tried-again"
    # What she says
    CONSENT_GIVEN = "consent-given"
    PROGRAMME_REFUSED = "programme-refused"
    CONSENT_REFUSED = "consent-refused"
    CONSENT_WITHDRAWN = "consent-withdrawn"
    CONSENT_EXPIRED = "consent-expired"
    UNREADABLE_REFUSAL = "unreadable-refusal"
    # What the programme answers
    OFFER_ACCEPTED = "offer-accepted"
    OFFER_DECLINED = "offer-declined"
    OFFER_RETURNED = "offer-returned"
    OFFER_COMPLETED = "offer-completed"
    # What later results say
    SELF_HARM_PRESENT = "self-harm-present"
    SELF_HARM_UNKNOWN = "self-harm-unknown"
    OLD_SELF_HARM_PRESENT = "old-self-harm-present"
    # A risk that was told before, of another record of hers
    RISK_NOT_REVIEWED = "risk-not-reviewed"
    NO_LONGER_POSITIVE = "no-longer-positive"
    # What happens in her life
    SAFETY_EVENT = "safety-event"
    IDENTITY_CONFLICT = "identity-conflict"
    WOMAN_DIED = "woman-died"
    # Another of her referrals goes on, since two records were found to be hers
    MERGED = "merged"
    # What a clinician decides
    REVIEWED_SUITABLE = "reviewed-suitable"
    REVIEWED_NOT_SUITABLE = "reviewed-not-suitable"
    REFERRED_TO_SPECIALIST = "referred-to-specialist"
    CLOSED_BY_CLINICIAN = "closed-by-clinician"
    HELD_BY_CLINICIAN = "held-by-clinician"
    RESUMED = "resumed"
    RESUMED_TO_REVIEW = "resumed-to-review"
    REPLACED = "replaced"
    VOIDED = "voided"


class ReferralEffect(StrEnum):
    PLACE = "place"
    CANCEL_UNANSWERED_OFFERS = "cancel-unanswered-offers"
    CANCEL_OFFERS = "cancel-offers"
    HOLD_OFFERS = "hold-offers"
    RESUME_OFFERS = "resume-offers"
    VOID_OFFERS = "void-offers"


Effect = ReferralEffect | AlertCode
Step = tuple[ReferralState, tuple[Effect, ...]]

_S, _T, _E, _A = ReferralState, ReferralTrigger, ReferralEffect, AlertCode
BEFORE_ACCEPTANCE = (_S.IN_REVIEW, _S.AWAITING_CONSENT, _S.PLACING, _S.OFFERED)
OPEN = (*BEFORE_ACCEPTANCE, _S.SUPPORTED, _S.ON_HOLD)
REFERRAL_ENDED = tuple(state for state in ReferralState if state not in OPEN)
WAITS_TO_BE_PLACED = (_S.AWAITING_CONSENT, _S.PLACING)
_STILL_TO_PLACE = (*WAITS_TO_BE_PLACED, _S.OFFERED)
_NOT_TO_PLACE = tuple(state for state in ReferralState if state not in _STILL_TO_PLACE)


def _rows(
    states: tuple[ReferralState, ...], trigger: ReferralTrigger, state: ReferralState | None, *effects: Effect
) -> dict[tuple[ReferralState, ReferralTrigger], Step]:
    """The same row for several states; `state` None means that each stays as it is."""
    return {(origin, trigger): (state or origin, effects) for origin in states}


REFERRAL_TABLE: dict[tuple[ReferralState, ReferralTrigger], Step] = {
    (_S.PLACING, _T.OPENED): (_S.PLACING, (_E.PLACE,)),
    **_rows(WAITS_TO_BE_PLACED, _T.OFFER_MADE, _S.OFFERED),
    (_S.PLACING, _T.CONSENT_NEEDED): (_S.AWAITING_CONSENT, (_A.CONSENT_NEEDED,)),
    # What is asked of the clinic then depends on the words, not on the state: it is asked once for each contradiction.
    (_S.PLACING, _T.CONSENT_CONTRADICTORY): (_S.AWAITING_CONSENT, ()),
    (_S.PLACING, _T.NOBODY_FITS): (_S.PLACING, (_A.UNPLACED,)),
    **_rows(WAITS_TO_BE_PLACED, _T.NO_SAFE_CONTACT, _S.PLACING, _A.NO_SAFE_CONTACT),
    # The last safe way to reach her was taken back after a programme was asked.
    (_S.OFFERED, _T.NO_SAFE_CONTACT): (_S.PLACING, (_E.CANCEL_UNANSWERED_OFFERS, _E.PLACE)),
    (_S.SUPPORTED, _T.NO_SAFE_CONTACT): (_S.ON_HOLD, (_E.HOLD_OFFERS, _A.SAFE_CONTACT_WITHDRAWN)),
    (_S.ON_HOLD, _T.NO_SAFE_CONTACT): (_S.ON_HOLD, (_A.SAFE_CONTACT_WITHDRAWN,)),
    **_rows(WAITS_TO_BE_PLACED, _T.CONSENT_GIVEN, _S.PLACING, _E.PLACE),
    **_rows((_S.IN_REVIEW, _S.OFFERED, _S.SUPPORTED, _S.ON_HOLD), _T.CONSENT_GIVEN, None),
    **_rows(WAITS_TO_BE_PLACED, _T.FACTS_CHANGED, _S.PLACING, _E.PLACE),
    # Who waits for a place that she has agreed to goes on waiting for her word on others meanwhile.
    **_rows(WAITS_TO_BE_PLACED, _T.TRIED_AGAIN, None, _E.PLACE),
    # A no to one programme leaves the others to be asked about; placing finds whether there are any.
    **_rows(WAITS_TO_BE_PLACED, _T.PROGRAMME_REFUSED, _S.PLACING, _E.PLACE),
    **_rows((_S.IN_REVIEW, _S.AWAITING_CONSENT, _S.PLACING), _T.CONSENT_REFUSED, _S.CLOSED),
    **_rows((_S.OFFERED, _S.SUPPORTED, _S.ON_HOLD), _T.CONSENT_REFUSED, _S.CLOSED, _E.CANCEL_OFFERS),
    **_rows(OPEN, _T.CONSENT_WITHDRAWN, _S.CLOSED, _E.CANCEL_OFFERS),
    **_rows((_S.OFFERED, _S.SUPPORTED, _S.ON_HOLD), _T.CONSENT_EXPIRED, _S.CLOSED, _E.CANCEL_OFFERS),
    (_S.OFFERED, _T.OFFER_ACCEPTED): (_S.SUPPORTED, ()),
    (_S.OFFERED, _T.OFFER_DECLINED): (_S.PLACING, (_E.PLACE,)),
    # A clinician re-places or closes it: it may neither be placed again nor end by itself.
    **_rows((_S.OFFERED, _S.SUPPORTED, _S.ON_HOLD), _T.OFFER_RETURNED, _S.ON_HOLD, _A.RETURNED),
    (_S.SUPPORTED, _T.OFFER_COMPLETED): (_S.COMPLETED, ()),
    **_rows(_STILL_TO_PLACE, _T.SELF_HARM_PRESENT, _S.IN_REVIEW, _E.CANCEL_UNANSWERED_OFFERS, _A.SELF_HARM_PRESENT),
    **_rows(_NOT_TO_PLACE, _T.SELF_HARM_PRESENT, None, _A.SELF_HARM_PRESENT),
    **_rows(_STILL_TO_PLACE, _T.SELF_HARM_UNKNOWN, _S.IN_REVIEW, _E.CANCEL_UNANSWERED_OFFERS, _A.SELF_HARM_UNKNOWN),
    **_rows(_NOT_TO_PLACE, _T.SELF_HARM_UNKNOWN, None, _A.SELF_HARM_UNKNOWN),
    **_rows(
        _STILL_TO_PLACE,
        _T.OLD_SELF_HARM_PRESENT,
        _S.IN_REVIEW,
        _E.CANCEL_UNANSWERED_OFFERS,
        _A.OLD_SELF_HARM_PRESENT,
    ),
    **_rows(_NOT_TO_PLACE, _T.OLD_SELF_HARM_PRESENT, None, _A.OLD_SELF_HARM_PRESENT),
    # Its own alert stands already.
    **_rows(_STILL_TO_PLACE, _T.RISK_NOT_REVIEWED, _S.IN_REVIEW, _E.CANCEL_UNANSWERED_OFFERS),
    **_rows(BEFORE_ACCEPTANCE, _T.NO_LONGER_POSITIVE, _S.CLOSED, _E.CANCEL_OFFERS),
    (_S.SUPPORTED, _T.NO_LONGER_POSITIVE): (_S.ON_HOLD, (_E.HOLD_OFFERS, _A.RESULT_CORRECTED)),
    (_S.ON_HOLD, _T.NO_LONGER_POSITIVE): (_S.ON_HOLD, (_A.RESULT_CORRECTED,)),
    **_rows(OPEN, _T.SAFETY_EVENT, _S.ON_HOLD, _E.CANCEL_UNANSWERED_OFFERS, _E.HOLD_OFFERS, _A.SAFETY_EVENT),
    **_rows(OPEN, _T.IDENTITY_CONFLICT, _S.ON_HOLD, _E.CANCEL_UNANSWERED_OFFERS, _E.HOLD_OFFERS, _A.IDENTITY_CONFLICT),
    # What may be a no of hers stops contact until a person has looked.
    **_rows(
        OPEN, _T.UNREADABLE_REFUSAL, _S.ON_HOLD, _E.CANCEL_UNANSWERED_OFFERS, _E.HOLD_OFFERS, _A.UNREADABLE_REFUSAL
    ),
    **_rows(OPEN, _T.WOMAN_DIED, _S.CLOSED, _E.CANCEL_OFFERS),
    **_rows(OPEN, _T.MERGED, _S.CLOSED, _E.CANCEL_OFFERS),
    (_S.IN_REVIEW, _T.REVIEWED_SUITABLE): (_S.PLACING, (_E.PLACE,)),
    **_rows(OPEN, _T.REVIEWED_NOT_SUITABLE, _S.CLOSED, _E.CANCEL_OFFERS),
    # A programme that supports her already goes on beside the specialist.
    **_rows((*BEFORE_ACCEPTANCE, _S.ON_HOLD), _T.REFERRED_TO_SPECIALIST, _S.CLOSED, _E.CANCEL_OFFERS),
    (_S.SUPPORTED, _T.REFERRED_TO_SPECIALIST): (_S.SUPPORTED, ()),
    **_rows(OPEN, _T.CLOSED_BY_CLINICIAN, _S.CLOSED, _E.CANCEL_OFFERS),
    **_rows(OPEN, _T.HELD_BY_CLINICIAN, _S.ON_HOLD, _E.CANCEL_UNANSWERED_OFFERS, _E.HOLD_OFFERS),
    (_S.ON_HOLD, _T.RESUMED): (_S.SUPPORTED, (_E.RESUME_OFFERS,)),
    # No programme holds it, and the review that it waited for before is still owed.
    (_S.ON_HOLD, _T.RESUMED_TO_REVIEW): (_S.IN_REVIEW, ()),
    **_rows((_S.ON_HOLD, _S.PLACING), _T.REPLACED, _S.PLACING, _E.CANCEL_OFFERS, _E.PLACE),
    **_rows(
        tuple(state for state in ReferralState if state is not _S.ENTERED_IN_ERROR),
        _T.VOIDED,
        _S.ENTERED_IN_ERROR,
        _E.VOID_OFFERS,
    ),
}


class Referral(NamedTuple):
    """`reason` says why it was closed, in the words of the trigger that closed it. `result_id` is of the result that
    opened it, also when that counts for another since two records became one."""

    id: str
    version: int
    tenant_id: str
    patient_id: str
    state: ReferralState
    opened_at: datetime
    changed_at: datetime
    reason: str | None = None
    result_id: str | None = None


# Of two, that goes on in which most would be lost, or in which somebody has to decide first.
_GOES_ON = (_S.ON_HOLD, _S.SUPPORTED, _S.IN_REVIEW, _S.OFFERED, _S.AWAITING_CONSENT, _S.PLACING)


def goes_on(referral: Referral) -> tuple[int, datetime]:
    """The lowest of two open ones is to go on, when they turn out to be one woman's; of equals the older one."""
    return _GOES_ON.index(referral.state), referral.opened_at
