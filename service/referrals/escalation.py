"""What a programme tells that a clinician must hear: as a Communication, or on its Task, or with a contact (DESIGN 9).

No state of offer or referral is asked: it is heard in every one of them, also after everything is over.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from service.screening.instrument import Priority


class Concern(StrEnum):
    """Why, where the programme says it by a code. A code of this system that is not here is heard as `other`."""

    HARM_TO_SELF = "harm-to-self"
    HARM_TO_BABY = "harm-to-baby"
    HARM_BY_OTHERS = "harm-by-others"
    GETTING_WORSE = "getting-worse"
    NOT_REACHED = "not-reached"
    OUTSIDE_ROLE = "outside-role"
    OTHER = "other"


URGENCY: dict[Concern, Priority] = {
    Concern.HARM_TO_SELF: Priority.URGENT,
    Concern.HARM_TO_BABY: Priority.URGENT,
    Concern.HARM_BY_OTHERS: Priority.URGENT,
    Concern.GETTING_WORSE: Priority.URGENT,
    Concern.NOT_REACHED: Priority.ROUTINE,
    Concern.OUTSIDE_ROLE: Priority.ROUTINE,
    Concern.OTHER: Priority.URGENT,
}


@dataclass(frozen=True, slots=True)
class Said:
    """What a programme said: its words as it wrote them, the concerns it coded, and how urgent it called that itself.

    `attached` says that it also sent what is no text.
    """

    texts: tuple[str, ...] = ()
    concerns: frozenset[Concern] = frozenset()
    called: Priority | None = None
    attached: bool = False

    @property
    def says_something(self) -> bool:
        return bool(self.texts or self.concerns or self.attached)

    @property
    def urgency(self) -> Priority:
        """The more urgent of what it called it and what its concerns are; urgent when it told neither."""
        told = {self.called, *(URGENCY[each] for each in self.concerns)} - {None}
        return Priority.ROUTINE if told == {Priority.ROUTINE} else Priority.URGENT


def all_of(said: Iterable[Said]) -> Said:
    """What was said in several places of one message, as one thing: nothing less urgent takes from what is urgent."""
    parts = tuple(said)
    called = {each.called for each in parts}
    if len(called) > 1:
        called = {Priority.URGENT if any(each.urgency is Priority.URGENT for each in parts) else Priority.ROUTINE}
    return Said(
        tuple(dict.fromkeys(text for each in parts for text in each.texts)),
        frozenset(concern for each in parts for concern in each.concerns),
        called.pop() if called else None,
        any(each.attached for each in parts),
    )


@dataclass(frozen=True, slots=True)
class Escalation:
    """What a programme said, and the alert by which a clinician hears it.

    `type` is the resource that it came in, `id` that resource's own when it is a Communication. `offer_id` None when it
    did not say which woman it means; `said` None when its words are not for this hospital, for they may be about a
    woman of another. `source` is what says the same when it comes again: the Task or the contact that it stands in, by
    our id, else the body, by its fingerprint.
    """

    id: str
    type: str
    offer_id: str | None
    programme_id: str
    alert_id: str
    said: Said | None
    told_at: datetime
    source: str
