"""A screening result, or a piece of one, has come in: attach, decide, match, gate, open the referral, owe
deliveries."""

from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from service.flow.act_on_decision import act_on_decision
from service.flow.answer import Accepted, Answer, Reason, Refused, Repeated
from service.flow.identify import identify, subject_of
from service.flow.move_offer import refresh_offers
from service.flow.ports import Transaction
from service.flow.raise_alert import alert_about
from service.flow.received import Received, Reference
from service.flow.remember import remember
from service.flow.rules import Rules
from service.referrals.alert import AlertCode
from service.referrals.patient import Patient
from service.screening.decide import Readiness, readiness
from service.screening.instrument import Stage, stage_at
from service.screening.result import STILL_TO_COME, Piece, ScreeningResult, attach, without
from service.shared.clock import CLOCKS_DIFFER_BY, DAYS_DIFFER_BY


@dataclass(frozen=True, slots=True)
class Administered:
    """A piece, and the administration of an instrument that it belongs to."""

    instrument_id: str
    respondent: str
    effective: datetime
    piece: Piece


@dataclass(frozen=True, slots=True)
class ReceivedResult:
    """One message. `administered` is empty when it speaks of no known instrument: it is kept, and decides nothing.

    `corrects` is True when its status says that it changes what was sent before. `due_date` is set when the message
    tells the estimated date of delivery.
    """

    received: Received
    subject: Reference
    administered: tuple[Administered, ...]
    corrects: bool = False
    due_date: date | None = None


def receive_result(tx: Transaction, rules: Rules, message: ReceivedResult, now: datetime) -> Answer:
    """Keep the message and act on what the result now says. The rules run once, after its last piece is attached."""
    patient_id = subject_of(tx, message.subject)
    answer = _receive(tx, rules, message, patient_id, now) if patient_id else Refused(Reason.SUBJECT_UNKNOWN, "subject")
    return remember(tx, message.received, patient_id, answer)


def _receive(tx: Transaction, rules: Rules, message: ReceivedResult, patient_id: str, now: datetime) -> Answer:
    if any(_is_to_come(each.effective, now) for each in message.administered):
        return Refused(Reason.IN_THE_FUTURE, "effective")
    patient = tx.patients.lock(patient_id)
    new_id = tx.new_id()
    owner = identify(tx, message.received, new_id)
    if isinstance(owner, Refused):
        return owner
    version = 1
    if owner != new_id:
        known = tx.inbox.latest("Observation", owner)
        known_version, known_body = known or (0, b"")
        if message.received.condition is not None or known_body == message.received.body:
            return Repeated("Observation", owner, known_version)
        if tx.inbox.patient_of("Observation", owner) not in (None, patient_id):
            alert_about(tx, rules, AlertCode.CONTENT_CONFLICT, patient, now)
            return Refused(Reason.DIFFERENT_UNDER_SAME_IDENTIFIER, "subject")
        if not message.corrects and not _completes(tx, message, patient):
            alert_about(tx, rules, AlertCode.CONTENT_CONFLICT, patient, now)
            return Refused(Reason.DIFFERENT_UNDER_SAME_IDENTIFIER, "identifier")
        version = known_version + 1
    if message.due_date is not None and message.due_date != patient.due_date:
        patient = _expect(tx, patient, message.due_date)
    results = _attach(tx, rules, message, patient)
    for result in [*results, *_left_behind(tx, message, results)]:
        _judge(tx, rules, result, now)
    return Accepted("Observation", owner, version, created=version == 1)


def _expect(tx: Transaction, patient: Patient, due_date: date) -> Patient:
    """The version of her Patient stays: it counts what her hospital says there, and this was said elsewhere."""
    expecting = replace(patient, due_date=due_date)
    tx.patients.save(expecting)
    referral = tx.referrals.open_of(patient.id)
    if referral is not None:
        refresh_offers(tx, referral)
    return expecting


def _is_to_come(effective: datetime, now: datetime) -> bool:
    return effective > now + (DAYS_DIFFER_BY if effective.time() == time.min else CLOCKS_DIFFER_BY)


def _completes(tx: Transaction, message: ReceivedResult, patient: Patient) -> bool:
    """Whether it is the final form of what its source had only announced until now."""
    known = [(tx.results.find(_blank(tx, each, patient, Stage.UNKNOWN)), each.piece) for each in message.administered]
    return bool(known) and all(
        result is not None and piece.source in result.pieces and result.pieces[piece.source].status in STILL_TO_COME
        for result, piece in known
    )


def _attach(tx: Transaction, rules: Rules, message: ReceivedResult, patient: Patient) -> list[ScreeningResult]:
    policy = rules.policy(patient.tenant_id)
    results: dict[tuple[str, str, datetime], ScreeningResult] = {}
    for each in message.administered:
        key = (each.instrument_id, each.respondent, each.effective)
        blank = _blank(tx, each, patient, stage_at(each.effective, patient.due_date, policy))
        known = results.get(key) or tx.results.find(blank) or blank
        results[key] = attach(known, each.piece)
    return list(results.values())


def _left_behind(tx: Transaction, message: ReceivedResult, results: list[ScreeningResult]) -> list[ScreeningResult]:
    """What a correction has moved away from: the administrations that its source spoke of before, without it.

    They come after those it speaks of now, so that a result which only changes its time keeps its referral. A source
    without an identifier is named by what it says, so another administration's cannot be told from it.
    """
    if not (message.corrects and message.received.identifiers and results):
        return []
    sources = {each.piece.source for each in message.administered}
    now_in = {result.id for result in results}
    return [
        without(known, sources)
        for known in tx.results.of_patient(results[0].patient_id)
        if known.id not in now_in and sources & known.pieces.keys()
    ]


def _blank(tx: Transaction, each: Administered, patient: Patient, stage: Stage) -> ScreeningResult:
    return ScreeningResult(
        id=tx.new_id(),
        tenant_id=patient.tenant_id,
        patient_id=patient.id,
        instrument_id=each.instrument_id,
        respondent=each.respondent,
        effective=each.effective,
        stage=stage,
    )


def _judge(tx: Transaction, rules: Rules, result: ScreeningResult, now: datetime) -> None:
    ready = readiness(result, rules.instruments[result.instrument_id])
    waits = timedelta(seconds=rules.policy(result.tenant_id).waits_for_items_seconds)
    tx.results.save(result, now + waits if ready is Readiness.WAIT else None)
    if ready is Readiness.DECIDE_NOW or tx.results.judged(result.id) is not None:
        act_on_decision(tx, rules, result, now)
