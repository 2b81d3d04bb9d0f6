"""What a decision asks for: the table of DESIGN 5, one row for each pair of outcome and self-harm judgement."""

from dataclasses import dataclass

from service.referrals.alert import AlertCode
from service.referrals.referral import ReferralState, ReferralTrigger
from service.screening.decide import Outcome, SelfHarm


@dataclass(frozen=True, slots=True)
class Consequence:
    """`opens` is the state of a new referral; `tells` is what an open one, or none at all, is told instead."""

    alert: AlertCode | None
    opens: ReferralState | None
    tells: ReferralTrigger | None = None


NOTHING_FOLLOWS = Consequence(None, None)
_PRESENT = AlertCode.SELF_HARM_PRESENT
_HEARD = ReferralTrigger.SELF_HARM_PRESENT

CONSEQUENCES: dict[tuple[Outcome, SelfHarm], Consequence] = {
    (Outcome.POSITIVE, SelfHarm.PRESENT): Consequence(_PRESENT, ReferralState.IN_REVIEW, _HEARD),
    (Outcome.POSITIVE, SelfHarm.UNKNOWN): Consequence(
        AlertCode.SELF_HARM_UNKNOWN, ReferralState.IN_REVIEW, ReferralTrigger.SELF_HARM_UNKNOWN
    ),
    (Outcome.POSITIVE, SelfHarm.ABSENT): Consequence(None, ReferralState.PLACING),
    (Outcome.POSITIVE, SelfHarm.NOT_ASKED): Consequence(None, ReferralState.PLACING),
    (Outcome.REPEAT, SelfHarm.PRESENT): Consequence(_PRESENT, None, _HEARD),
    (Outcome.REPEAT, SelfHarm.UNKNOWN): Consequence(AlertCode.SELF_HARM_NOT_SEEN, None),
    (Outcome.REPEAT, SelfHarm.ABSENT): Consequence(AlertCode.REPEAT_SCREENING, None),
    (Outcome.REPEAT, SelfHarm.NOT_ASKED): Consequence(AlertCode.REPEAT_SCREENING, None),
    (Outcome.NEGATIVE, SelfHarm.PRESENT): Consequence(_PRESENT, None, _HEARD),
    (Outcome.NEGATIVE, SelfHarm.UNKNOWN): Consequence(AlertCode.SELF_HARM_NOT_SEEN, None),
    (Outcome.NEGATIVE, SelfHarm.ABSENT): NOTHING_FOLLOWS,
    (Outcome.NEGATIVE, SelfHarm.NOT_ASKED): NOTHING_FOLLOWS,
    (Outcome.UNSCORABLE, SelfHarm.PRESENT): Consequence(_PRESENT, None, _HEARD),
    (Outcome.UNSCORABLE, SelfHarm.UNKNOWN): Consequence(AlertCode.UNSCORABLE, None),
    (Outcome.UNSCORABLE, SelfHarm.ABSENT): Consequence(AlertCode.UNSCORABLE, None),
    (Outcome.UNSCORABLE, SelfHarm.NOT_ASKED): Consequence(AlertCode.UNSCORABLE, None),
}


def _when_old(outcome: Outcome, self_harm: SelfHarm) -> Consequence:
    if self_harm is SelfHarm.PRESENT:
        return Consequence(AlertCode.OLD_SELF_HARM_PRESENT, None, ReferralTrigger.OLD_SELF_HARM_PRESENT)
    if outcome is Outcome.POSITIVE:
        return Consequence(AlertCode.OLD_POSITIVE, None)
    return CONSEQUENCES[outcome, self_harm]


# The same for a result that is too old to refer by: it opens nothing, and what would have is said to a clinician.
CONSEQUENCES_WHEN_OLD = {pair: _when_old(*pair) for pair in CONSEQUENCES}
