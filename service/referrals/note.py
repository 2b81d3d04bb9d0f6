"""A note for a clinician to read in the woman's own record: one for each step of a referral (FHIR DocumentReference).

Notes are history: what one says stays said, and the next step has a note of its own.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from service.referrals.alert import AlertCode
from service.referrals.offer import OfferState
from service.referrals.referral import ReferralState, ReferralTrigger


class NoteKind(StrEnum):
    """What happened. The words that a clinician reads for each are in mappings/texts.toml."""

    IN_REVIEW = "in-review"
    AWAITING_CONSENT = "awaiting-consent"
    OFFERED = "offered"
    UNPLACED = "unplaced"
    NO_SAFE_CONTACT = "no-safe-contact"
    ACCEPTED = "accepted"
    RETURNED = "returned"
    PAUSED = "paused"
    RESUMED = "resumed"
    COMPLETED = "completed"
    CLOSED = "closed"
    MERGED = "merged"
    VOIDED = "voided"


_K, _S, _O = NoteKind, ReferralState, OfferState
# The step that a state's note tells, unless its trigger or an alert has words of their own. Placing is no step by
# itself: what comes of it is.
_ON_ENTERING: dict[ReferralState, NoteKind] = {
    _S.IN_REVIEW: _K.IN_REVIEW,
    _S.AWAITING_CONSENT: _K.AWAITING_CONSENT,
    _S.OFFERED: _K.OFFERED,
    _S.SUPPORTED: _K.ACCEPTED,
    _S.ON_HOLD: _K.PAUSED,
    _S.COMPLETED: _K.COMPLETED,
    _S.CLOSED: _K.CLOSED,
    _S.ENTERED_IN_ERROR: _K.VOIDED,
}
_ON_TRIGGER: dict[ReferralTrigger, NoteKind] = {
    ReferralTrigger.RESUMED: _K.RESUMED,
    ReferralTrigger.MERGED: _K.MERGED,
}
# These may be raised without the referral moving, and their note is written with them. Every other alert speaks for
# itself: a note is no alarm, and none may be taken for one.
NOTED_WITH_ALERT: dict[AlertCode, NoteKind] = {
    AlertCode.UNPLACED: _K.UNPLACED,
    AlertCode.NO_SAFE_CONTACT: _K.NO_SAFE_CONTACT,
    AlertCode.RETURNED: _K.RETURNED,
}

# Of these a programme is part: whose offer has come into such a state by the very step. One that had declined before,
# or has handed her back, was told nothing by a pause or an end.
ABOUT_THE_PROGRAMME: dict[NoteKind, tuple[OfferState, ...]] = {
    _K.OFFERED: (_O.REQUESTED,),
    _K.ACCEPTED: (_O.ACCEPTED,),
    _K.RETURNED: (_O.FAILED, _O.CANCELLED),
    _K.PAUSED: (_O.HELD_BY_SERVICE, _O.HELD_BY_BOTH, _O.CANCELLED),
    _K.RESUMED: (_O.IN_PROGRESS, _O.HELD_BY_PROGRAMME),
    _K.COMPLETED: (_O.COMPLETED,),
    _K.CLOSED: (_O.CANCELLED,),
}
# These may be steps of a referral that no programme has.
ALSO_WITHOUT_ONE = (_K.PAUSED, _K.CLOSED)


@dataclass(frozen=True, slots=True)
class Note:
    """Which step it tells, and when that was. What it says of it is written out when it is sent."""

    id: str
    referral_id: str
    kind: NoteKind
    happened_at: datetime


def noted_on_entering(state: ReferralState, trigger: ReferralTrigger | None = None) -> NoteKind | None:
    """What to note of a referral that has come into `state`, by being opened when there is no trigger."""
    if trigger is ReferralTrigger.OFFER_RETURNED:
        return None  # its alert brings the note
    return _ON_TRIGGER.get(trigger) if trigger in _ON_TRIGGER else _ON_ENTERING.get(state)
