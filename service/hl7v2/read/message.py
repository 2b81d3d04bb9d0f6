"""A message -> its groups, by what MSH-9 calls it."""

from collections.abc import Callable, Mapping
from datetime import datetime

from service.flow.keep_unreadable import Recognised
from service.flow.receive_message import Flaw, Group, Part, Problem
from service.flow.rules import Rules
from service.hl7v2.dialect import Dialect
from service.hl7v2.read.fields import at
from service.hl7v2.read.orders import Patient, patients_in
from service.hl7v2.read.patient import read_patient
from service.hl7v2.read.recognise import recognise_orders
from service.hl7v2.read.result import read_order
from service.hl7v2.segments import Message

Reader = Callable[[Message, Dialect, Rules, datetime], tuple[Group, ...]]
_ORDER_OF_HARM = (Recognised.NOTHING, Recognised.AN_INSTRUMENT, Recognised.A_CRITICAL_ANSWER)


def read_results(message: Message, dialect: Dialect, rules: Rules, now: datetime) -> tuple[Group, ...]:
    """A group for each patient in a message of results (ORU^R01) or with a document (MDM^T02).

    What is not as it must be becomes a flaw of the group; never raises for what stands in the message.
    """
    return tuple(_group(message, each, dialect, rules, now) for each in patients_in(message))


def _group(message: Message, patient: Patient, dialect: Dialect, rules: Rules, now: datetime) -> Group:
    flaw = _misplaced(message, patient)
    if flaw is not None or patient.pid is None:
        return Group(None, (), (flaw,) if flaw else (), recognise_orders(patient.orders, dialect, rules))
    named = read_patient(message, patient.pid, dialect, updates=False)
    if named.patient is None or named.subject is None:
        return Group(None, (), named.flaws, recognise_orders(patient.orders, dialect, rules))
    read = [read_order(message, order, named.subject, dialect, rules, now) for order in patient.orders]
    parts = [each.part for each in read if each.part is not None]
    if parts:
        parts.insert(0, Part(named.patient, at(message, patient.pid)))
    return Group(
        subject=named.subject,
        parts=tuple(parts),
        flaws=(*named.flaws, *(flaw for each in read for flaw in each.flaws)),
        recognised=max((each.recognised for each in read), key=_ORDER_OF_HARM.index, default=Recognised.NOTHING),
    )


def _misplaced(message: Message, patient: Patient) -> Flaw | None:
    """Why nobody can tell whom these results are about, or that there are none."""
    if patient.pid is None:
        return Flaw(Problem.SEGMENT_MISSING, "PID^1")
    if patient.doubtful:
        return Flaw(Problem.SEGMENT_MISPLACED, at(message, patient.pid))
    if not patient.observations():
        return Flaw(Problem.SEGMENT_MISSING, "OBX^1")
    return None


# Other kinds of messages have their row here too.
READERS: Mapping[tuple[str, str], Reader] = {
    ("ORU", "R01"): read_results,
    ("MDM", "T02"): read_results,
}
