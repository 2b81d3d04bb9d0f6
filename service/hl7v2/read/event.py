"""ADT -> what it says of a woman and of her life: her facts, a birth, a loss, a death (v2.5.1, chapter 3).

Which event it is matters only where the hospital has decided that it does: most of its ADT is about beds.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from service.flow.hear_event import ReceivedEvent
from service.flow.keep_unreadable import Recognised
from service.flow.received import Child, Received, Reference
from service.flow.received_message import Flaw, Group, Part, Problem
from service.flow.rules import Rules
from service.flow.tell_unnamed import Unnamed
from service.hl7v2.dialect import Dialect
from service.hl7v2.read.codes import triplets
from service.hl7v2.read.consent import nobodys_consents, read_consents, refuses
from service.hl7v2.read.fields import at, said
from service.hl7v2.read.happened import Told, are_all, each_once, happened, told_outside
from service.hl7v2.read.orders import Patient, by_pid, patients_in
from service.hl7v2.read.patient import (
    BIRTH_DATE,
    DATE_OF_DEATH,
    DEATH,
    PATIENT_IDENTIFIERS,
    Named,
    identifiers_in,
    number_written,
    read_patient,
    says_died,
)
from service.hl7v2.read.recognise import recognise_orders
from service.hl7v2.segments import Message, Segment
from service.hl7v2.times import day, moment
from service.referrals.life_event import HARMS, UNWELCOME, LifeEvent
from service.referrals.patient import PatientFacts
from service.shared.clock import DAYS_DIFFER_BY, is_to_come

MOTHER, RELATIONSHIP, RELATIVE = 21, 3, 33


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
    return (*(groups or [missing]), *strays(message, dialect, now), *words_of_nobody(message, dialect))


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
    if is_baby(pid, dialect, now):
        group = _of_its_mother(message, patients, pid, dialect, rules, now)
        return group._replace(flaws=(*flaws, *group.flaws))
    named = read_patient(pid, dialect, now, updates=False)
    if named.patient is None or named.subject is None:
        return Group(None, (), flaws, unnamed=unnamed(message, patients, dialect, rules, now))
    life = of_her_life(message, patients, named.subject, named.patient.facts, dialect, rules, now)
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
    if is_baby(pid, dialect, now):
        return of_baby(message, patients, pid, dialect, rules, now)
    named = read_patient(pid, dialect, now, updates=updates)
    if named.patient is None or named.subject is None:
        return of_nobody(*named.flaws)
    # What has happened to a woman who is not known yet is remembered too. A hospital tells of every birth.
    life = of_her_life(message, patients, named.subject, named.patient.facts, dialect, rules, now)
    consents, flaws = read_consents(message.segments, named.subject, dialect, rules, now)
    speaks_of_her = updates or _tell_of_harm(life) or bool(consents) or recognised is not Recognised.NOTHING
    parts = [Part(named.patient, at(pid))] if speaks_of_her else []
    parts += [*consents, *life]
    if recognised is not Recognised.NOTHING:
        # Results come in an ORU: what stands here has no order, of which status and time could be known.
        flaws.append(Flaw(Problem.SEGMENT_MISPLACED, "OBX^1"))
    return Group(named.subject, tuple(parts), (*(named.flaws if speaks_of_her else ()), *flaws), recognised)


def _tell_of_harm(life: Iterable[Part]) -> bool:
    return any(isinstance(each.step, ReceivedEvent) and each.step.event in HARMS for each in life)


def is_baby(pid: Segment, dialect: Dialect, now: datetime) -> bool:
    """Whether it is about a baby or a child: nobody of that age is ever referred."""
    born = moment(said(pid, BIRTH_DATE), dialect.zone)
    if born is None or is_to_come(born.begins, now):
        return bool(said(pid, MOTHER))
    return dialect.codes.is_child(born.begins.date(), now.date())


def of_her_life(
    message: Message,
    patients: Collection[Patient],
    subject: Reference,
    facts: PatientFacts,
    dialect: Dialect,
    rules: Rules,
    now: datetime,
) -> list[Part]:
    """What a message of any type tells of her: that she has died, and what the codes tell. `patients` is she, and what
    stands before her PID."""
    told = happened(message, patients, dialect, rules, now)
    return [*_her_death(patients, subject, facts), *_events(subject, told, now)]


def unnamed(
    message: Message, patients: Collection[Patient], dialect: Dialect, rules: Rules, now: datetime
) -> Unnamed | None:
    """What is told of these that makes contact unwelcome, and whether they refuse it, where nobody can tell of which
    woman."""
    pids = [each.pid for each in patients if each.pid is not None]
    events = {each.event for each in happened(message, patients, dialect, rules, now)} & HARMS
    if any(map(says_died, pids)):
        events.add(LifeEvent.WOMAN_DIED)
    said_no = refuses(_segments(patients), dialect)
    return Unnamed(number_written(pids), frozenset(events), said_no) if events or said_no else None


def strays(message: Message, dialect: Dialect, now: datetime) -> Iterator[Group]:
    """What is told in no order of a message about several, so that nobody can tell of whom."""
    pids = list(message.named("PID"))
    told = [each for each in told_outside(message, dialect, now) if each.event in HARMS] if len(pids) > 1 else []
    if told:
        flaws = tuple(Flaw(Problem.SEGMENT_MISPLACED, each.at) for each in told)
        yield Group(None, (), flaws, unnamed=Unnamed(number_written(pids), frozenset(each.event for each in told)))


def words_of_nobody(message: Message, dialect: Dialect) -> Iterator[Group]:
    """What is said of consent where nobody can tell which of the records in the message has said it."""
    flaws = nobodys_consents(message.segments, dialect)
    if flaws:
        said_no = refuses(message.segments, dialect)
        unnamed = Unnamed(number_written(message.named("PID")), refuses=True) if said_no else None
        yield Group(None, (), tuple(flaws), unnamed=unnamed)


def _segments(patients: Iterable[Patient]) -> list[Segment]:
    return [segment for each in patients for segment in each.segments()]


def _her_death(patients: Iterable[Patient], subject: Reference, facts: PatientFacts) -> list[Part]:
    if not facts.deceased:
        return []
    died = ReceivedEvent(Received("Patient", b""), subject, LifeEvent.WOMAN_DIED, None)
    return [Part(died, at(each.pid, DEATH)) for each in patients if each.pid is not None]


def _mother_of(pid: Segment, relatives: Iterable[Segment], dialect: Dialect, now: datetime) -> Named | None:
    """Her number, which is all of her that a baby's record tells: by PID-21, else by the relative whom the site calls
    the mother. None when nobody can tell."""
    mothers = (
        each
        for each in relatives
        if any(relation.code in dialect.codes.relationships for relation in triplets(each, RELATIONSHIP))
    )
    written = (pid.raw(MOTHER), *(each.raw(RELATIVE) for each in mothers))
    hers = (Segment("PID", 1, pid.delimiters, pid.codec, ("PID", "", "", number)) for number in written)
    found = (read_patient(each, dialect, now, updates=False) for each in hers)
    return next((each for each in found if each.patient is not None), None)


def of_baby(
    message: Message, patients: Collection[Patient], pid: Segment, dialect: Dialect, rules: Rules, now: datetime
) -> Group:
    """What it tells of the mother, and of consent, which is nobody's."""
    group = _of_its_mother(message, patients, pid, dialect, rules, now)
    flaws = (*group.flaws, *nobodys_consents(_segments(patients), dialect))
    nobodys = group.unnamed
    if refuses(_segments(patients), dialect):
        nobodys = replace(nobodys or Unnamed(number_written([pid])), refuses=True)
    return group._replace(flaws=flaws, unnamed=nobodys)


def _of_its_mother(
    message: Message, patients: Collection[Patient], pid: Segment, dialect: Dialect, rules: Rules, now: datetime
) -> Group:
    """A birth without a mother is nobody's here; anything else is for a person to look at.

    After a loss she is made known by her number, so that it is remembered when she is referred.
    """
    # What a record tells of a baby is never that its mother has died.
    told = each_once([*_of_its_life(pid), *happened(message, patients, dialect, rules, now)])
    number = number_written([pid])
    # What happened to one of twins is not what happened to the other.
    hers = [
        each._replace(source=f"{number} {each.source}".strip())
        for each in told
        if each.event is not LifeEvent.WOMAN_DIED
    ]
    harm = frozenset(each.event for each in hers if each.event in UNWELCOME)
    mother = _mother_of(pid, message.named("NK1") if are_all(message, patients) else (), dialect, now)
    child = Child(identifiers_in(pid, PATIENT_IDENTIFIERS, dialect), dialect.codes.woman_from, at(pid))
    if mother is None or mother.patient is None or mother.subject is None:
        whose = (Flaw(Problem.IDENTIFIER_UNUSABLE, at(pid, MOTHER)),) if harm else ()
        return Group(None, (), whose, unnamed=Unnamed(number, harm) if harm else None, child=child)
    parts = [Part(mother.patient, at(pid, MOTHER))] if harm else []
    parts += _events(mother.subject, hers, now)
    return Group(mother.subject, tuple(parts), child=child)


def _of_its_life(pid: Segment) -> Iterator[Told]:
    born = day(said(pid, BIRTH_DATE))
    if born is not None:
        yield Told(LifeEvent.BIRTH, born, at(pid))
    if says_died(pid):
        yield Told(LifeEvent.BABY_DIED, day(said(pid, DATE_OF_DEATH)), at(pid))


def _events(subject: Reference, told: Iterable[Told], now: datetime) -> Iterator[Part]:
    for event, when, place, source in told:
        # A day that has begun nowhere yet is a slip of the pen, or of the clock.
        day_of_it = None if when is not None and when > (now + DAYS_DIFFER_BY).date() else when
        if event is not LifeEvent.BIRTH or day_of_it is not None:
            yield Part(ReceivedEvent(Received("Patient", b""), subject, event, day_of_it, source), place)
