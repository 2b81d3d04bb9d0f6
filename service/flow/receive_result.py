"""A screening result, or a piece of one, has come in: attach, decide, match, gate, open the referral, owe
deliveries."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime

from service.flow.answer import Accepted, Answer, Reason, Refused, Repeated
from service.flow.doubt_identity import one_subject
from service.flow.hear_event import pause
from service.flow.hear_refused import hear_refused
from service.flow.identify import identify, subject_of
from service.flow.judge_results import judge_results
from service.flow.move_offer import refresh_offers
from service.flow.ports import Transaction
from service.flow.raise_alert import alert_about
from service.flow.received import number_in, status_in
from service.flow.received_result import Administered, ReceivedResult
from service.flow.remember import remember
from service.flow.rules import Rules
from service.flow.tell_unnamed import Unnamed
from service.flow.unheard import hear_unheard
from service.referrals.alert import AlertCode
from service.referrals.life_event import LifeEvent
from service.referrals.patient import Patient, expecting
from service.screening.instrument import Stage
from service.screening.result import STILL_TO_COME, Piece, ScreeningResult, Status, attach, without
from service.shared.clock import is_to_come

# Where a form says when it was filled in; an Observation says it in `effective`.
_TIME = {"QuestionnaireResponse": "authored"}

Taken = tuple[Answer, list[ScreeningResult]]
"""The answer to a message, and the results that it has changed and that are still to be judged."""


def receive_result(tx: Transaction, rules: Rules, message: ReceivedResult, now: datetime) -> Answer:
    """Keep the message and act on what the result now says. The rules run once, after its last piece is attached."""
    answer, results = take_result(tx, rules, message, now)
    judge_results(tx, rules, results, now)
    pause_after_event(tx, rules, message, answer, now)
    if isinstance(answer, Refused):
        hear_refused(tx, rules, message, answer, now)
    return answer


def take_result(tx: Transaction, rules: Rules, message: ReceivedResult, now: datetime) -> Taken:
    """Keep the message and attach its pieces, and decide nothing yet: `judge_results` does, once all is attached."""
    patient_id, refused = one_subject(tx, rules, message.subject, "subject", now)
    answer, results = _take(tx, rules, message, patient_id, now) if patient_id else (refused, [])
    return remember(tx, message.received, patient_id, answer), results


def pause_after_event(tx: Transaction, rules: Rules, message: ReceivedResult, answer: Answer, now: datetime) -> None:
    """Last of all, so that no offer follows the event out of the same message. A correction of it lifts nothing. In
    what is refused it counts as well, once (`hear_unheard`)."""
    if not message.safety_event or isinstance(answer, Repeated):
        return
    patient_id, received = subject_of(tx, message.subject), message.received
    if isinstance(answer, Accepted) and patient_id is not None:
        pause(tx, rules, patient_id, now)
    elif received.is_told:
        told = Unnamed(number_in(message.subject), frozenset({LifeEvent.SAFETY_EVENT}))
        hear_unheard(tx, rules, patient_id, told, received.fingerprint(), now)


def _take(tx: Transaction, rules: Rules, message: ReceivedResult, patient_id: str, now: datetime) -> Taken:
    received = message.received
    if any(is_to_come(effective, now) for effective in {each.effective for each in message.administered}):
        return Refused(Reason.IN_THE_FUTURE, _TIME.get(message.received.type, "effective")), []
    if received.target_id is not None and tx.inbox.latest(received.type, received.target_id) is None:
        return Refused(Reason.NOT_FOUND), []
    patient = tx.patients.lock(patient_id)
    new_id = tx.new_id()
    owner = identify(tx, received, received.target_id or new_id)
    if isinstance(owner, Refused):
        return owner, []
    if received.target_id not in (None, owner):
        return Refused(Reason.SEVERAL_MATCH, "identifier"), []
    known = None if owner == new_id else tx.inbox.latest(received.type, owner)
    known_version, known_body = known or (0, b"")
    if known_version:
        again = _again(tx, rules, message, patient, Repeated(received.type, owner, known_version), known_body, now)
        if again is not None:
            return again, []
    if message.due is not None:
        patient = _expect(tx, expecting(patient, message.due, now, again=received.replays is not None))
    own = f"{received.type}/{owner}"
    results = _attach(tx, rules, message, patient, own)
    if known_version:
        results += _left_behind(tx, message, patient, own, results)
    for result in results:
        tx.results.hold(result)
    return Accepted(received.type, owner, known_version + 1, created=not known_version), results


def _again(
    tx: Transaction,
    rules: Rules,
    message: ReceivedResult,
    patient: Patient,
    known: Repeated,
    body: bytes,
    now: datetime,
) -> Repeated | Refused | None:
    """The answer to what is known already, None when the message changes it and may."""
    received = message.received
    if received.replays is not None:
        return _once_more(tx, message, patient, known)
    if received.condition is not None and received.target_id is None:
        return known
    # The one status of a v2 order does not tell which of its parts have become final.
    if received.repeats(body) and (message.whole or _is_attached(tx, message, patient, known)):
        return known
    if received.expected_version not in (None, known.version):
        return Refused(Reason.VERSION_STALE)
    if tx.inbox.patient_of(known.type, known.id) not in (None, patient.id):
        alert_about(tx, rules, AlertCode.CONTENT_CONFLICT, patient, now)
        return Refused(Reason.DIFFERENT_UNDER_SAME_IDENTIFIER, "subject")
    if received.target_id is None and not message.corrects and not _completes(tx, message, patient, body):
        alert_about(tx, rules, AlertCode.CONTENT_CONFLICT, patient, now)
        return Refused(Reason.DIFFERENT_UNDER_SAME_IDENTIFIER, "identifier")
    return None


def _once_more(
    tx: Transaction, message: ReceivedResult, patient: Patient, known: Repeated
) -> Repeated | Refused | None:
    """A message that is replayed changes only what was not understood of it, and nothing that came after it."""
    if tx.inbox.patient_of(known.type, known.id) not in (None, patient.id):
        return Refused(Reason.DIFFERENT_UNDER_SAME_IDENTIFIER, "subject")
    if _is_attached(tx, message, patient, known):
        return known
    stale = tx.inbox.changed_since(known.type, known.id, message.received.replays or "")
    return Refused(Reason.CHANGED_MEANWHILE) if stale else None


def _is_attached(tx: Transaction, message: ReceivedResult, patient: Patient, known: Repeated) -> bool:
    own = f"{known.type}/{known.id}"
    for said in _administrations(message):
        result = tx.results.find(_blank(tx, said[0], patient, Stage.UNKNOWN))
        if result is None or any(each.piece.source not in result.pieces for each in said):
            return False
        kept = result.pieces
        pieces = (each.piece._replace(names=kept[each.piece.source].names | {own}) for each in said)
        if attach(result, *pieces).pieces != kept:
            return False
    return True


def _administrations(message: ReceivedResult) -> Collection[list[Administered]]:
    by_key: dict[tuple[str, str, datetime], list[Administered]] = defaultdict(list)
    for each in message.administered:
        by_key[each[:3]].append(each)
    return by_key.values()


def _expect(tx: Transaction, expects: Patient) -> Patient:
    """The version of her Patient stays: it counts what her hospital says there, and this was said elsewhere."""
    before = tx.patients.lock(expects.id)
    if expects != before:
        tx.patients.save(expects)
    referral = tx.referrals.open_of(expects.id) if expects.due_date != before.due_date else None
    if referral is not None:
        refresh_offers(tx, referral)
    return expects


def _completes(tx: Transaction, message: ReceivedResult, patient: Patient, body: bytes) -> bool:
    """Whether it is the final form of what its source had only announced until now, or goes on with its order."""
    if not message.administered:
        return status_in(body) in STILL_TO_COME
    for each in message.administered:
        result = tx.results.find(_blank(tx, each, patient, Stage.UNKNOWN))
        before = None if result is None else result.pieces.get(each.piece.source)
        same = before is None or (before.status, before.readings) == (each.piece.status, each.piece.readings)
        if not ((before is not None and before.status in STILL_TO_COME) or (same and not message.whole)):
            return False
    return True


def _attach(
    tx: Transaction, rules: Rules, message: ReceivedResult, patient: Patient, own: str
) -> list[ScreeningResult]:
    policy = rules.policy(patient.tenant_id)
    # What is put in the place of a result amends it, also when its sender goes on calling it final.
    amends = message.received.target_id is not None and not message.received.replays
    results = []
    for said in _administrations(message):
        blank = _blank(tx, said[0], patient, patient.stage(said[0].effective, policy))
        known = tx.results.find(blank) or blank
        # An update may give its source another name; what the same resource said before goes all the same.
        gone = _said_anew(message, known, own)
        before = without(known, gone - _named(message)) if gone else known
        results.append(attach(before, *_owned(said, own, amends)))
    return results


def _owned(said: Iterable[Administered], own: str, amends: bool) -> list[Piece]:
    other = {Status.FINAL: Status.AMENDED} if amends else {}
    return [
        Piece(source, other.get(status, status), readings, expects, names | {own})
        for *_, (source, status, readings, expects, names) in said
    ]


def _left_behind(
    tx: Transaction, message: ReceivedResult, patient: Patient, own: str, results: list[ScreeningResult]
) -> list[ScreeningResult]:
    """What a correction has moved away from: the administrations that its resource spoke of before, without it.

    They come after those it speaks of now, so that a result which only changes its time keeps its referral.
    """
    now_in = {result.id for result in results}
    return [
        without(known, _said_anew(message, known, own))
        for known in tx.results.of_patient(patient.id)
        if known.id not in now_in and _said_anew(message, known, own)
    ]


def _said_anew(message: ReceivedResult, result: ScreeningResult, own: str) -> set[str]:
    """The sources of what the resource named so said of this administration, as far as the message speaks of them."""
    said = {piece.source for piece in result.pieces.values() if own in piece.names}
    return said if message.whole or not said else said & _named(message)


def _named(message: ReceivedResult) -> set[str]:
    return {each.piece.source for each in message.administered}


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
