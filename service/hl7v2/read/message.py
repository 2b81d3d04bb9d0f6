"""A message -> its groups, by what MSH-9 calls it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime

from service.flow.hear_event import ReceivedEvent
from service.flow.hear_safe_contact import ReceivedSafeContact
from service.flow.keep_unreadable import Recognised, Salvaged
from service.flow.received_message import Flaw, Group, Part, Problem
from service.flow.received_result import ReceivedResult
from service.flow.record_consent import ReceivedConsent
from service.flow.register_patient import ReceivedPatient
from service.flow.rules import Rules
from service.flow.tell_unnamed import Unnamed
from service.hl7v2.dialect import Dialect
from service.hl7v2.read.baby import is_baby, of_baby
from service.hl7v2.read.consent import read_consents
from service.hl7v2.read.event import (
    of_her_life,
    read_demographics,
    read_for_a_person,
    read_movement,
    strays,
    unnamed,
)
from service.hl7v2.read.fields import at
from service.hl7v2.read.merge import read_account_merge, read_merge
from service.hl7v2.read.orders import Patient, patients_in
from service.hl7v2.read.patient import read_patient
from service.hl7v2.read.recognise import recognise_orders
from service.hl7v2.read.referral import read_referral
from service.hl7v2.read.result import Understood, read_order
from service.hl7v2.segments import Message
from service.referrals.life_event import HARMS

Reader = Callable[[Message, Dialect, Rules, datetime], tuple[Group, ...]]
"""(message, dialect of its sender, rules, now) -> what it says of each patient in it. Never raises for its content."""


_NO_RESULTS = Flaw(Problem.SEGMENT_MISSING, "OBX^1")


def read_results(message: Message, dialect: Dialect, rules: Rules, now: datetime) -> tuple[Group, ...]:
    """A group for each patient in a message of results (ORU^R01) or with a document (MDM^T02).

    What is not as it must be becomes a flaw of the group; never raises for what stands in the message.
    """
    groups = (_group(message, each, dialect, rules, now) for each in patients_in(message, dialect, rules))
    return (*groups, *strays(message, dialect, now))


def _group(message: Message, patient: Patient, dialect: Dialect, rules: Rules, now: datetime) -> Group:
    def of_nobody(*flaws: Flaw) -> Group:
        """Of what nobody can act on a person is told by what may stand in it."""
        recognised = recognise_orders(patient.orders, dialect, rules)
        return Group(None, (), flaws, recognised, unnamed(message, [patient], dialect, rules, now))

    flaw = _misplaced(patient)
    if flaw is not None or patient.pid is None:
        return of_nobody(*([flaw] if flaw else []))
    if is_baby(message, patient.pid, dialect, now):
        return of_baby(message, [patient], patient.pid, dialect, rules, now)
    named = read_patient(patient.pid, dialect, now, updates=False)
    if named.patient is None or named.subject is None:
        return of_nobody(*named.flaws)
    if not patient.observations() and (patient.orders or not patient.consents):
        read = [Understood(None, (_NO_RESULTS,), recognise_orders(patient.orders, dialect, rules))]
    else:
        read = [read_order(message, order, named.subject, dialect, rules, now) for order in patient.orders]
    parts, flaws = read_consents(message, patient.segments(), named.subject, dialect, rules, now)
    parts += [each.part for each in read if each.part is not None]
    parts += of_her_life(message, [patient], named.subject, dialect, rules, now)
    recognised = max((each.recognised for each in read), default=Recognised.NOTHING)
    if parts or recognised is not Recognised.NOTHING:
        # Whoever is told of what was not used is to learn whose it is.
        parts.insert(0, Part(named.patient, at(patient.pid)))
    return Group(
        subject=named.subject,
        parts=tuple(parts),
        flaws=(*named.flaws, *flaws, *(flaw for each in read for flaw in each.flaws)),
        recognised=recognised,
    )


def results_in(message: Message, dialect: Dialect, rules: Rules, now: datetime) -> Iterator[Salvaged]:
    """What may stand in the results of a message that is not taken, of each patient in it, and whose they are."""
    for patient in patients_in(message, dialect, rules):
        recognised = recognise_orders(patient.orders, dialect, rules)
        if recognised is not Recognised.NOTHING:
            group = _group(message, patient, dialect, rules, now)
            # Of what cannot be acted on nobody can tell which administration it is of.
            all_read = group.recognised is not Recognised.A_CRITICAL_ANSWER
            read = [part.step for part in group.parts if isinstance(part.step, ReceivedResult) and all_read]
            yield Salvaged(recognised, [group.subject] if group.subject else [], who=_who(group), read=read)


def _who(group: Group) -> ReceivedPatient | None:
    return next((part.step for part in group.parts if isinstance(part.step, ReceivedPatient)), None)


def unnamed_in(message: Message, dialect: Dialect, rules: Rules, now: datetime) -> Iterator[Unnamed]:
    """What of a message that is not taken makes contact unwelcome, of each patient in it."""
    for patient in patients_in(message, dialect, rules):
        told, group = unnamed(message, [patient], dialect, rules, now), _group(message, patient, dialect, rules, now)
        steps = [part.step for part in group.parts]
        events = [each for each in steps if isinstance(each, ReceivedEvent) and each.event in HARMS]
        noes = [each for each in steps if isinstance(each, ReceivedConsent) and each.may_end]
        ways = [each for each in steps if isinstance(each, ReceivedSafeContact)]
        if told is not None or ways:
            yield replace(told or Unnamed(""), hers=(*events, *noes, *ways), who=_who(group))
    yield from (each.unnamed for each in strays(message, dialect, now) if each.unnamed is not None)


def _misplaced(patient: Patient) -> Flaw | None:
    """Why nobody can tell whom these results are about."""
    if patient.pid is None:
        return Flaw(Problem.SEGMENT_MISSING, "PID^1")
    if patient.doubtful:
        return Flaw(Problem.SEGMENT_MISPLACED, at(patient.pid))
    return None


# Events of ADT by what they are about (HL7 v2.5.1, 3.3). Others are not taken: no such event is about a patient.
_DEMOGRAPHICS = ("A01", "A04", "A08", "A28", "A31")
_MOVEMENTS = (
    *("A02", "A03", "A05", "A06", "A07", "A09", "A10", "A11", "A12", "A13", "A14", "A15", "A16", "A21", "A22", "A23"),
    *("A25", "A26", "A27", "A29", "A32", "A33", "A38", "A52", "A53", "A54", "A55", "A60", "A61", "A62"),
)
_MERGES = ("A18", "A30", "A34", "A36", "A39", "A40", "A46", "A47")
_ACCOUNTS = ("A17", "A35", "A41", "A42", "A44", "A45", "A48", "A49", "A50", "A51")
_REARRANGED = ("A24", "A37", "A43")
READERS: dict[tuple[str, str], Reader] = {
    ("ORU", "R01"): read_results,
    ("MDM", "T02"): read_results,
    **{("REF", each): read_referral for each in ("I12", "I13", "I14")},
    **{("ADT", each): read_demographics for each in _DEMOGRAPHICS},
    **{("ADT", each): read_movement for each in _MOVEMENTS},
    **{("ADT", each): read_merge for each in _MERGES},
    **{("ADT", each): read_account_merge for each in _ACCOUNTS},
    **{("ADT", each): read_for_a_person for each in _REARRANGED},
}
TYPES = frozenset(type for type, _ in READERS)
