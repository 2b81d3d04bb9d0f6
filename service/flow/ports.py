"""What the steps need of a transaction, and nothing else. The store implements it; nothing here knows how."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from service.consent.consent import Consent
from service.flow.answer import Answer
from service.flow.received import ControlKey, Earlier, Received
from service.referrals.alert import Alert, AlertCode, ResultVersion
from service.referrals.contact import Contact, Engagement
from service.referrals.escalation import Escalation
from service.referrals.instruction import Instruction
from service.referrals.matching import Judged
from service.referrals.note import Note
from service.referrals.offer import Handles, Offer
from service.referrals.patient import Patient
from service.referrals.programme import Programme
from service.referrals.referral import Referral, ReferralState
from service.screening.decide import Decision, Judgement
from service.screening.result import ScreeningResult
from service.shared.audit import AuditEvent
from service.shared.caller import Caller


class Visible(Protocol):
    """The caller's view: a hospital sees its patients, a programme the offers put to it. Anything else is None."""

    def patient_id(self, id: str) -> str | None: ...
    def organisation_id(self, id: str) -> str | None: ...
    def consent(self, id: str) -> Consent | None: ...
    def referral(self, id: str) -> Referral | None: ...
    def offer(self, id: str) -> Offer | None: ...
    def offer_by_handle(self, type: str, handle: str) -> Offer | None: ...
    def once_offered(self, type: str, id: str) -> Offer | None:
        """An offer that the caller holds or held, by its own id or by a handle, also when its tombstone is gone."""

    def alert(self, id: str) -> Alert | None: ...


class Patients(Protocol):
    def lock(self, id: str) -> Patient:
        """The first statement of every unit about a woman: nobody else changes anything of hers until it commits."""

    def get_all(self, ids: Collection[str]) -> Mapping[str, Patient]: ...
    def add(self, patient: Patient) -> None: ...
    def save(self, patient: Patient) -> None: ...


class Aliases(Protocol):
    def find(self, type: str, system: str, value: str) -> str | None: ...
    def claim(self, type: str, system: str, value: str, resource_id: str) -> str:
        """Let this name stand for `resource_id`, unless it is taken already: returns whom it stands for."""


class Inbox(Protocol):
    def keep(self, received: Received, patient_id: str | None, answer: Answer) -> None:
        """Archive the message with what became of it; when it was accepted, as the resource's version that it made."""

    def archive(self, received: Received, disposition: str, id: str | None = None) -> str:
        """Keep a message that holds several resources; the id to name in `within` of each of them."""

    def changed_since(self, type: str, id: str, message_id: str) -> bool:
        """Whether a message that came after this one has made a version of the resource."""

    def patient_of(self, type: str, id: str) -> str | None:
        """Whom the newest version of a received resource is about."""

    def keep_unreadable(self, id: str, sealed_body: bytes, reason: str, *, door: str, type: str) -> None: ...
    def latest(self, type: str, id: str) -> tuple[int, bytes] | None:
        """Version and bytes of a received resource of this tenant."""


class MessageControl(Protocol):
    """Which HL7 v2 messages have come in the last seven days."""

    def claim(self, control: ControlKey, message_id: str, acknowledgement: bytes) -> Earlier | None:
        """Let this be the message of its key, unless there has been one: then it is returned."""

    def acknowledge(self, control: ControlKey, acknowledgement: bytes) -> None:
        """What a repeat of the message is to be answered, instead of what was given with the claim."""


class KeptMessages(Protocol):
    def replayed(self, id: str, by: str) -> bool:
        """Name the message that this one has become; False when it had become one before, or is not there."""


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
    def add(self, consent: Consent) -> None: ...
    def save(self, consent: Consent) -> None: ...
    def end(self, id: str, now: datetime) -> bool:
        """Its end is acted upon now and is due no more; False when that had been done, or it has got a later end."""


class Organisations(Protocol):
    def fhir_endpoint(self, id: str) -> str | None:
        """The base of its own record, None when it takes nothing by FHIR."""


class Programmes(Protocol):
    def all(self) -> Sequence[Programme]: ...
    def get(self, id: str) -> Programme: ...
    def lock(self, id: str) -> Programme:
        """The same, held until the commit: two women cannot be given one last place."""


class Referrals(Protocol):
    def open_of(self, patient_id: str) -> Referral | None: ...
    def get(self, id: str) -> Referral: ...
    def add(self, referral: Referral) -> None: ...
    def save(self, referral: Referral, moved_from: ReferralState) -> None: ...
    def record_placement(self, referral_id: str, judged: Sequence[Judged], now: datetime) -> None: ...
    def keep_instruction(self, referral_id: str, said: Instruction) -> None: ...
    def instructions(self, referral_ids: Collection[str]) -> Mapping[str, Sequence[Instruction]]:
        """What the hospital has told about these referrals, the oldest first."""


class Offers(Protocol):
    def get(self, id: str) -> Offer: ...
    def of_referral(self, referral_id: str) -> Sequence[Offer]: ...
    def at_version(self, offer: Offer, version: int) -> Offer | None:
        """The offer as it was; only its state, status reason and business status differ."""

    def add(self, offer: Offer) -> None: ...
    def save(self, offer: Offer, moved_from: Offer) -> None: ...
    def must_be_seen(self, offer: Offer, by: datetime) -> None:
        """Its programme has until then to fetch this version, or somebody has to ring it."""

    def unseen(self, offer_id: str, now: datetime) -> int | None:
        """The newest version that was to be seen by now, None when none was."""

    def no_more_to_be_seen(self, offer_id: str, up_to: int | None) -> None:
        """Forget these versions; `up_to` None means all of them."""

    def new_handles(self) -> Handles: ...
    def reports(self, offer_ids: Collection[str], element: str) -> Mapping[str, Sequence[dict[str, object]]]: ...
    def add_report(self, offer_id: str, element: str, content: dict[str, object], now: datetime) -> None: ...


class Alerts(Protocol):
    def get(self, id: str) -> Alert: ...
    def lock(self, id: str) -> Alert:
        """The same, held until the commit: an alert may be about no woman whose lock would do."""

    def add(self, alert: Alert) -> None: ...
    def save(self, alert: Alert, moved_from: Alert) -> None: ...
    def unresolved(self, referral_id: str, codes: Collection[AlertCode]) -> Sequence[Alert]: ...
    def unresolved_about(self, patient_id: str) -> Sequence[Alert]: ...


class Answers(Protocol):
    """By which ways an alert may be answered outside our API."""

    def use_link(self, token_hash: str) -> bool:
        """Whether the link was still good for its one use, which this was."""

    def give_back_link(self, token_hash: str) -> None: ...


class Escalations(Protocol):
    def add(self, escalation: Escalation) -> None: ...
    def find(self, id: str) -> Escalation | None: ...
    def behind(self, alert_ids: Collection[str]) -> Mapping[str, Escalation]:
        """By the alert's id, of those alerts that an escalation raised."""

    def of_offer(self, offer_id: str) -> Sequence[Escalation]: ...


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
        self, tenant_id: str, type: str, id: str, version: int, patient_id: str | None, *, urgent: bool = False
    ) -> None:
        """Owe the tenant's record this version of a resource; a version of it that was not sent yet is superseded."""


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
    def answers(self) -> Answers: ...
    @property
    def contacts(self) -> Contacts: ...
    @property
    def notes(self) -> Notes: ...
    @property
    def deliveries(self) -> Deliveries: ...
    @property
    def audit(self) -> Audit: ...
    def new_id(self) -> str: ...
