"""A note for a clinician to read in the woman's own record: one for each step of a referral (FHIR DocumentReference).

Notes are history: what one says stays said, and the next step has a note of its own.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from service.referrals.alert import AlertCode
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


_K, _S = NoteKind, ReferralState
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

# Of these a programme is part: what they say rests on her permission that it reports back.
ABOUT_THE_PROGRAMME = (_K.OFFERED, _K.ACCEPTED, _K.RETURNED, _K.PAUSED, _K.RESUMED, _K.COMPLETED, _K.CLOSED)
# No more is to be expected after these.
CLOSING = (_K.COMPLETED, _K.CLOSED, _K.MERGED, _K.VOIDED)


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
