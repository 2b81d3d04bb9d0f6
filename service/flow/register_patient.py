"""A hospital makes one of its patients known, or says something new about her (FHIR Patient)."""

from datetime import datetime
from typing import NamedTuple

from service.flow.advance import advance
from service.flow.answer import Accepted, Answer, Reason, Refused, Repeated
from service.flow.doubt_identity import doubt_all, doubt_identity, is_doubted
from service.flow.hear_event import announce_death
from service.flow.identify import bearers_of, claim_own_id, identify, known_as
from service.flow.move_offer import refresh_offers
from service.flow.ports import Transaction
from service.flow.received import Identifier, Received
from service.flow.remember import remember
from service.flow.rules import Rules
from service.referrals.needs import NOT_STATED, SupportNeeds
from service.referrals.patient import NOTHING_SAID, Patient, PatientFacts, contradicts, may_be_another
from service.referrals.referral import ReferralTrigger


class ReceivedPatient(NamedTuple):
    """`updates` is True for PUT: then a known identifier means her, and not a second registration.

    `own_id` is the sender's own id for her (Patient.id in the body), by which its later messages may refer to her.
    `needs` is None when it says nothing of what she asks for; what was said of that before then stands. `unsaid` are
    the facts that an update does not speak of and leaves as they are: a FHIR Patient speaks of all, an ADT need not.
    `fills`: it counts too for a woman of whom nothing but her number is known, as her baby's record has it.
    """

    received: Received
    facts: PatientFacts
    updates: bool
    own_id: str | None = None
    needs: SupportNeeds | None = None
    unsaid: frozenset[str] = frozenset()
    fills: bool = False


def register_patient(tx: Transaction, rules: Rules, message: ReceivedPatient, now: datetime) -> Answer:
    """Create or update her. A creation that names a known identifier answers with the patient known already."""
    answer, patient_id = _register(tx, rules, message, now)
    if isinstance(answer, Accepted) and message.own_id is not None:
        claim_own_id(tx, "Patient", message.own_id, answer.id)
    return remember(tx, message.received, patient_id, answer)


def _register(tx: Transaction, rules: Rules, message: ReceivedPatient, now: datetime) -> tuple[Answer, str | None]:
    received = message.received
    if received.target_id is not None:
        known = tx.visible.patient_id(received.target_id)
        return _addressed(tx, rules, message, known, now) if known else Refused(Reason.NOT_FOUND), known
    by_identifier, by_own_id = known_as(tx, "Patient", received.names), _known_by_own_id(tx, message)
    # An update that is addressed to somebody unknown here may be about her, or about the known woman whom it names too.
    to_a_stranger = message.updates and _is_new(tx, received.condition)
    if len(by_identifier) + to_a_stranger > 1:
        return doubt_all(tx, rules, by_identifier | by_own_id, "identifier", now), None
    others = by_own_id - by_identifier
    if others:
        again = _said_before(tx, received, others)
        return again or doubt_all(tx, rules, by_identifier | by_own_id, "id", now), None
    new_id = tx.new_id()
    owner = identify(tx, received, new_id)
    if isinstance(owner, Refused):
        return owner, None
    if owner == new_id:
        needs = message.needs or NOT_STATED
        tx.patients.add(Patient(new_id, 1, tx.caller.organisation_id, message.facts, needs=needs))
        return Accepted("Patient", new_id, 1, created=True), new_id
    if message.updates or _says_first_who_she_is(tx, message, owner):
        return _update(tx, rules, owner, message, now), owner
    if contradicts(message.facts, tx.patients.lock(owner).facts):
        return doubt_all(tx, rules, [owner], "identifier", now), None
    if received.condition is not None:
        return Repeated("Patient", owner, tx.patients.lock(owner).version), owner
    version, body = tx.inbox.latest("Patient", owner) or (1, b"")
    if received.repeats(body):
        return Repeated("Patient", owner, version), owner
    return Refused(Reason.DIFFERENT_UNDER_SAME_IDENTIFIER, "identifier"), owner


def _says_first_who_she_is(tx: Transaction, message: ReceivedPatient, known: str) -> bool:
    """A message that is replayed may be older than what was said since."""
    may = message.fills and message.received.replays is None and message.facts != NOTHING_SAID
    return may and tx.patients.lock(known).facts == NOTHING_SAID


def _addressed(tx: Transaction, rules: Rules, message: ReceivedPatient, known: str, now: datetime) -> Answer:
    meant = {known} | known_as(tx, "Patient", message.received.names)
    if len(meant) > 1:
        return doubt_all(tx, rules, meant, "identifier", now)
    identify(tx, message.received, known)
    return _update(tx, rules, known, message, now)


def _is_new(tx: Transaction, name: Identifier | None) -> bool:
    return name is not None and tx.aliases.find("Patient", name.system, name.value) is None


def woman_named(tx: Transaction, message: ReceivedPatient) -> str | None:
    """Of what is refused, and so has not put her birth date right either: the one woman for whom its address, its
    identifiers and the id in its body stand. None also when it may be about another."""
    received = message.received
    addressed = tx.visible.patient_id(received.target_id) if received.target_id else None
    named = (
        known_as(tx, "Patient", received.names) | _known_by_own_id(tx, message) | ({addressed} if addressed else set())
    )
    if len(named) != 1 or (message.updates and _is_new(tx, received.condition)):
        return None
    (known,) = named
    return None if contradicts(message.facts, tx.patients.lock(known).facts) else known


def _known_by_own_id(tx: Transaction, message: ReceivedPatient) -> set[str]:
    """Whom the id in the body stands for; one that is an id of ours stands for whom it names here."""
    if message.own_id is None:
        return set()
    ours = tx.visible.patient_id(message.own_id)
    return {ours} if ours is not None else bearers_of(tx, "Patient", message.own_id)


def _said_before(tx: Transaction, received: Received, others: set[str]) -> Repeated | None:
    """The id in the body is another woman's by all that was said before, unless it is that very message once more."""
    for other in sorted(others):
        version, body = tx.inbox.latest("Patient", other) or (1, b"")
        if received.repeats(body):
            return Repeated("Patient", other, version)
    return None


def _update(tx: Transaction, rules: Rules, patient_id: str, message: ReceivedPatient, now: datetime) -> Answer:
    patient = tx.patients.lock(patient_id)
    received = message.received
    if received.expected_version not in (None, patient.version):
        return Refused(Reason.VERSION_STALE)
    if received.replays is not None and tx.inbox.changed_since("Patient", patient_id, received.replays):
        return Refused(Reason.CHANGED_MEANWHILE)
    latest = tx.inbox.latest("Patient", patient_id)
    if latest is not None and received.repeats(latest[1]):
        return Repeated("Patient", patient_id, latest[0])
    needs = message.needs or patient.needs
    facts = message.facts._replace(**{fact: getattr(patient.facts, fact) for fact in message.unsaid})
    another, died = may_be_another(patient.facts, facts), facts.deceased and not patient.facts.deceased
    in_doubt = died and (another or is_doubted(tx, patient_id))
    if in_doubt:
        facts = facts._replace(deceased=False)
    changed = patient._replace(version=patient.version + 1, facts=facts, needs=needs)
    tx.patients.save(changed)
    referral = tx.referrals.open_of(patient_id)
    differs = (facts, needs) != (patient.facts, patient.needs)
    if referral is not None and differs:
        refresh_offers(tx, referral)
    if another and (referral is not None or in_doubt):
        doubt_identity(tx, rules, patient_id, now)
    elif referral is not None and differs:
        ends = died and not in_doubt
        advance(tx, rules, referral, ReferralTrigger.WOMAN_DIED if ends else ReferralTrigger.FACTS_CHANGED, now)
    if in_doubt:
        announce_death(tx, rules, patient_id, now)
    return Accepted("Patient", patient_id, changed.version)
