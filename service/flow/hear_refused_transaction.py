"""A transaction that is refused as a whole: nothing of it takes effect but what it says of risk (DESIGN 9)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from service.flow.hear_refused import hear_risks_of, recognised
from service.flow.identify import subject_of
from service.flow.keep_unreadable import Recognised, Salvaged, Unreadable, keep_unreadable, whose_is
from service.flow.lock_women import lock_women
from service.flow.ports import Transaction
from service.flow.receive_transaction import Entry, ReceivedTransaction, meant_in, subject_in
from service.flow.received import Reference, listed, number_in, numbers
from service.flow.received_result import ReceivedResult
from service.flow.register_patient import ReceivedPatient, woman_named
from service.flow.rules import Rules
from service.flow.tell_of_result import is_news, was_told
from service.flow.unheard import hear_refused_message


@dataclass(frozen=True, slots=True)
class Legible:
    """What of a refused transaction could be read all the same, and what can be told of the rest of it, whose subjects
    may be handles of the transaction."""

    transaction: ReceivedTransaction
    rest: Sequence[Salvaged]


class _Woman(NamedTuple):
    """Whom a handle stands for. `id` is None where she is not known, or may be another; `number` is by what her record
    has her."""

    id: str | None
    number: str

    def put_into(self, reference: Reference) -> Reference:
        return reference._replace(id=self.id) if self.id else Reference("Patient")


def hear_refused_transaction(
    tx: Transaction, rules: Rules, refused: Unreadable, legible: Legible | None, now: datetime
) -> None:
    """Keep it, and let the clinician of each woman hear of a risk that is hers, of an event and of a no. When it is not
    certain whose one of the risks is, the hospital is told without a name as of any body that is refused."""
    if legible is not None:
        lock_women(tx, meant_in(legible.transaction).union(*(each.subjects for each in legible.rest)))
        women = _women(tx, legible.transaction)
        refused = replace(refused, results=_hear(tx, rules, legible, women, now))
        for entry in legible.transaction.entries:
            _hear_entry(tx, rules, entry, women, now)
    keep_unreadable(tx, rules, refused, now)


def _hear_entry(tx: Transaction, rules: Rules, entry: Entry, women: Mapping[str, _Woman], now: datetime) -> None:
    """Once, whatever names its sender made for its entries this time."""
    whom = _settled(Salvaged(Recognised.NOTHING, [_subject(entry)]), women)
    received = entry.message.received
    content = received.body
    for handle in entry.mentions:
        content = content.replace(handle.encode(), b"")
    said = received._replace(content=content)
    hear_refused_message(tx, rules, entry.message, whose_is(tx, whom), whom.number, said, now)


def _subject(entry: Entry) -> Reference:
    message = entry.message
    return Reference("Patient", entry.handle) if isinstance(message, ReceivedPatient) else subject_in(message)


def _hear(
    tx: Transaction, rules: Rules, legible: Legible, women: Mapping[str, _Woman], now: datetime
) -> list[Salvaged]:
    """Of what was not told yet, as what can be told of a body that was refused."""
    risks: dict[str, list[ReceivedResult]] = {}
    untold = [_settled(each, women) for each in legible.rest]
    hers_untold = {whose_is(tx, each) for each in untold if each.recognised is Recognised.A_CRITICAL_ANSWER}
    harmless = []
    for entry in legible.transaction.entries:
        if not isinstance(entry.message, ReceivedResult):
            continue
        told = _settled(Salvaged(recognised(rules, entry.message), [entry.message.subject]), women)
        patient_id = whose_is(tx, told)
        if told.recognised is not Recognised.A_CRITICAL_ANSWER:
            harmless.append(told)
        elif patient_id is None:
            untold.append(told)
        else:
            risks.setdefault(patient_id, []).append(entry.message)
    for patient_id, results in sorted(risks.items()):
        # What cannot be read of her is told as a risk of today, and stands for what can.
        if patient_id in hers_untold or was_told(tx, rules, patient_id, results):
            continue
        if is_news(tx, patient_id, _content(results)):
            hear_risks_of(tx, rules, patient_id, results, now)
    if not risks:
        return [*untold, *harmless]
    # Whoever looks at a risk of hers looks at the message that it came in.
    return [each for each in untold if _stands_alone(each) or whose_is(tx, each) not in risks]


def _stands_alone(told: Salvaged) -> bool:
    unwelcome = told.safety_event or told.refuses or told.stops is not None
    return unwelcome or told.recognised is Recognised.A_CRITICAL_ANSWER


def _women(tx: Transaction, transaction: ReceivedTransaction) -> dict[str, _Woman]:
    """By the handles that stand for them."""
    asked = ((handle, Reference("Patient", identifier=name)) for handle, name in transaction.asked.items())
    women = {handle: _Woman(subject_of(tx, reference), number_in(reference)) for handle, reference in asked}
    for entry in transaction.entries:
        if isinstance(entry.message, ReceivedPatient):
            women[entry.handle] = _Woman(woman_named(tx, entry.message), numbers(entry.message.received.names))
    return women


def _settled(told: Salvaged, women: Mapping[str, _Woman]) -> Salvaged:
    """With ids in place of handles; nobody's when one of these stands for no woman, or for one who may be another."""
    meant = [(each, women.get(each.id or "")) for each in told.subjects]
    number = listed(woman.number if woman else number_in(each) for each, woman in meant)
    subjects = [woman.put_into(each) if woman else each for each, woman in meant]
    return replace(told, subjects=subjects, number=number)


def _content(results: Iterable[ReceivedResult]) -> str:
    """The same for the same answers, whatever names their sender made for them this time."""
    said = ((each, each.piece) for result in results for each in result.administered)
    return str(sorted((a.instrument_id, a.respondent, str(a.effective), str(piece.readings)) for a, piece in said))
