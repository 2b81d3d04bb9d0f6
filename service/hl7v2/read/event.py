"""ADT -> what it says of a woman and of her life: her facts, a birth, a loss, a death (v2.5.1, chapter 3).

Which event it is matters only where the hospital has decided that it does: most of its ADT is about beds.
"""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime

from service.flow.hear_event import ReceivedEvent, death_of
from service.flow.keep_unreadable import Recognised
from service.flow.received import Reference
from service.flow.received_message import Flaw, Group, Part, Problem
from service.flow.register_patient import ReceivedPatient
from service.flow.rules import Rules
from service.flow.tell_unnamed import Unnamed
from service.hl7v2.dialect import Dialect
from service.hl7v2.read.baby import is_baby, of_a_mother, of_baby, of_its_mother
from service.hl7v2.read.consent import read_consents
from service.hl7v2.read.consent_detail import nobodys_words
from service.hl7v2.read.consent_word import refuses
from service.hl7v2.read.fields import at
from service.hl7v2.read.happened import as_parts, happened, told_outside
from service.hl7v2.read.orders import Patient, by_pid, patients_in, segments_of
from service.hl7v2.read.patient import (
    DEATH,
    death_in,
    nobodys,
    read_patient,
)
from service.hl7v2.read.recognise import recognise_orders
from service.hl7v2.read.result import read_order, tells_only_when_due
from service.hl7v2.segments import Message, Segment
from service.referrals.life_event import HARMS, LifeEvent


def read_demographics(message: Message, dialect: Dialect, rules: Rules, now: datetime) -> tuple[Group, ...]:
    """An ADT that is about her facts: what it says of them counts, also of a woman who is not known yet."""
    return (_group(message, dialect, rules, now, updates=True),)


def read_movement(message: Message, dialect: Dialect, rules: Rules, now: datetime) -> tuple[Group, ...]:
    """An ADT that is about where she is: only an event or a consent in it counts, and what a person is to look at. Each
    makes a woman known who was not."""
    return (_group(message, dialect, rules, now, updates=False),)


def read_for_a_person(message: Message, dialect: Dialect, rules: Rules, now: datetime) -> tuple[Group, ...]:
    """Records that are linked, unlinked or moved: which of them is whose is no machine's to decide."""
    groups = [
        of_record(message, pid, hers, (Flaw(Problem.IDENTITIES_REARRANGED, at(pid)),), dialect, rules, now)
        for pid, hers in by_pid(message, dialect, rules)
    ]
    missing = Group(None, (), (Flaw(Problem.SEGMENT_MISSING, "PID^1"),))
    return (*(groups or [missing]), *beside_records(message, dialect, rules, now))


def of_record(
    message: Message,
    pid: Segment,
    patients: Collection[Patient],
    flaws: tuple[Flaw, ...],
    dialect: Dialect,
    rules: Rules,
    now: datetime,
) -> Group:
    """Of a message about records alone: nothing counts but what it tells of her life, and that makes her known."""
    if is_baby(message, pid, dialect, now):
        group = of_its_mother(message, patients, pid, dialect, rules, now)
        return group._replace(flaws=(*flaws, *group.flaws))
    named = read_patient(pid, dialect, now, updates=False)
    if named.patient is None or named.subject is None:
        return Group(None, (), flaws, unnamed=unnamed(message, patients, dialect, rules, now))
    life = of_her_life(message, patients, named.subject, dialect, rules, now)
    who = [Part(named.patient, at(pid))] if _tell_of_harm(life) else []
    return Group(named.subject, (*who, *life), flaws)


def _group(message: Message, dialect: Dialect, rules: Rules, now: datetime, *, updates: bool) -> Group:
    pids, patients = list(message.named("PID")), patients_in(message, dialect, rules)
    recognised = recognise_orders([order for each in patients for order in each.orders], dialect, rules)

    def of_nobody(*flaws: Flaw) -> Group:
        return Group(None, (), flaws, recognised, unnamed(message, patients, dialect, rules, now))

    if len(pids) != 1:
        return of_nobody(Flaw(Problem.SEGMENT_MISPLACED if pids else Problem.SEGMENT_MISSING, f"PID^{len(pids) or 1}"))
    (pid,) = pids
    if is_baby(message, pid, dialect, now):
        return of_baby(message, patients, pid, dialect, rules, now)
    named = read_patient(pid, dialect, now, updates=updates)
    if named.patient is None or named.subject is None:
        return of_nobody(*named.flaws)
    # What has happened to a woman who is not known yet is remembered too. A hospital tells of every birth.
    life = of_her_life(message, patients, named.subject, dialect, rules, now)
    consents, flaws = read_consents(message, message.segments, named.subject, dialect, rules, now)
    orders = [order for each in patients for order in each.orders if tells_only_when_due(order)]
    due = [read_order(message, order, named.subject, dialect, rules, now) for order in orders]
    flaws += [flaw for each in due for flaw in each.flaws]
    told = _tell_of_harm(life) or bool(consents) or bool(due) or recognised is not Recognised.NOTHING
    speaks_of_her = updates or told
    parts = [Part(_with_death(named.patient, life), at(pid))] if speaks_of_her else []
    parts += [*consents, *life, *(each.part for each in due if each.part is not None)]
    if recognised is not Recognised.NOTHING:
        # Results come in an ORU: what stands here has no order, of which status and time could be known.
        flaws.append(Flaw(Problem.SEGMENT_MISPLACED, "OBX^1"))
    return Group(named.subject, tuple(parts), (*(named.flaws if speaks_of_her else ()), *flaws), recognised)


def _tell_of_harm(life: Iterable[Part]) -> bool:
    return any(each.event in HARMS for each in _events(life))


def _with_death(patient: ReceivedPatient, life: Iterable[Part]) -> ReceivedPatient:
    """A death that the hospital's own code tells is a fact of hers as PID-30 is, so that whose it is, is asked of what
    the same message says of her."""
    if not any(each.event is LifeEvent.WOMAN_DIED and each.certain for each in _events(life)):
        return patient
    return patient._replace(facts=patient.facts._replace(deceased=True), unsaid=patient.unsaid - {"deceased"})


def _events(life: Iterable[Part]) -> list[ReceivedEvent]:
    return [each.step for each in life if isinstance(each.step, ReceivedEvent)]


def of_her_life(
    message: Message,
    patients: Collection[Patient],
    subject: Reference,
    dialect: Dialect,
    rules: Rules,
    now: datetime,
) -> list[Part]:
    """What a message of any type tells of her: that she has died, and what the codes tell. `patients` is she, and what
    stands before her PID."""
    told = happened(message, patients, dialect, rules, now)
    life = [*_her_death(patients, subject, dialect, now), *as_parts(subject, told, now)]
    events = {each.event for each in _events(life)}
    pids = (each.pid for each in patients if each.pid is not None)
    return life + [part for pid in pids for part in of_a_mother(message, pid, events, dialect, now)]


def unnamed(
    message: Message, patients: Collection[Patient], dialect: Dialect, rules: Rules, now: datetime
) -> Unnamed | None:
    """What is told of these that makes contact unwelcome, and whether they refuse it, where nobody can tell of which
    woman."""
    pids = [each.pid for each in patients if each.pid is not None]
    events = {each.event for each in happened(message, patients, dialect, rules, now)} & HARMS
    if any(died is not False for died, _ in (death_in(pid, dialect, now) for pid in pids)):
        events.add(LifeEvent.WOMAN_DIED)
    said_no = refuses(segments_of(patients), dialect)
    return nobodys(pids, frozenset(events), refuses=said_no) if events or said_no else None


def strays(message: Message, dialect: Dialect, now: datetime) -> Iterator[Group]:
    """What is told in no order of a message about several, so that nobody can tell of whom."""
    pids = list(message.named("PID"))
    told = [each for each in told_outside(message, dialect, now) if each.event in HARMS] if len(pids) > 1 else []
    if told:
        flaws = tuple(Flaw(Problem.SEGMENT_MISPLACED, each.at) for each in told)
        yield Group(None, (), flaws, unnamed=nobodys(pids, frozenset(each.event for each in told)))


def beside_records(message: Message, dialect: Dialect, rules: Rules, now: datetime) -> Iterator[Group]:
    """What a message about records says that is no part of what becomes of them."""
    yield from strays(message, dialect, now)
    yield from _words_of_nobody(message, dialect, now)
    for each in patients_in(message, dialect, rules):
        recognised = recognise_orders(each.orders, dialect, rules)
        if recognised is not Recognised.NOTHING:
            yield _answers(message, each, recognised, dialect, now)


def _answers(message: Message, patient: Patient, recognised: Recognised, dialect: Dialect, now: datetime) -> Group:
    """Results come in an ORU: of what stands here somebody is told, and at once of a risk."""
    flaws = (Flaw(Problem.SEGMENT_MISPLACED, "OBX^1"),)
    pid = None if patient.doubtful else patient.pid
    named = read_patient(pid, dialect, now, updates=False) if pid and not is_baby(message, pid, dialect, now) else None
    if pid is None or named is None or named.patient is None:
        return Group(None, (), flaws, recognised)
    return Group(named.subject, (Part(named.patient, at(pid)),), flaws, recognised)


def _words_of_nobody(message: Message, dialect: Dialect, now: datetime) -> Iterator[Group]:
    """What is said of consent and safe contact where nobody can tell which of the records in the message has said
    it."""
    flaws, said_no = nobodys_words(message.segments, dialect, now)
    if flaws:
        unnamed = nobodys([*message.named("PID")], refuses=True) if said_no else None
        yield Group(None, (), tuple(flaws), unnamed=unnamed)


def _her_death(patients: Iterable[Patient], subject: Reference, dialect: Dialect, now: datetime) -> Iterator[Part]:
    for pid in (each.pid for each in patients if each.pid is not None):
        died, _ = death_in(pid, dialect, now)
        if died is not False:
            yield Part(death_of(subject, certain=bool(died)), at(pid, DEATH))
