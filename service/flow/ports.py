"""What the steps need of a transaction, and nothing else. The store implements it; nothing here knows how."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from service.consent.consent import Consent
from service.flow.ports_alert import Alerts, Escalations
from service.flow.ports_intake import Inbox, KeptMessages, MessageControl
from service.flow.ports_woman import Aliases, LifeEvents, Merging, Patients
from service.referrals.alert import Alert, ResultVersion
from service.referrals.contact import Contact, Engagement
from service.referrals.delivery import Lane
from service.referrals.instruction import Instruction
from service.referrals.matching import Judged, Placement
from service.referrals.note import Note
from service.referrals.offer import Dealings, Handles, Offer, OfferState
from service.referrals.programme import Programme
from service.referrals.referral import Referral, ReferralState
from service.screening.decide import Decision, Judgement
from service.screening.result import ScreeningResult
from service.shared.audit import AuditEvent
from service.shared.caller import Caller

T = TypeVar("T")

MOST_ENTRIES = 200
"""A unit touches so many entries at most, for others wait until it is over (DESIGN 4)."""


class Visible(Protocol):
    """The caller's view: a hospital sees its patients, a programme the offers put to it. Anything else is None."""

    def patient_id(self, id: str) -> str | None: ...
    def organisation_id(self, id: str) -> str | None: ...
    def consent(self, id: str) -> Consent | None: ...
    def referral(self, id: str) -> Referral | None: ...
    def offer(self, id: str) -> Offer | None: ...
    def offer_by_handle(self, type: str, handle: str) -> Offer | None: ...
    def named(self, ids: Collection[str]) -> Sequence[Offer]: ...
    def called(self, displays: Collection[str]) -> Sequence[Offer]: ...
    def dealings(self, now: datetime) -> Sequence[Dealings]: ...
    def alert(self, id: str) -> Alert | None: ...


class Results(Protocol):
    def find(self, key: ScreeningResult) -> ScreeningResult | None:
        """The stored administration that has the same key."""

    def get(self, id: str) -> ScreeningResult: ...
    def of_patient(self, patient_id: str) -> Sequence[ScreeningResult]: ...
    def judged(self, id: str) -> Judgement | None:
        """What the latest decision made of it, None while there is none or when it was voided."""

    def hold(self, result: ScreeningResult) -> None:
        """Let `find` and `of_patient` give this one from now on, in this unit; it is still to be saved."""

    def save(self, result: ScreeningResult, waits_until: datetime | None) -> None: ...
    def record(self, result_id: str, decision: Decision, now: datetime) -> None: ...
    def void(self, result_id: str) -> None: ...
    def version(self, id: str) -> ResultVersion:
        """The version that it has now, with every piece and correction that came."""

    def join(self, result_id: str, referral_id: str) -> None: ...
    def referral_of(self, id: str) -> str | None: ...
    def positive_in(self, referral_id: str) -> bool:
        """Whether any result joined to the referral is, by its latest decision, positive."""


class Consents(Protocol):
    def of_patient(self, patient_id: str) -> Sequence[Consent]: ...
    def of_patients(self, patient_ids: Collection[str]) -> Mapping[str, Sequence[Consent]]: ...
    def add(self, consent: Consent, begins_at: datetime | None) -> None: ...
    def save(self, consent: Consent, begins_at: datetime | None) -> None: ...
    def begin(self, id: str, now: datetime) -> Consent | None: ...
    def end(self, id: str, now: datetime) -> bool:
        """As `begin`, acted upon now and due no more; None or False when that had been done, or is due later."""

    def end_safe_contact(self, id: str, now: datetime) -> bool:
        """Likewise, of the way to reach her that was said in it."""


class Organisations(Protocol):
    def names(self, ids: Collection[str]) -> Mapping[str, str]: ...
    def fhir_endpoint(self, id: str) -> str | None:
        """The base of its own record, None when it takes nothing by FHIR."""


class Programmes(Protocol):
    def all(self) -> Sequence[Programme]: ...
    def get(self, id: str) -> Programme: ...
    def lock_for(self, patient_id: str) -> None:
        """Until the commit no other unit takes a place of a programme that she has said yes or no to; what `all` says
        from here on of their places is true."""


class Referrals(Protocol):
    def open_of(self, patient_id: str) -> Referral | None: ...
    def get(self, id: str) -> Referral: ...
    def add(self, referral: Referral) -> None: ...
    def save(self, referral: Referral, moved_from: ReferralState) -> None: ...
    def place_again(self, id: str, at: datetime | None) -> None: ...
    def record_placement(self, referral_id: str, judged: Sequence[Judged], now: datetime) -> None: ...
    def placements(self, referral_id: str) -> Sequence[Placement]:
        """Every time it was placed, the first one first."""

    def keep_instruction(self, referral_id: str, said: Instruction) -> None: ...
    def instructions(self, referral_ids: Collection[str]) -> Mapping[str, Sequence[Instruction]]:
        """What the hospital has told about these referrals, the oldest first."""


class Offers(Protocol):
    def get(self, id: str) -> Offer: ...
    def of_referral(self, referral_id: str) -> Sequence[Offer]: ...
    def at_version(self, offer: Offer, version: int) -> Offer | None:
        """The offer as it was; only its state, status reason and business status differ."""

    def last_reason(self, offer_id: str, state: OfferState) -> str | None:
        """The status reason that it had when it was last in this state, which it has been in."""

    def add(self, offer: Offer) -> None: ...
    def save(self, offer: Offer, moved_from: Offer) -> None: ...
    def history(self, offer_id: str) -> Sequence[tuple[OfferState, datetime]]:
        """The state of each version and the time from which its programme could see it, the oldest first."""

    def must_be_seen(self, offer: Offer, by: datetime) -> None:
        """Its programme has until then to fetch this version, or somebody has to ring it."""

    def unseen(self, offer_id: str, now: datetime) -> int | None:
        """The newest version that was to be seen by now, None when none was."""

    def no_more_to_be_seen(self, offer_id: str, up_to: int | None) -> None:
        """Forget these versions; `up_to` None means all of them."""

    def new_handles(self) -> Handles: ...
    def reports(self, offer_ids: Collection[str], element: str) -> Mapping[str, Sequence[dict[str, object]]]: ...
    def add_report(self, offer_id: str, element: str, content: dict[str, object], now: datetime) -> None: ...


class Contacts(Protocol):
    def add(self, contact: Contact) -> None: ...
    def find(self, id: str) -> Contact | None: ...
    def save(self, contact: Contact) -> None:
        """Keep the corrected contact as its next version."""

    def engagements(self, offers: Collection[Offer]) -> Mapping[str, Engagement]: ...


class Notes(Protocol):
    def add(self, note: Note) -> None: ...


class Deliveries(Protocol):
    def owe(
        self,
        tenant_id: str,
        type: str,
        id: str,
        version: int,
        patient_id: str | None,
        lane: Lane = Lane.STATUS,
        over: bool = False,
    ) -> None:
        """Owe the tenant's record this version of a resource; a version of it that was not sent yet is superseded, and
        this one has its place. `over`: it is an alert that waits for nobody any more."""


class Audit(Protocol):
    def write(self, event: AuditEvent) -> None: ...
    def disclosed(self, type: str, id: str, version: str, patient_id: str) -> None:
        """The caller was shown this version: its first reading is a row of its own, repeats are counted by the hour."""

    def highest_shown(self, type: str, id: str, organisation_id: str) -> int:
        """The highest version of it that a client of this organisation was shown; 0 when none was."""


class Transaction(Protocol):
    """One unit of work: everything in it happens, or nothing does. `new_id` makes the ids of what it adds."""

    @property
    def caller(self) -> Caller: ...
    @property
    def visible(self) -> Visible: ...
    @property
    def patients(self) -> Patients: ...
    @property
    def aliases(self) -> Aliases: ...
    @property
    def life_events(self) -> LifeEvents: ...
    @property
    def merging(self) -> Merging: ...
    @property
    def inbox(self) -> Inbox: ...
    @property
    def control(self) -> MessageControl: ...
    @property
    def messages(self) -> KeptMessages: ...
    @property
    def results(self) -> Results: ...
    @property
    def consents(self) -> Consents: ...
    @property
    def organisations(self) -> Organisations: ...
    @property
    def programmes(self) -> Programmes: ...
    @property
    def referrals(self) -> Referrals: ...
    @property
    def offers(self) -> Offers: ...
    @property
    def alerts(self) -> Alerts: ...
    @property
    def escalations(self) -> Escalations: ...
    @property
    def contacts(self) -> Contacts: ...
    @property
    def notes(self) -> Notes: ...
    @property
    def deliveries(self) -> Deliveries: ...
    @property
    def audit(self) -> Audit: ...
    def new_id(self) -> str: ...
    def attempt(self, step: Callable[[], T], refusal: type) -> T:
        """What `step` answers, as the first that the unit does; nothing of it is kept when that is a `refusal`."""
