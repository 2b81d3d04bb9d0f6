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
    OVERTAKEN = "overtaken"
    LEASE_EXPIRED = "lease-expired"
    RETRIED_BY_PERSON = "retried-by-person"


class Lane(IntEnum):
    """Alerts wait for nothing. Of what is due to one destination those of the first lane are claimed first."""

    URGENT = 0
    ROUTINE = 1
    STATUS = 2

    @property
    def of_alerts(self) -> bool:
        return self is not Lane.STATUS


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
    (_S.LEASED, _T.NO_LONGER_WANTED): _S.SUPERSEDED,
    # A newer version is owed. What is being sent, or was, is its holder's to settle.
    (_S.READY, _T.OVERTAKEN): _S.SUPERSEDED,
    (_S.DEAD, _T.RETRIED_BY_PERSON): _S.READY,
    (_S.UNKNOWN, _T.RETRIED_BY_PERSON): _S.READY,
}

# Settled for good is what nothing leads away from.
UNSETTLED = tuple(state for state in DeliveryState if any(state is before for before, _ in DELIVERY_TABLE))


def states_before(*triggers: DeliveryTrigger) -> tuple[DeliveryState, ...]:
    """The states in which any of these triggers is heard."""
    return tuple(state for state, trigger in DELIVERY_TABLE if trigger in triggers)


def state_after(trigger: DeliveryTrigger) -> DeliveryState:
    """Where it leads; every trigger of a delivery leads to one state, from wherever it is heard."""
    (state,) = {after for (_, heard), after in DELIVERY_TABLE.items() if heard is trigger}
    return state


# Outcomes by which the destination has heard nothing of it, so that what it says cannot be why; and those by which it
# is not known whether it has. What failed so must not wait longer than the destination was away.
REACHED_NOBODY = ("not-reached", "tls-refused", "not-authorised", "redirected", "busy")
GOT_NO_ANSWER = ("no-answer", "cut-off")
# It was not sent, for others went before it for too long, all of which may have been taken.
HAD_NO_TURN = ("busy", "others-before-it")
# What a record says that serves nobody at the moment, a gateway before it, and one that does not take this type or
# may not be asked of this woman: of the message it says nothing.
TURNED_AWAY = ("http-403", "http-404", "http-405")
# What a worker may have to do with still.
WAITING = states_before(DeliveryTrigger.CLAIMED, DeliveryTrigger.LEASE_EXPIRED)


@dataclass(frozen=True, slots=True)
class Delivery:
    """It names a resource and a version, never content; what is sent is written out when it is sent.

    `attempts` counts this one too once it is claimed; `shown` is whether a person was told that it does not arrive.
    `owed_at` is since when it is owed, or since a person last sent it on its way again. `abandoned` is whether whoever
    held it before let its lease run out.
    """

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
    shown: bool
    owed_at: datetime
    abandoned: bool = False
