"""A transaction that is refused as a whole: nothing of it takes effect but what it says of risk (DESIGN 9)."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from service.flow.hear_refused import hear_risks_of, is_news, recognised
from service.flow.identify import known_as, subject_of
from service.flow.keep_unreadable import Heard, Recognised, Unreadable, keep_unreadable
from service.flow.ports import Transaction
from service.flow.receive_transaction import ReceivedTransaction
from service.flow.received_result import ReceivedResult
from service.flow.register_patient import ReceivedPatient, women_named
from service.flow.rules import Rules


@dataclass(frozen=True, slots=True)
class Legible:
    """What of a refused transaction could be read all the same, and what can be told of the rest of it."""

    transaction: ReceivedTransaction
    rest: Recognised


def hear_refused_transaction(
    tx: Transaction, rules: Rules, refused: Unreadable, legible: Legible | None, now: datetime
) -> Heard:
    """Keep it, and let the clinician of each woman hear of a risk that is hers. When it is not certain whose one of the
    risks is, the hospital is told without a name as of any body that is refused."""
    if legible is not None and _hear(tx, rules, legible.transaction, now):
        refused = replace(refused, recognised=legible.rest)
    return keep_unreadable(tx, rules, refused, now)


def _hear(tx: Transaction, rules: Rules, transaction: ReceivedTransaction, now: datetime) -> bool:
    """Whether there was a risk in it, and it is known of each whose it is."""
    whose = {handle: known_as(tx, "Patient", [name]) for handle, name in transaction.asked.items()}
    for entry in transaction.entries:
        if isinstance(entry.message, ReceivedPatient):
            whose[entry.handle] = women_named(tx, entry.message)
    risks: dict[str | None, list[ReceivedResult]] = {}
    for entry in transaction.entries:
        result = entry.message
        if isinstance(result, ReceivedResult) and recognised(rules, result) is Recognised.A_CRITICAL_ANSWER:
            risks.setdefault(_subject(tx, result, whose), []).append(result)
    of_nobody = risks.pop(None, [])
    for patient_id, results in sorted((id, results) for id, results in risks.items() if id is not None):
        if is_news(tx, patient_id, _content(results)):
            hear_risks_of(tx, rules, patient_id, results, now)
    return bool(risks) and not of_nobody


def _subject(tx: Transaction, result: ReceivedResult, whose: dict[str, set[str]]) -> str | None:
    subject = result.subject
    if subject.id in whose:
        women = whose[subject.id]
        if len(women) != 1:
            return None
        subject = replace(subject, id=next(iter(women)))
    return subject_of(tx, subject)


def _content(results: Iterable[ReceivedResult]) -> str:
    """The same for the same answers, whatever names their sender made for them this time."""
    said = ((each, each.piece) for result in results for each in result.administered)
    return str(sorted((a.instrument_id, a.respondent, str(a.effective), str(piece.readings)) for a, piece in said))
