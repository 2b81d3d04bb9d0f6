"""ADT -> what it says of a woman and of her life: her facts, a birth, a loss, a death (v2.5.1, chapter 3).

Which event it is matters only where the hospital has decided that it does: most of its ADT is about beds.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime

from service.flow.hear_event import ReceivedEvent
from service.flow.keep_unreadable import Recognised
from service.flow.received import Child, Received, Reference
from service.flow.received_message import Flaw, Group, Part, Problem
from service.flow.rules import Rules
from service.hl7v2.dialect import Dialect
from service.hl7v2.read.codes import says_no, triplets, values_of
from service.hl7v2.read.consent import nobodys_consents, read_consents
from service.hl7v2.read.fields import at, said
from service.hl7v2.read.orders import patients_in
from service.hl7v2.read.patient import (
    BIRTH_DATE,
    DATE_OF_DEATH,
    DEATH,
    PATIENT_IDENTIFIERS,
    Named,
    facts_in,
    identifiers_in,
    number_written,
    read_patient,
    says_died,
)
from service.hl7v2.read.recognise import recognise_orders
from service.hl7v2.segments import Message, Segment
from service.hl7v2.site_codes import EventRule
from service.hl7v2.times import day, moment
from service.referrals.life_event import UNWELCOME, LifeEvent
from service.referrals.patient import PatientFacts
from service.shared.clock import DAYS_DIFFER_BY, is_to_come

Told = tuple[LifeEvent, date | None, str]
"""What is told, the day on which it happened, and where it stands."""

MOTHER, RELATIONSHIP, RELATIVE = 21, 3, 33
# OBX-11 (table 0085) and DG1-21 (table 0206) of what counts; an empty one counts too.
_COUNTS = {"OBX": (11, frozenset("FCAUVB")), "DG1": (21, frozenset("AU"))}


def read_demographics(message: Message, dialect: Dialect, rules: Rules, now: datetime) -> tuple[Group, ...]:
    """An ADT that is about her facts: what it says of them counts, also of a woman who is not known yet."""
    return (_group(message, dialect, rules, now, updates=True),)


def read_movement(message: Message, dialect: Dialect, rules: Rules, now: datetime) -> tuple[Group, ...]:
    """An ADT that is about where she is: only an event or a consent in it counts, and what a person is to look at. Each
    makes a woman known who was not."""
    return (_group(message, dialect, rules, now, updates=False),)


def read_for_a_person(message: Message, dialect: Dialect, rules: Rules, now: datetime) -> tuple[Group, ...]:
    """Records that are linked, unlinked or moved: which of them is whose is no machine's to decide."""
    groups = (
        of_record(message, pid, (Flaw(Problem.IDENTITIES_REARRANGED, at(pid)),), dialect, now)
        for pid in message.named("PID")
    )
    return tuple(groups) or (Group(None, (), (Flaw(Problem.SEGMENT_MISSING, "PID^1"),)),)


def of_record(message: Message, pid: Segment, flaws: tuple[Flaw, ...], dialect: Dialect, now: datetime) -> Group:
    """Of a message about records alone: nothing counts but what it tells of her life."""
    names = identifiers_in(pid, PATIENT_IDENTIFIERS, dialect)
    if not names:
        return Group(None, (), flaws, happened_to=harmed(message, [pid], dialect, now))
    subject = Reference("Patient", identifier=names[0])
    life = of_her_life(message, pid, subject, facts_in(pid, dialect, now), dialect, now)
    return Group(subject, tuple(life), flaws)


def _group(message: Message, dialect: Dialect, rules: Rules, now: datetime, *, updates: bool) -> Group:
    pids, happened = list(message.named("PID")), _happened(message, dialect, now)
    recognised = recognise_orders([order for each in patients_in(message) for order in each.orders], dialect, rules)

    def of_nobody(*flaws: Flaw) -> Group:
        return Group(None, (), flaws, recognised, harmed(message, pids, dialect, now))

    if len(pids) != 1:
        return of_nobody(Flaw(Problem.SEGMENT_MISPLACED if pids else Problem.SEGMENT_MISSING, f"PID^{len(pids) or 1}"))
    (pid,) = pids
    if is_baby(pid, dialect, now):
        told = [*_of_its_life(pid), *happened]
        return of_baby(pid, message.named("NK1"), told, nobodys_consents(message.segments, dialect), dialect, now)
    named = read_patient(pid, dialect, now, updates=updates)
    if named.patient is None or named.subject is None:
        return of_nobody(*named.flaws)
    # What has happened to a woman who is not known yet is remembered too. A hospital tells of every birth.
    died = _her_death(pid, named.subject, named.patient.facts)
    consents, flaws = read_consents(message.segments, named.subject, dialect, rules, now)
    speaks_of_her = updates or _is_unwelcome(happened) or bool(died or consents) or recognised is not Recognised.NOTHING
    parts = [Part(named.patient, at(pid))] if speaks_of_her else []
    parts += [*consents, *died, *_events(named.subject, happened, now)]
    if recognised is not Recognised.NOTHING:
        # Results come in an ORU: what stands here has no order, of which status and time could be known.
        flaws.append(Flaw(Problem.SEGMENT_MISPLACED, "OBX^1"))
    return Group(named.subject, tuple(parts), (*(named.flaws if speaks_of_her else ()), *flaws), recognised)


def is_baby(pid: Segment, dialect: Dialect, now: datetime) -> bool:
    """Whether it is about a baby or a child: nobody of that age is ever referred."""
    born = moment(said(pid, BIRTH_DATE), dialect.zone)
    if born is None or is_to_come(born.begins, now):
        return bool(said(pid, MOTHER))
    return dialect.codes.is_child(born.begins.date(), now.date())


def of_her_life(
    message: Message, pid: Segment, subject: Reference, facts: PatientFacts, dialect: Dialect, now: datetime
) -> list[Part]:
    """What a message of any type tells of her: that she has died and, where it is about nobody else, what the site's
    codes tell outside of its observations, which are read with their order."""
    alone = len(list(message.named("PID"))) == 1
    told = _happened(message, dialect, now, without="OBX") if alone else ()
    return [*_her_death(pid, subject, facts), *_events(subject, told, now)]


def harmed(message: Message, pids: Iterable[Segment], dialect: Dialect, now: datetime) -> str | None:
    """By what numbers the record has these, where it tells of a death or of something else that makes contact
    unwelcome and nobody can tell whose; None when it does not."""
    unwelcome = _is_unwelcome(_happened(message, dialect, now)) or any(map(says_died, message.named("PID")))
    return number_written(pids) if unwelcome else None


def _is_unwelcome(happened: Iterable[Told]) -> bool:
    return any(event is not LifeEvent.BIRTH for event, _, _ in happened)


def _her_death(pid: Segment, subject: Reference, facts: PatientFacts) -> list[Part]:
    if not facts.deceased:
        return []
    return [Part(ReceivedEvent(Received("Patient", b""), subject, LifeEvent.WOMAN_DIED, None), at(pid, DEATH))]


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
    pid: Segment,
    relatives: Iterable[Segment],
    told: Iterable[Told],
    consents: Sequence[Flaw],
    dialect: Dialect,
    now: datetime,
) -> Group:
    """What it tells of the mother. A birth without one is nobody's here; anything else is for a person to look at.

    After a loss she is made known by her number, so that it is remembered when she is referred.
    """
    # What a record tells of a baby is never that its mother has died.
    hers = [each for each in told if each[0] is not LifeEvent.WOMAN_DIED]
    harm = any(event in UNWELCOME for event, _, _ in hers)
    mother = _mother_of(pid, relatives, dialect, now)
    child = Child(identifiers_in(pid, PATIENT_IDENTIFIERS, dialect), dialect.codes.woman_from, at(pid))
    if mother is None or mother.patient is None or mother.subject is None:
        whose = [Flaw(Problem.IDENTIFIER_UNUSABLE, at(pid, MOTHER))] if harm else []
        return Group(None, (), (*whose, *consents), happened_to=number_written([pid]) if harm else None, child=child)
    parts = [Part(mother.patient, at(pid, MOTHER))] if harm else []
    return Group(mother.subject, (*parts, *_events(mother.subject, hers, now)), tuple(consents), child=child)


def its_death(pid: Segment) -> list[Told]:
    """Of a baby's record."""
    return [(LifeEvent.BABY_DIED, day(said(pid, DATE_OF_DEATH)), at(pid))] if says_died(pid) else []


def _of_its_life(pid: Segment) -> list[Told]:
    born = day(said(pid, BIRTH_DATE))
    return [*([(LifeEvent.BIRTH, born, at(pid))] if born is not None else []), *its_death(pid)]


def _happened(message: Message, dialect: Dialect, now: datetime, without: str | None = None) -> list[Told]:
    """Every event that the site's codes tell of in other segments than this one, each once, and where it stands."""
    found: dict[tuple[LifeEvent, date | None], str] = {}
    trigger = message.header.text(9, 2).upper()
    for rule in dialect.codes.events:
        if rule.segment == without or (rule.triggers and trigger not in rule.triggers):
            continue
        for segment in message.named(rule.segment):
            if _says(segment, rule):
                found.setdefault((rule.means, _day(message, segment, rule, now)), at(segment, rule.field))
    return [(event, happened, place) for (event, happened), place in found.items()]


def _says(segment: Segment, rule: EventRule) -> bool:
    place, counting = _COUNTS.get(segment.name, (0, frozenset[str]()))
    status = said(segment, place).upper() if place else ""
    if status and status not in counting:
        return False
    if segment.name == "OBX" and says_no(values_of(segment)):
        return False
    codes = {each.code for each in triplets(segment, rule.field)}
    codes |= {parts[0] for parts in segment.repetitions(rule.field)}
    return any(map(rule.matches, filter(None, codes)))


def _day(message: Message, segment: Segment, rule: EventRule, now: datetime) -> date | None:
    written = day(said(segment, rule.day)) if rule.day is not None else None
    if written is None and rule.means is LifeEvent.BIRTH:
        event = message.first("EVN")
        written = (day(said(event, 6)) or day(said(event, 2))) if event else None
        return written or day(said(message.header, 7)) or now.date()
    return written


def _events(subject: Reference, told: Iterable[Told], now: datetime) -> Iterator[Part]:
    for event, happened, place in told:
        # A day that has begun nowhere yet is a slip of the pen, or of the clock.
        day_of_it = None if happened is not None and happened > (now + DAYS_DIFFER_BY).date() else happened
        if event is not LifeEvent.BIRTH or day_of_it is not None:
            yield Part(ReceivedEvent(Received("Patient", b""), subject, event, day_of_it), place)
