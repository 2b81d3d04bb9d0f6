"""What happens in a woman's life that decides whether contact is welcome (DESIGN 6)."""

from datetime import date, datetime, timedelta
from enum import StrEnum

from service.referrals.referral import ReferralTrigger


class LifeEvent(StrEnum):
    BIRTH = "birth"
    PREGNANCY_LOSS = "pregnancy-loss"
    BABY_DIED = "baby-died"
    BABY_IN_CARE = "baby-in-care"
    WOMAN_DIED = "woman-died"
    SAFETY_EVENT = "safety-event"
    """Any of those that make contact unwelcome: which of them, the sender's code does not say."""
    ANNOUNCED = "announced"
    """Any of these, her death too, as long as it is not certain."""
    TAKEN_BACK = "taken-back"
    """That an observation or a diagnosis of any of these does not hold. It lifts nothing; what is told after it of that
    day is news."""
    NOT_BORN = "not-born"
    """That a birth which was told does not hold."""


Heard = tuple[LifeEvent, date | None]
"""What happened, and on what day if that was told."""

# Which of them it was is for the record; to a programme each is the same pause.
TELLS: dict[LifeEvent, ReferralTrigger] = {
    LifeEvent.BIRTH: ReferralTrigger.FACTS_CHANGED,
    LifeEvent.NOT_BORN: ReferralTrigger.FACTS_CHANGED,
    LifeEvent.PREGNANCY_LOSS: ReferralTrigger.SAFETY_EVENT,
    LifeEvent.BABY_DIED: ReferralTrigger.SAFETY_EVENT,
    LifeEvent.BABY_IN_CARE: ReferralTrigger.SAFETY_EVENT,
    LifeEvent.WOMAN_DIED: ReferralTrigger.WOMAN_DIED,
    LifeEvent.SAFETY_EVENT: ReferralTrigger.SAFETY_EVENT,
    # Nothing ends for good by what may still turn out to be otherwise.
    LifeEvent.ANNOUNCED: ReferralTrigger.SAFETY_EVENT,
}
# After these a referral begins with a clinician, also when it is opened only later.
UNWELCOME = frozenset(event for event, trigger in TELLS.items() if trigger is ReferralTrigger.SAFETY_EVENT)
# After these a call would hurt, or nobody is there to take it.
HARMS = UNWELCOME | {LifeEvent.WOMAN_DIED}

# What no code stands for: how far what tells an event counts says it.
BY_STATUS = frozenset({LifeEvent.ANNOUNCED, LifeEvent.TAKEN_BACK, LifeEvent.NOT_BORN})

# A record tells an event again with every message, for as long as it stands there; one that gives no day is told to a
# clinician once more after this time, for nobody knows whether it is another.
SAME_EVENT = timedelta(weeks=26)
# Two babies born so close together are twins, and one birth.
SAME_BIRTH = timedelta(days=2)

# The outcome of an earlier pregnancy is asked for at every booking.
_LONGEST_PREGNANCY = timedelta(weeks=42)


def is_history(told_of: datetime, now: datetime) -> bool:
    """Whether an event of this time was before this pregnancy."""
    return told_of <= now - _LONGEST_PREGNANCY


def taken_back(event: LifeEvent) -> LifeEvent:
    return LifeEvent.NOT_BORN if event is LifeEvent.BIRTH else LifeEvent.TAKEN_BACK


def may_be_one(day: date | None, other: date | None) -> bool:
    """Whether what happened on these days may be one event; None where no day was told."""
    return None in (day, other) or day == other
