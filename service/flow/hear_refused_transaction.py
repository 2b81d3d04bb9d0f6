"""A transaction that is refused as a whole: nothing of it takes effect but what it says of risk (DESIGN 9)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from service.flow.hear_event import pause
from service.flow.hear_refused import hear_risks_of, recognised
from service.flow.identify import known_as
from service.flow.keep_unreadable import Recognised, Salvaged, Unreadable, keep_unreadable, whose_is
from service.flow.ports import Transaction
from service.flow.receive_transaction import Entry, ReceivedTransaction
from service.flow.received import Reference
from service.flow.received_result import ReceivedResult
from service.flow.register_patient import ReceivedPatient, women_named
from service.flow.rules import Rules
from service.flow.tell_of_result import is_news


@dataclass(frozen=True, slots=True)
class Legible:
    """What of a refused transaction could be read all the same, and what can be told of the rest of it, whose subjects
    may be handles of the transaction."""

    transaction: ReceivedTransaction
    rest: Sequence[Salvaged]


def hear_refused_transaction(
    tx: Transaction, rules: Rules, refused: Unreadable, legible: Legible | None, now: datetime
) -> None:
    """Keep it, and let the clinician of each woman hear of a risk that is hers, and of an event. When it is not certain
    whose one of the risks is, the hospital is told without a name as of any body that is refused."""
    if legible is not None:
        whose = _women(tx, legible.transaction)
        refused = replace(refused, results=_hear(tx, rules, legible, whose, now))
        for entry in legible.transaction.entries:
            _hear_event(tx, rules, entry, whose, now)
    keep_unreadable(tx, rules, refused, now)


def _hear_event(tx: Transaction, rules: Rules, entry: Entry, whose: Mapping[str, set[str]], now: datetime) -> None:
    """Once, whatever names its sender made for its entries this time."""
    message = entry.message
    if not isinstance(message, ReceivedResult) or not message.safety_event:
        return
    patient_id = whose_is(tx, Salvaged(Recognised.NOTHING, _settled([message.subject], whose)))
    content = message.received.body
    for handle in entry.mentions:
        content = content.replace(handle.encode(), b"")
    said = message.received._replace(content=content).fingerprint()
    if patient_id is not None and is_news(tx, patient_id, f"event {said}"):
        pause(tx, rules, patient_id, now)


def _hear(
    tx: Transaction, rules: Rules, legible: Legible, whose: Mapping[str, set[str]], now: datetime
) -> list[Salvaged]:
    """Of what was not told yet, as what can be told of a body that was refused."""
    risks: dict[str, list[ReceivedResult]] = {}
    untold = [replace(each, subjects=_settled(each.subjects, whose)) for each in legible.rest]
    hers_untold = {whose_is(tx, each) for each in untold if each.recognised is Recognised.A_CRITICAL_ANSWER}
    harmless = []
    for entry in legible.transaction.entries:
        if not isinstance(entry.message, ReceivedResult):
            continue
        told = Salvaged(recognised(rules, entry.message), _settled([entry.message.subject], whose))
        patient_id = whose_is(tx, told)
        if told.recognised is not Recognised.A_CRITICAL_ANSWER:
            harmless.append(told)
        elif patient_id is None:
            untold.append(told)
        else:
            risks.setdefault(patient_id, []).append(entry.message)
    for patient_id, results in sorted(risks.items()):
        # What cannot be read of her is told as a risk of today, and stands for what can.
        if patient_id not in hers_untold and is_news(tx, patient_id, _content(results)):
            hear_risks_of(tx, rules, patient_id, results, now)
    if not risks:
        return [*untold, *harmless]
    # Whoever looks at a risk of hers looks at the message that it came in.
    risky = Recognised.A_CRITICAL_ANSWER
    return [each for each in untold if each.recognised is risky or each.safety_event or whose_is(tx, each) not in risks]


def _women(tx: Transaction, transaction: ReceivedTransaction) -> dict[str, set[str]]:
    """Who is known of those for whom its handles stand."""
    whose = {handle: known_as(tx, "Patient", [name]) for handle, name in transaction.asked.items()}
    for entry in transaction.entries:
        if isinstance(entry.message, ReceivedPatient):
            whose[entry.handle] = women_named(tx, entry.message)
    return whose


def _settled(subjects: Sequence[Reference], whose: Mapping[str, set[str]]) -> list[Reference]:
    """The subjects with ids in place of handles; nobody when one of these stands for no woman, or for two."""
    women = [whose.get(each.id) if each.id else None for each in subjects]
    if any(each is not None and len(each) != 1 for each in women):
        return []
    return [each._replace(id=min(known)) if known else each for each, known in zip(subjects, women, strict=True)]


def _content(results: Iterable[ReceivedResult]) -> str:
    """The same for the same answers, whatever names their sender made for them this time."""
    said = ((each, each.piece) for result in results for each in result.administered)
    return str(sorted((a.instrument_id, a.respondent, str(a.effective), str(piece.readings)) for a, piece in said))
