"""One message owed to one destination. Its table is what lets a lost answer be found out and never sent twice."""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum


class DeliveryState(StrEnum):
    READY = "ready"
    LEASED = "leased"
    DONE = "done"
    UNKNOWN = "unknown"
    DEAD = "dead"
    SUPERSEDED = "superseded"


class DeliveryTrigger(StrEnum):
    CLAIMED = "claimed"
    TAKEN = "taken"
    TRY_AGAIN = "try-again"
    ANSWER_LOST = "answer-lost"
    REFUSED_FOR_GOOD = "refused-for-good"
    NO_LONGER_WANTED = "no-longer-wanted"
    LEASE_EXPIRED = "lease-expired"
    RETRIED_BY_PERSON = "retried-by-person"


class Lane(IntEnum):
    """Alerts are claimed first and wait for nothing."""

    ALERT = 0
    STATUS = 1


_S, _T = DeliveryState, DeliveryTrigger
DELIVERY_TABLE: dict[tuple[DeliveryState, DeliveryTrigger], DeliveryState] = {
    (_S.READY, _T.CLAIMED): _S.LEASED,
    # What was sent without an answer is claimed again only to be read back before anything else is sent.
    (_S.UNKNOWN, _T.CLAIMED): _S.LEASED,
    (_S.LEASED, _T.LEASE_EXPIRED): _S.READY,
    (_S.LEASED, _T.TAKEN): _S.DONE,
    (_S.LEASED, _T.TRY_AGAIN): _S.READY,
    (_S.LEASED, _T.ANSWER_LOST): _S.UNKNOWN,
    (_S.LEASED, _T.REFUSED_FOR_GOOD): _S.DEAD,
    (_S.READY, _T.NO_LONGER_WANTED): _S.SUPERSEDED,
    (_S.LEASED, _T.NO_LONGER_WANTED): _S.SUPERSEDED,
    (_S.DEAD, _T.RETRIED_BY_PERSON): _S.READY,
    (_S.UNKNOWN, _T.RETRIED_BY_PERSON): _S.READY,
}


@dataclass(frozen=True, slots=True)
class Delivery:
    """It names a resource and a version, never content; what is sent is written out when it is sent."""

    id: str
    destination_id: str
    lane: Lane
    resource_type: str
    resource_id: str
    version: int
    patient_id: str | None
    state: DeliveryState
    attempts: int
    due_at: datetime
    last_outcome: str | None
    correlation_id: str
