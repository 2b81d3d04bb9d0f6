"""What a hospital tells the service to do with a referral, by whom and why (FHIR: `$hold`, `$resume`, status)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from service.referrals.referral import ReferralState


class Order(StrEnum):
    HOLD = "hold"
    RESUME = "resume"
    CLOSE = "close"
    VOID = "void"


# Of these less contact follows, for good: whatever else is said beside them, they are done. Each ends in one state.
ENDS = {Order.CLOSE: ReferralState.CLOSED, Order.VOID: ReferralState.ENTERED_IN_ERROR}


class HoldReason(StrEnum):
    """Why contact is to pause. For the hospital alone: a programme is never told."""

    PREGNANCY_LOSS = "pregnancy-loss"
    BABY_DIED = "baby-died"
    BABY_IN_CARE = "baby-in-care"
    SAFETY = "safety"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Instruction:
    """`practitioner` and `role` are as the hospital wrote them, `text` is free. All of it stays with the hospital."""

    order: Order
    given_at: datetime
    reason: HoldReason | None = None
    practitioner: str | None = None
    role: str | None = None
    text: str | None = None

    @property
    def words(self) -> str:
        """As the hospital reads it again beside its referral."""
        return ": ".join(each for each in (self.order.value, self.reason and self.reason.value, self.text) if each)
