"""Where the outcome of a review leads: the referral's trigger for it, by what was reviewed (DESIGN 6)."""

from collections.abc import Sequence
from datetime import datetime

from service.referrals.alert import Alert, AlertCode, AlertState, ReviewOutcome
from service.referrals.referral import WAITS_TO_BE_PLACED, ReferralState, ReferralTrigger
from service.screening.instrument import Priority

RISK = (AlertCode.SELF_HARM_PRESENT, AlertCode.SELF_HARM_UNKNOWN, AlertCode.OLD_SELF_HARM_PRESENT)
HELD = (
    AlertCode.RETURNED,
    AlertCode.RESULT_CORRECTED,
    AlertCode.SAFETY_EVENT,
    AlertCode.IDENTITY_CONFLICT,
    AlertCode.UNREADABLE_REFUSAL,
    AlertCode.SAFE_CONTACT_WITHDRAWN,
)
GROUPED = (*RISK, *HELD)

# What ends the request ends it whichever alert was reviewed, and whatever state the request is in.
ENDS: dict[ReviewOutcome, ReferralTrigger] = {
    ReviewOutcome.NOT_SUITABLE: ReferralTrigger.REVIEWED_NOT_SUITABLE,
    ReviewOutcome.REFER_TO_SPECIALIST: ReferralTrigger.REFERRED_TO_SPECIALIST,
    ReviewOutcome.CLOSE: ReferralTrigger.CLOSED_BY_CLINICIAN,
}

# What was suitable releases only what that very kind of alert has kept waiting. A held request goes on where it was
# when a programme's offer waits for it, and is placed anew when there is none.
RELEASES: dict[tuple[AlertCode, ReferralState, bool], ReferralTrigger] = {
    **{
        (code, ReferralState.IN_REVIEW, waits): ReferralTrigger.REVIEWED_SUITABLE
        for code in RISK
        for waits in (False, True)
    },
    **{(code, ReferralState.ON_HOLD, True): ReferralTrigger.RESUMED for code in HELD},
    **{(code, ReferralState.ON_HOLD, False): ReferralTrigger.REPLACED for code in HELD},
}


# What the clinic is asked for, one at a time.
REQUESTS = (AlertCode.CONSENT_NEEDED, AlertCode.UNPLACED, AlertCode.NO_SAFE_CONTACT)

# Where each alert that asks what becomes of the request asks it: once the request has left there, it is answered.
ASKED_IN: dict[AlertCode, tuple[ReferralState, ...]] = {
    **dict.fromkeys((*REQUESTS, AlertCode.CONSENT_CONTRADICTORY), WAITS_TO_BE_PLACED),
    **dict.fromkeys(HELD, (ReferralState.ON_HOLD,)),
}
# What asks for something else, and the act after which that would be wrong: to ring and say that contact is to pause.
ENDED_BY: dict[AlertCode, ReferralTrigger] = {AlertCode.HOLD_NOT_SEEN: ReferralTrigger.RESUMED}

# What a clinician who decides about the request has said of an alert that asks for a review of it.
SAYS: dict[ReferralTrigger, ReviewOutcome] = {
    ReferralTrigger.RESUMED: ReviewOutcome.SUITABLE,
    ReferralTrigger.RESUMED_TO_REVIEW: ReviewOutcome.SUITABLE,
    ReferralTrigger.REPLACED: ReviewOutcome.SUITABLE,
    ReferralTrigger.VOIDED: ReviewOutcome.CLOSE,
    **{trigger: outcome for outcome, trigger in ENDS.items()},
}


def may_be_answered(trigger: ReferralTrigger, left: ReferralState, entered: ReferralState) -> list[AlertCode]:
    """The kinds of alert that a request answers by going from one state to another."""
    moved = [code for code, states in ASKED_IN.items() if left in states and entered not in states]
    return moved + [code for code, act in ENDED_BY.items() if act is trigger]


def is_answered(alert: Alert) -> bool:
    """Of these kinds: what tells of something that happened to her must have been seen first, whatever was decided."""
    happened_to_her = alert.code in HELD and alert.priority is Priority.URGENT
    return alert.state is AlertState.ACKNOWLEDGED or not happened_to_her


def leads_to(
    alert: Alert, outcome: ReviewOutcome, state: ReferralState, unresolved: Sequence[Alert], *, offer_waits: bool
) -> ReferralTrigger | None:
    """What the referral in `state` is told; None when it goes on as it is.

    `unresolved` are her other alerts that stay: while one of the same group stands, nothing is released. `offer_waits`:
    the service holds an offer.
    """
    if outcome in ENDS:
        return ENDS[outcome]
    waits = any(each.code in _group(alert) for each in unresolved)
    return None if waits else RELEASES.get((alert.code, state, offer_waits))


def opens_a_referral(alert: Alert, outcome: ReviewOutcome, unresolved: Sequence[Alert]) -> bool:
    """A risk without a positive total has opened none: a clinician may ask for one (DESIGN 5)."""
    asked = outcome is ReviewOutcome.SUITABLE and alert.code in RISK and alert.referral_id is None
    return asked and not any(each.code in RISK for each in unresolved)


def needs_another_first(alert: Alert, outcome: ReviewOutcome, unresolved: Sequence[Alert]) -> bool:
    """Whether another of her alerts has to be reviewed instead of this one, or before it.

    A newer one means that what the reviewer has looked at is not the newest. And what was held goes on only when no
    risk waits for a review of its own.
    """
    overtaken_by = (AlertCode.SELF_HARM_PRESENT,) if alert.code in RISK else (alert.code,)
    overtaken = alert.code in GROUPED and any(
        each.code in overtaken_by and _raised(each) > _raised(alert) for each in unresolved
    )
    goes_on = outcome is ReviewOutcome.SUITABLE and alert.code in HELD
    return overtaken or (goes_on and any(each.code in RISK for each in unresolved))


def settled_with(alert: Alert, unresolved: Sequence[Alert]) -> list[Alert]:
    """The older ones that this review speaks for too: whoever has seen the newest has seen what was asked before."""
    speaks_for = RISK if alert.code is AlertCode.SELF_HARM_PRESENT else (alert.code,)
    older = [each for each in unresolved if _raised(each) < _raised(alert)]
    return [each for each in older if alert.code in GROUPED and each.code in speaks_for]


def _group(alert: Alert) -> tuple[AlertCode, ...]:
    return next((group for group in (RISK, HELD) if alert.code in group), ())


def _raised(alert: Alert) -> tuple[datetime, str]:
    return alert.raised_at, alert.id
