"""A service on a real store, and short words for what hospitals, women and programmes do with it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property, partial
from itertools import count
from typing import Any, TypeVar

from sqlalchemy import select

from service import mappings
from service.consent.consent import Consent, Status
from service.consent.safe_contact import Channel, Mode, Permission, SafeContact
from service.flow.answer import Accepted, Answer, Refused, Repeated
from service.flow.chase_overdue import chase_overdue
from service.flow.disclose import OfferView, disclose
from service.flow.instruct import Described, ReceivedInstruction, instruct
from service.flow.keep_reports import BUSINESS_STATUS, LABELS, STATUS_REASON, Report, Reported
from service.flow.receive_result import receive_result
from service.flow.receive_update import receive_update
from service.flow.received import NOBODY, Identifier, Naming, Received, Reference
from service.flow.received_result import Administered, ReceivedResult
from service.flow.received_update import Named, NamedActivity, ReceivedUpdate
from service.flow.record_consent import ReceivedConsent, record_consent
from service.flow.record_contact import ReceivedContact, record_contact
from service.flow.register_patient import ReceivedPatient, register_patient
from service.flow.rules import Rules
from service.referrals.contact import ContactMode, ContactOutcome
from service.referrals.delivery import Delivery, Lane
from service.referrals.escalation import Said
from service.referrals.instruction import HoldReason, Instruction, Order
from service.referrals.needs import SupportNeeds
from service.referrals.offer import Ending, Offer, OfferState
from service.referrals.patient import DueDate, PatientFacts
from service.referrals.programme import DeliveryMode, Model, Programme
from service.referrals.referral import Referral
from service.screening import result as screening
from service.screening.instrument import CutOff, Instrument, Item, Role, Stage
from service.screening.result import Piece, Reading
from service.shared.caller import Caller, OrganisationKind, the_service
from service.shared.clock import Clock
from service.shared.ids import new_id
from service.store import tables
from service.store.directory import Organisation
from service.store.engine import Store, open_store
from service.store.queries import TaskQuery
from service.store.unit_of_work import UnitOfWork

T = TypeVar("T")

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
REACHABLE = SafeContact((Channel(Mode.VOICE, Permission.ALLOW, "+44 7700 900123"),))
UNREACHABLE = SafeContact((Channel(Mode.VOICE, Permission.DENY, "+44 7700 900123"),))
FACTS = PatientFacts(
    preferred_name="Ada", birth_date=None, district=None, language="en", interpreter=False, deceased=False
)
_NUMBERS = count(1)


class StillClock:
    """Stands still until it is told how much time has passed."""

    def __init__(self, now: datetime = NOW) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def pass_time(self, time: timedelta) -> None:
        self._now += time


def load_rules() -> Rules:
    """What mappings/ says, and `plain`, an instrument that asks nobody about self-harm."""
    rules = mappings.load()
    epds = rules.instruments["epds"]
    items = tuple(Item(each.number, frozenset(), 0, 3, None, {}) for each in epds.items)
    cut_offs = {stage: CutOff(13, 10, "made up") for stage in (Stage.ANTENATAL, Stage.POSTNATAL)}
    plain = Instrument("plain", "Plain", "1", 0, 30, items, frozenset(), frozenset(), cut_offs, epds.approval)
    return replace(rules, instruments={**rules.instruments, "plain": plain})


def scores(total: int, harm: int = 0) -> dict[int, int]:
    """Ten answers that add up to `total`, the tenth of them `harm`."""
    rest = total - harm
    answers = {number: min(3, max(0, rest - 3 * (number - 1))) for number in range(1, 10)}
    return {**answers, 10: harm}


def piece(
    total: int | None = None,
    items: Mapping[int, int] | None = None,
    *,
    source: str = "the-observation",
    status: screening.Status = screening.Status.FINAL,
    expects: frozenset[str] = frozenset(),
    unreadable: str | None = None,
) -> Piece:
    readings = [] if total is None else [Reading(Role.TOTAL, None, total)]
    readings += [Reading(Role.ITEM, number, score) for number, score in (items or {}).items()]
    readings += [] if unreadable is None else [Reading(Role.TOTAL, None, None, unreadable)]
    return Piece(source, status, tuple(readings), expects)


def body() -> bytes:
    """A message of its own: no two are the same byte for byte."""
    return b'{"n":%d}' % next(_NUMBERS)


def said(status: str) -> OfferState | None:
    """What a programme means by a word: the state of that name, and on-hold for a hold of its own."""
    if status == "on-hold":
        return OfferState.HELD_BY_PROGRAMME
    return OfferState(status) if status in {*OfferState} else None


def reported(
    notes: tuple[Report, ...], outputs: tuple[Report, ...], reason: str | None, business_status: str | None
) -> tuple[Reported, ...]:
    """Notes and what is written beside the status, which are heard, and outputs, which say nothing that must be."""
    beside = ((STATUS_REASON, reason), (BUSINESS_STATUS, business_status))
    written = [("note", str(each["text"]), each) for each in notes]
    written += [(element, text, {"text": text}) for element, text in beside if text]
    said = [Reported(element, content, Said((text,))) for element, text, content in written]
    return (*said, *(Reported("output", each) for each in outputs))


@dataclass(frozen=True, slots=True)
class Family:
    """A woman whose hospital and programme agree on everything: what most stories start from."""

    hospital: Caller
    community: Caller
    programme: Programme
    woman: str
    consent: str


@dataclass
class Service:
    url: str
    clock: Clock = field(default_factory=StillClock)
    rules: Rules = field(default_factory=load_rules)
    connections: int = 8

    @cached_property
    def store(self) -> Store[UnitOfWork]:
        make = partial(UnitOfWork, now=self.clock.now, new_id=new_id)
        return open_store(self.url, make, self.clock, connections=self.connections, patience=60)

    def close(self) -> None:
        self.store.close_now(10)

    def now(self) -> datetime:
        return self.clock.now()

    def run(self, caller: Caller, work: Callable[[UnitOfWork], T]) -> T:
        return self.store.run_now(caller, work)

    def read(self, caller: Caller, work: Callable[[UnitOfWork], T]) -> T:
        return self.store.read_now(caller, work)

    # Organisations and programmes

    def organisation(self, kind: OrganisationKind, endpoint: str | None = None) -> Caller:
        id = new_id()
        row = Organisation(id, f"{kind.value} {id[-4:]}", kind, endpoint, None, True, self.now())
        self.run(the_service(new_id()), lambda tx: tx.organisations.add(row))
        return Caller(f"client-of-{id}", id, kind, frozenset(), new_id())

    def hospital(self) -> Caller:
        return self.organisation(OrganisationKind.HOSPITAL, "http://127.0.0.1:1/fhir")

    def community(self) -> Caller:
        return self.organisation(OrganisationKind.COMMUNITY)

    def programme(self, community: Caller, **changes: Any) -> Programme:
        plain = Programme(
            id=new_id(),
            organisation_id=community.organisation_id,
            name="Programme",
            active=True,
            model=Model.ONE_TO_ONE,
            modes=(DeliveryMode.PHONE,),
            languages=frozenset({"en"}),
            districts=frozenset(),
            stages=frozenset({Stage.ANTENATAL, Stage.POSTNATAL}),
            interpreters=False,
            places=10_000,
            places_taken=0,
            respond_within_hours=72,
            training_renewed_until=None,
            telephone=None,
        )
        programme = replace(plain, **changes)
        self.run(the_service(new_id()), lambda tx: tx.programmes.put(programme, self.now()))
        return programme

    # What a hospital sends

    def register(
        self,
        hospital: Caller,
        facts: PatientFacts = FACTS,
        *names: Identifier,
        updates: bool = False,
        content: bytes | None = None,
        condition: Identifier | None = None,
        target_id: str | None = None,
        expected_version: int | None = None,
        needs: SupportNeeds | None = None,
    ) -> Answer:
        received = Received("Patient", content or body(), names, condition, target_id, expected_version)
        message = ReceivedPatient(received, facts, updates, needs=needs)
        return self.run(hospital, lambda tx: register_patient(tx, self.rules, message, self.now()))

    def woman(self, hospital: Caller, **facts: Any) -> str:
        answer = self.register(hospital, FACTS._replace(**facts))
        assert isinstance(answer, Accepted)
        return answer.id

    def tell_due_date(
        self, hospital: Caller, woman: str, due: date | None, said_at: datetime | None = None, *, stands: bool = True
    ) -> Answer:
        received = Received("Observation", body())
        message = ReceivedResult(received, Reference("Patient", woman), (), due=DueDate(due, said_at, stands))
        return self.run(hospital, lambda tx: receive_result(tx, self.rules, message, self.now()))

    def said(self, **changes: Any) -> Consent:
        plain = Consent(
            id="",
            version=1,
            tenant_id="",
            patient_id="",
            status=Status.ACTIVE,
            permits=True,
            recipient_id=None,
            given_at=self.now() - HOUR,
            period_start=None,
            period_end=None,
            purposes=self.rules.consent_terms.purposes,
            may_report_back=True,
            safe_contact=REACHABLE,
        )
        return replace(plain, **changes)

    def consent(
        self,
        hospital: Caller,
        woman: str,
        recipient: Caller | None,
        *names: Identifier,
        target_id: str | None = None,
        expected_version: int | None = None,
        condition: Identifier | None = None,
        content: bytes | None = None,
        needs: SupportNeeds | None = None,
        **changes: Any,
    ) -> Answer:
        received = Received("Consent", content or body(), names, condition, target_id, expected_version)
        about = None if recipient is None else Reference("Organization", recipient.organisation_id)
        message = ReceivedConsent(received, Reference("Patient", woman), about, self.said(**changes), needs)
        return self.run(hospital, lambda tx: record_consent(tx, self.rules, message, self.now()))

    def withdraw(self, family: Family) -> Answer:
        return self.consent(
            family.hospital, family.woman, family.community, target_id=family.consent, status=Status.INACTIVE
        )

    def message(
        self,
        woman: str,
        *pieces: Piece,
        effective: datetime | None = None,
        instrument: str = "epds",
        names: tuple[Identifier, ...] = (),
        corrects: bool = False,
        content: bytes | None = None,
        condition: Identifier | None = None,
    ) -> ReceivedResult:
        at = effective or self.now()
        administered = tuple(Administered(instrument, "patient", at, each) for each in pieces)
        received = Received("Observation", content or body(), names, condition)
        return ReceivedResult(received, Reference("Patient", woman), administered, corrects)

    def send(self, hospital: Caller, message: ReceivedResult) -> Answer:
        return self.run(hospital, lambda tx: receive_result(tx, self.rules, message, self.now()))

    def result(self, hospital: Caller, woman: str, *pieces: Piece, **options: Any) -> Answer:
        return self.send(hospital, self.message(woman, *pieces, **options))

    def tell(
        self,
        hospital: Caller,
        referral_id: str,
        order: Order,
        *,
        reason: HoldReason | None = None,
        text: str | None = None,
        by: str = "Test Midwife Marlow",
        expected_version: int | None = None,
        subject: Reference | None = None,
    ) -> Answer:
        """Hold, resume, close or void."""
        said = Instruction(order, self.now(), reason, by, "Midwife", text)
        received = Received("ServiceRequest", body(), target_id=referral_id, expected_version=expected_version)
        message = ReceivedInstruction(received, referral_id, said, Described(subject))
        return self.run(hospital, lambda tx: instruct(tx, self.rules, message, self.now()))

    # What a programme does

    def update(
        self,
        community: Caller,
        offer_id: str,
        status: str,
        reason: str | None = None,
        *,
        base_version: int | None = None,
        expected_version: int | None = None,
        business_status: str | None = None,
        named: tuple[Named, ...] = (),
        notes: tuple[Report, ...] = (),
        outputs: tuple[Report, ...] = (),
        ending: Ending | None = None,
        activities: tuple[NamedActivity, ...] = (),
        naming: Naming = NOBODY,
        labels: tuple[str, ...] = (),
    ) -> Answer:
        received = Received("Task", body(), target_id=offer_id, expected_version=expected_version)
        message = ReceivedUpdate(
            received,
            offer_id,
            base_version,
            said(status),
            reason,
            business_status,
            named,
            (
                *reported(notes, outputs, reason, business_status),
                *(Reported(LABELS, {"text": each}, Said((each,))) for each in labels),
            ),
            ending,
            activities,
            naming,
        )
        return self.run(community, lambda tx: receive_update(tx, self.rules, message, self.now()))

    def contact(
        self,
        community: Caller,
        offer: Offer,
        outcome: ContactOutcome = ContactOutcome.ATTENDED,
        *names: Identifier,
        patient: str | None = None,
        service_request: str | None = None,
        started_at: datetime | None = None,
        content: bytes | None = None,
        condition: Identifier | None = None,
        type: str = "Encounter",
        target_id: str | None = None,
        expected_version: int | None = None,
        said: Said | None = None,
        naming: Naming = NOBODY,
    ) -> Answer:
        message = ReceivedContact(
            Received(type, content or body(), names, condition, target_id, expected_version),
            patient or offer.handles.patient,
            service_request or offer.handles.service_request,
            ContactMode.PHONE,
            outcome,
            started_at or self.now(),
            None,
            said=said,
            naming=naming,
        )
        return self.run(community, lambda tx: record_contact(tx, self.rules, message, self.now()))

    def disclose(self, community: Caller, *offers: Offer, type: str = "Patient") -> list[OfferView]:
        """As a read or a search does it: from one snapshot, in the caller's own view."""
        ids = [offer.id for offer in offers]

        def show(tx: UnitOfWork) -> list[OfferView]:
            held = [found for id in ids if (found := tx.visible.offer(id)) is not None]
            return disclose(tx, self.rules, held, type, self.now())

        return self.store.read_now(community, show)

    def poll(self, caller: Caller) -> list[Offer]:
        return self.read(caller, lambda tx: [offer for offer, _ in tx.feed.offers(TaskQuery(1_000))])

    # Time, and what is there afterwards

    def pass_time(self, time: timedelta) -> None:
        assert isinstance(self.clock, StillClock)
        self.clock.pass_time(time)

    def chase(self, passed: timedelta = timedelta(0)) -> int:
        """Let time pass, then do all that is due; how many due times there were."""
        self.pass_time(passed)
        service = the_service(new_id())
        overdue = self.read(service, lambda tx: tx.due.overdue(self.now(), 1_000))
        for each in overdue:
            self.run(service, partial(chase_overdue, rules=self.rules, overdue=each, now=self.now()))
        return len(overdue)

    def claim(self, owner: str, lease: timedelta, at_most: int = 1_000) -> list[Delivery]:
        """Everything that is due to anybody, the alerts first."""
        worker, claimed = the_service(new_id()), list[Delivery]()
        for lane in Lane:
            for each in self.read(worker, partial(_due, lane)):
                claim = partial(_claim, owner, lease, lane, each, at_most - len(claimed))
                claimed += self.run(worker, claim) if len(claimed) < at_most else []
        return claimed

    def rows(self, table: str, **equal: object) -> list[dict[str, Any]]:
        """Rows of a table, the oldest id first where it has one."""
        return self.look((table, equal))[0]

    def look(self, *asked: tuple[str, Mapping[str, object]]) -> list[list[dict[str, Any]]]:
        """The same of several tables, all in one snapshot."""

        def found(tx: UnitOfWork, table: str, equal: Mapping[str, object]) -> list[dict[str, Any]]:
            subject = tables.metadata.tables[table]
            statement = select(subject).where(*(subject.c[name] == value for name, value in equal.items()))
            rows = tx.execute(statement.order_by(*subject.primary_key.columns))
            return [dict(zip(subject.c.keys(), row, strict=True)) for row in rows]

        return self.read(the_service(new_id()), lambda tx: [found(tx, *each) for each in asked])

    def alerts(self, woman: str) -> list[str]:
        return [row["code"] for row in self.rows("alert", patient_id=woman)]

    def alert(self, woman: str, code: str) -> dict[str, Any]:
        (row,) = self.rows("alert", patient_id=woman, code=code)
        return row

    def owed(self, woman: str, state: str = "ready") -> list[tuple[str, str, int]]:
        """(type, id, version) of what is owed to her record."""
        rows = self.rows("delivery", patient_id=woman, state=state)
        return [(row["resource_type"], row["resource_id"], row["version"]) for row in rows]

    def referral(self, woman: str) -> Referral:
        """Her newest referral."""
        newest = self.rows("referral", patient_id=woman)[-1]["id"]
        return self.read(the_service(new_id()), lambda tx: tx.referrals.get(newest))

    def offers(self, woman: str) -> list[Offer]:
        ids = [row["id"] for row in self.rows("offer", patient_id=woman)]
        return self.read(the_service(new_id()), lambda tx: [tx.offers.get(id) for id in ids])

    def states(self, woman: str) -> tuple[str, list[str]]:
        """Of her newest referral and of every offer that she ever had."""
        return self.referral(woman).state.value, [offer.state.value for offer in self.offers(woman)]

    def family(self, **programme: Any) -> Family:
        """A woman, her hospital and one programme, with her consent; nobody else's programme is in her way."""
        district = new_id()
        hospital, community = self.hospital(), self.community()
        known = self.programme(community, **{"districts": frozenset({district}), **programme})
        woman = self.woman(hospital, district=district)
        answer = self.consent(hospital, woman, community)
        assert isinstance(answer, Accepted)
        return Family(hospital, community, known, woman, answer.id)

    def offered(self, **programme: Any) -> tuple[Family, Offer]:
        family = self.family(**programme)
        self.result(family.hospital, family.woman, piece(15, scores(15)))
        (offer,) = self.offers(family.woman)
        return family, offer

    def supported(self, **programme: Any) -> tuple[Family, Offer]:
        family, offer = self.offered(**programme)
        assert isinstance(self.update(family.community, offer.id, "accepted"), Accepted)
        (offer,) = self.offers(family.woman)
        return family, offer


def second_woman(service: Service, family: Family) -> tuple[Caller, str, Offer]:
    """Of another hospital, offered to the same programme."""
    hospital, (district,) = service.hospital(), family.programme.districts
    woman = service.woman(hospital, district=district)
    service.consent(hospital, woman, family.community)
    service.result(hospital, woman, piece(15, scores(15)))
    (offer,) = service.offers(woman)
    return hospital, woman, offer


def why(answer: Answer) -> str:
    """A word for an answer: accepted, repeated, or the reason of the refusal."""
    if isinstance(answer, Refused):
        return answer.reason.value
    return "repeated" if isinstance(answer, Repeated) else "accepted"


def _claim(
    owner: str, lease: timedelta, lane: Lane, destination_id: str, at_most: int, tx: UnitOfWork
) -> list[Delivery]:
    return tx.leases.claim(owner, lease, lane, destination_id, at_most)


def _due(lane: Lane, tx: UnitOfWork) -> list[str]:
    return tx.leases.destinations(lane)
