"""A record of a baby or a child: it is nobody's who is referred, and what it tells is told of the mother."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from service.flow.hear_event import NO_NAME, ReceivedEvent
from service.flow.keep_unreadable import Recognised
from service.flow.received import Child, Received
from service.flow.received_message import Flaw, Group, Part, Problem
from service.flow.rules import Rules
from service.hl7v2.dialect import Dialect
from service.hl7v2.read.codes import YES, triplets
from service.hl7v2.read.consent_detail import nobodys_words
from service.hl7v2.read.fields import at, said
from service.hl7v2.read.happened import Told, as_parts, each_once, happened
from service.hl7v2.read.orders import Patient, segments_of
from service.hl7v2.read.patient import (
    BIRTH_DATE,
    DATE_OF_DEATH,
    PATIENT_IDENTIFIERS,
    Named,
    death_in,
    identifiers_in,
    nobodys,
    number_written,
    read_patient,
)
from service.hl7v2.read.recognise import recognise_orders
from service.hl7v2.segments import Message, Segment
from service.hl7v2.times import day, moment
from service.referrals.life_event import HARMS, UNWELCOME, LifeEvent
from service.shared.clock import is_to_come

MOTHER, MULTIPLE_BIRTH, BIRTH_ORDER = 21, 24, 25
RELATIONSHIP, RELATIVE = 3, 33


def is_baby(message: Message, pid: Segment, dialect: Dialect, now: datetime) -> bool:
    """Whether it is about a baby or a child: nobody of that age is ever referred."""
    born = moment(said(pid, BIRTH_DATE), dialect.zone)
    if born is None or is_to_come(born.begins, now):
        return any(_mothers_numbers(message, pid, dialect))
    return dialect.codes.is_child(born.begins.date(), now.date())


def of_baby(
    message: Message, patients: Collection[Patient], pid: Segment, dialect: Dialect, rules: Rules, now: datetime
) -> Group:
    """What it tells of the mother, and of consent, safe contact and what she answered, which some records keep with her
    child: they are nobody's."""
    group = of_its_mother(message, patients, pid, dialect, rules, now)
    words, said_no = nobodys_words(segments_of(patients), dialect, now)
    flaws = (*group.flaws, *words)
    unnamed = replace(group.unnamed or nobodys([pid]), refuses=True) if said_no else group.unnamed
    recognised = recognise_orders([order for each in patients for order in each.orders], dialect, rules)
    if recognised is not Recognised.NOTHING:
        group = group._replace(subject=None, recognised=recognised)
        flaws = (Flaw(Problem.IDENTIFIER_UNUSABLE, at(pid)), *flaws)
    return group._replace(flaws=flaws, unnamed=unnamed)


def of_its_mother(
    message: Message, patients: Collection[Patient], pid: Segment, dialect: Dialect, rules: Rules, now: datetime
) -> Group:
    """A birth without a mother is nobody's here; anything else is for a person to look at.

    After a loss she is made known by her number, so that it is remembered when she is referred.
    """
    life = [*_of_its_life(pid, dialect, now), *happened(message, patients, dialect, rules, now)]
    told = each_once([_its_own(each, pid) for each in life])
    number = number_written([pid])
    # What happened to one of twins is not what happened to the other; where nothing tells them apart, nobody knows.
    called, control = number or _birth_order(pid), message.header.text(10)
    hers = [
        each._replace(sources=frozenset(f"{called} {source}".strip() or control for source in each.sources))
        for each in told
    ]
    harm = frozenset(each.event for each in hers if each.event in UNWELCOME)
    mother = _mother_of(message, pid, dialect, now)
    child = Child(identifiers_in(pid, PATIENT_IDENTIFIERS, dialect), dialect.codes.woman_from, at(pid))
    if mother is None or mother.patient is None or mother.subject is None:
        whose = (Flaw(Problem.IDENTIFIER_UNUSABLE, at(pid, MOTHER)),) if harm else ()
        return Group(None, (), whose, unnamed=nobodys([pid], harm) if harm else None, child=child)
    parts = [Part(mother.patient, at(pid, MOTHER))] if harm else []
    parts += as_parts(mother.subject, hers, now)
    return Group(mother.subject, tuple(parts), child=child)


def _mother_of(message: Message, pid: Segment, dialect: Dialect, now: datetime) -> Named | None:
    """Her number, which is all of her that a baby's record tells. None when nobody can tell."""
    written = _mothers_numbers(message, pid, dialect)
    hers = (Segment("PID", 1, pid.delimiters, pid.codec, ("PID", "", "", number)) for number in written)
    found = (read_patient(each, dialect, now, updates=False) for each in hers)
    return next((each for each in found if each.patient is not None), None)


def _mothers_numbers(message: Message, pid: Segment, dialect: Dialect) -> Iterator[str]:
    """As PID-21 has them, then the relatives whom the site calls the mother, where the message is about nobody else."""
    if said(pid, MOTHER):
        yield pid.raw(MOTHER)
    alone = all(each.number == pid.number for each in message.named("PID"))
    for each in message.named("NK1") if alone else ():
        relations = {relation.code for relation in triplets(each, RELATIONSHIP)}
        if said(each, RELATIVE) and not relations.isdisjoint(dialect.codes.relationships):
            yield each.raw(RELATIVE)


def of_a_mother(
    message: Message, pid: Segment, told: Iterable[LifeEvent], dialect: Dialect, now: datetime
) -> Iterator[Part]:
    """Of a grown patient of whom harm is told and whose mother is named: where PID-7 is a slip of the pen, it is her
    baby."""
    mother = None if HARMS.isdisjoint(told) else _mother_of(message, pid, dialect, now)
    if mother is not None and mother.subject is not None:
        received, called = Received("Patient", b""), frozenset({number_written([pid])})
        died = ReceivedEvent(received, mother.subject, LifeEvent.BABY_DIED, None, called, certain=False)
        yield Part(died, at(pid, MOTHER))


def _its_own(told: Told, pid: Segment) -> Told:
    """What a record tells of a baby is never that its mother has died."""
    if told.event is not LifeEvent.WOMAN_DIED:
        return told
    died_on = day(said(pid, DATE_OF_DEATH)) or told.day
    return told._replace(event=LifeEvent.BABY_DIED, day=died_on, sources=NO_NAME)


def _birth_order(pid: Segment) -> str:
    """Which of twins it is; a record may call any baby the first."""
    return said(pid, BIRTH_ORDER) if said(pid, MULTIPLE_BIRTH).upper() in YES else ""


def _of_its_life(pid: Segment, dialect: Dialect, now: datetime) -> Iterator[Told]:
    born = day(said(pid, BIRTH_DATE))
    if born is not None:
        yield Told(LifeEvent.BIRTH, born, at(pid))
    died, _ = death_in(pid, dialect, now)
    if died is not False:
        yield Told(LifeEvent.WOMAN_DIED, None, at(pid), certain=bool(died))
