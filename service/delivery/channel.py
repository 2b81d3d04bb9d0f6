"""What a way out of the house must offer: FHIR is one, HL7 v2 another."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from service.flow.answer_alert import ReceivedAnswer
from service.flow.received import Identifier
from service.referrals.alert import Alert
from service.referrals.contact import Engagement
from service.referrals.delivery import Delivery, DeliveryTrigger
from service.referrals.escalation import Escalation
from service.referrals.note import Note
from service.referrals.offer import Offer
from service.referrals.programme import Programme
from service.referrals.referral import Referral
from service.store.directory import Organisation


@dataclass(frozen=True, slots=True)
class Parcel:
    """Everything a channel may need, read in one unit just before it is sent.

    `record_ids` holds the ids that the destination's record has given, by type and our id. `identifiers` are the
    business identifiers by which the destination knows her. Of `referral`, `offer` and `alert` those are set that the
    delivery is about or builds upon. `engagement` is None unless she allowed the programme to report back.
    `fitting` are the programmes that an alert asks the clinic to ask her about, `escalation` is what a programme told
    that raised it, if one did. `note_text` is what `note` says, as she allows it now. `link` is where the alert may be
    answered once.

    Where it goes out by HL7 v2, `observations` are those of the screening behind all this, `first_told` is MSH-10 of
    the first message about the same that may have arrived, and `may_have_said_else` whether a try that nobody lived to
    write down may have told an earlier state.
    """

    delivery: Delivery
    destination: Organisation
    identifiers: tuple[Identifier, ...]
    record_ids: Mapping[tuple[str, str], str]
    referral: Referral | None = None
    offer: Offer | None = None
    programme: Programme | None = None
    owner: Organisation | None = None
    engagement: Engagement | None = None
    alert: Alert | None = None
    fitting: tuple[Programme, ...] = ()
    note: Note | None = None
    note_text: str = ""
    escalation: Escalation | None = None
    link: str | None = None
    observations: tuple[bytes, ...] = ()
    first_told: str | None = None
    may_have_said_else: bool = False

    @property
    def patient_id(self) -> str | None:
        """The woman whom it is about, if any."""
        about = self.alert or self.referral
        return about.patient_id if about else None

    @property
    def is_of_a_stranger(self) -> bool:
        """Whether its record must be asked for her first. By HL7 v2 each message says who she is."""
        if self.patient_id is None or self.destination.line is not None:
            return False
        return ("Patient", self.patient_id) not in self.record_ids


@dataclass(frozen=True, slots=True)
class Learned:
    """The destination's own id for something of ours."""

    type: str
    our_id: str
    record_id: str


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of it. `outcome` is a short code, never content; `wait` is what the destination asked for.
    `control_id` is MSH-10 of a status that may have arrived. `told` is its version where that is newer than what was
    owed: it need not be said again."""

    trigger: DeliveryTrigger
    outcome: str
    learned: tuple[Learned, ...] = ()
    wait: timedelta | None = None
    control_id: str | None = None
    told: int | None = None


@dataclass(frozen=True, slots=True)
class Copy:
    """An alert's Task as the hospital's record has it. `version` names what was read, as long as it stays the same;
    `answer` is None when what stands there cannot be one."""

    alert_id: str
    version: str
    changed_at: datetime | None
    answer: ReceivedAnswer | None


class NotRead(Exception):
    """The record did not give its copies. `refused` says that it will not give them if asked in this way."""

    def __init__(self, refused: bool = False) -> None:
        super().__init__("refused" if refused else "no answer")
        self.refused = refused


class GaveWay(Exception):
    """Nothing was sent: something more urgent has failed there meanwhile, so whether this goes is decided anew."""


class Channel(Protocol):
    async def send(self, parcel: Parcel) -> Sent:
        """Bring the parcel to its destination. Raises GaveWay, and nothing for what the destination does or fails to
        do."""


class RecordChannel(Channel, Protocol):
    async def introduce(self, parcel: Parcel) -> Sent:
        """Learn by which id the record knows the woman of this parcel, and make her known if it does not. Two at once
        may make two of her."""


@dataclass(frozen=True, slots=True)
class EitherChannel:
    """What a destination is told goes by FHIR where it has an endpoint for that, and else by HL7 v2."""

    fhir: RecordChannel
    hl7v2: Channel

    async def send(self, parcel: Parcel) -> Sent:
        way = self.fhir if parcel.destination.line is None else self.hl7v2
        return await way.send(parcel)

    async def introduce(self, parcel: Parcel) -> Sent:
        return await self.fhir.introduce(parcel)


class Reader(Protocol):
    async def read_copies(
        self, endpoint: str, alert_ids: Mapping[str, str], since: datetime | None
    ) -> tuple[Copy, ...]:
        """What the record at `endpoint` has of these alerts; `alert_ids` has the record's id for each of them as its
        key. With `since` at least what has changed from then. Raises NotRead."""
