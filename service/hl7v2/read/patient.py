"""PID -> ReceivedPatient: who she is, and the few facts that placing her needs (v2-to-FHIR, PID[Patient])."""

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from functools import partial
from itertools import compress, count
from typing import NamedTuple

from service.flow.answer import Reason
from service.flow.received import Identifier, Received, Reference, listed
from service.flow.received_message import Flaw, Problem
from service.flow.register_patient import ReceivedPatient
from service.flow.tell_unnamed import Unnamed
from service.hl7v2.dialect import Dialect
from service.hl7v2.read.codes import NO, YES
from service.hl7v2.read.fields import at, of, said
from service.hl7v2.read.person import GENDERS, person
from service.hl7v2.segments import Segment
from service.hl7v2.times import day, moment
from service.referrals.life_event import LifeEvent
from service.referrals.patient import PatientFacts, birth_date
from service.shared.clock import is_to_come
from service.shared.language import language_tag

_MOST_IDENTIFIERS, _LONGEST_AUTHORITY = 50, 64
PATIENT_IDENTIFIERS, NAME, BIRTH_DATE, GENDER, DATE_OF_DEATH, DEATH = 3, 5, 7, 8, 29, 30

# By what type of name (table 0200) a programme would call her, and where (table 0190) it would look for her, the best
# first. Any other type is kept, and used for neither.
_NAMES = ("D", "L", "", "N")
_ADDRESSES = ("H", "P", "L", "", "C", "B", "O")
_YES_OR_NO = YES | NO | {""}
# The fields that a fact is taken from. None of them says whether she needs an interpreter.
_SAID_IN: Mapping[str, frozenset[int]] = {
    "preferred_name": frozenset({NAME}),
    "birth_date": frozenset({BIRTH_DATE}),
    "district": frozenset({11}),
    "language": frozenset({15}),
    "interpreter": frozenset(),
    "deceased": frozenset({DATE_OF_DEATH, DEATH}),
    "gender": frozenset({GENDER}),
}


Wrong = dict[int, Problem | Reason]
"""What is wrong in a PID, by its fields."""


class Named(NamedTuple):
    """Who a segment is about. `patient` and `subject` are None when no identifier in it can be used."""

    patient: ReceivedPatient | None
    subject: Reference | None
    flaws: tuple[Flaw, ...]


def read_patient(pid: Segment, dialect: Dialect, now: datetime, *, updates: bool) -> Named:
    """`updates` is True where the message is about her facts (ADT): then what it says of them counts, `""` takes away
    and an empty field leaves as it is (v2.5.1, 2.5.3.2), and so does a date that is none or is still to come.
    Otherwise it only registers a woman who was not known, or of whom nothing but her number was."""
    identifiers = identifiers_in(pid, PATIENT_IDENTIFIERS, dialect)
    if not identifiers:
        unknown = Flaw(Problem.IDENTIFIER_UNUSABLE, at(pid, PATIENT_IDENTIFIERS), _authority(pid))
        return Named(None, None, (unknown,))
    facts, wrong = facts_in(pid, dialect, now)
    unused = frozenset(wrong)
    received = Received(
        type="Patient",
        # Of a woman who is known and unchanged nobody asks for it.
        content=_once(partial(person, pid, identifiers, facts, dialect.zone, unused)),
        identifiers=identifiers,
        condition=identifiers[0],
    )
    used = {*compress(count(), pid.fields)} - unused
    unsaid = frozenset([fact for fact, places in _SAID_IN.items() if used.isdisjoint(places)])
    return Named(
        patient=ReceivedPatient(received, facts, updates, unsaid=unsaid, fills=True),
        subject=Reference("Patient", identifier=identifiers[0]),
        flaws=tuple(Flaw(problem, at(pid, field)) for field, problem in wrong.items()),
    )


def _once(make: Callable[[], bytes]) -> Callable[[], bytes]:
    """What `functools.cache` does, which takes longer to begin than all else that is made of her."""
    made: list[bytes] = []

    def get() -> bytes:
        if not made:
            made.append(make())
        return made[0]

    return get


def identifiers_in(segment: Segment, field: int, dialect: Dialect) -> tuple[Identifier, ...]:
    """What each CX of a field stands for, as PID-3, PID-21 and MRG-1 have them; those of no use are left out, and all
    of them where there are more than anybody has."""
    last = segment.raw(field).count(segment.delimiters.repetition) + 1
    if last > _MOST_IDENTIFIERS:
        return ()
    found = []
    for each in range(1, last + 1):
        namespace, universal, kind = [segment.text(field, 4, each, part) for part in (1, 2, 3)]
        value, type = said(segment, field, 1, each), said(segment, field, 5, each)
        found.append(dialect.identifier(value, namespace, universal, kind, type))
    return tuple(dict.fromkeys(filter(None, found)))


def nobodys(pids: Collection[Segment], events: frozenset[LifeEvent] = frozenset(), *, refuses: bool = False) -> Unnamed:
    """What is told of whomever these are, where nobody can tell which woman that is: by what the record has them."""
    person = " ".join(pid.raw(field) for pid in pids for field in (NAME, BIRTH_DATE))
    return Unnamed(number_written(pids), events, refuses, person=person)


def number_written(pids: Iterable[Segment]) -> str:
    """Under what numbers the record has whomever these are, the first of each with who assigns it, for a person to look
    them up by: another authority's same number is somebody else's."""
    first = ((said(pid, PATIENT_IDENTIFIERS), _authority(pid)) for pid in pids)
    return listed(f"{number} ({by})" if by else number for number, by in first if number)


def _authority(pid: Segment) -> str:
    """Of the first identifier, by any of its names; a person is told of each other one only once."""
    named = (pid.text(PATIENT_IDENTIFIERS, 4, 1, part) for part in (1, 2))
    return next((each for each in named if each), "")[:_LONGEST_AUTHORITY]


def facts_in(pid: Segment, dialect: Dialect, now: datetime) -> tuple[PatientFacts, Wrong]:
    """What PID does not say is None or False, and so is a birth date that nobody can have, or a day still to come.

    A date that is none, or that is still to come, is told, and she is taken without it; so is what does not say whether
    she has died.
    """
    died, wrong = death_in(pid, dialect, now)
    born = said(pid, BIRTH_DATE)
    meant = moment(born, dialect.zone)
    if born and meant is None:
        wrong[BIRTH_DATE] = Problem.VALUE_UNREADABLE
    elif meant is not None and is_to_come(meant.begins, now):
        wrong[BIRTH_DATE], born = Reason.IN_THE_FUTURE, ""
    facts = PatientFacts(
        preferred_name=_first(pid, NAME, 2, _NAMES),
        birth_date=birth_date(day(born), now.date()),
        district=_first(pid, 11, dialect.district, _ADDRESSES),
        language=_language(pid, dialect),
        interpreter=False,
        gender=_gender(pid),
        deceased=bool(died),
    )
    return facts, wrong


def death_in(pid: Segment, dialect: Dialect, now: datetime) -> tuple[bool | None, Wrong]:
    """Whether whoever it is about has died, None where nobody can tell: PID-30 says no to the day in PID-29, or says
    nothing to what may be one. With what is wrong in them."""
    whether, when = said(pid, DEATH).upper(), said(pid, DATE_OF_DEATH)
    wrong: Wrong = {} if whether in _YES_OR_NO else {DEATH: Problem.VALUE_UNREADABLE}
    if not when:
        return whether in YES, wrong
    has_day, problem = _day_of_death(when, dialect, now)
    if has_day and whether in NO:
        return None, dict.fromkeys((DATE_OF_DEATH, DEATH), Problem.VALUE_UNREADABLE)
    if problem is not None:
        wrong[DATE_OF_DEATH] = problem
    return (whether in YES if whether in YES | NO else has_day), wrong


def _day_of_death(written: str, dialect: Dialect, now: datetime) -> tuple[bool | None, Problem | Reason | None]:
    """Whether it is a day on which somebody may have died, None where nobody can tell, and what is wrong with it."""
    meant = moment(written, dialect.zone)
    if meant is None:
        # Some records write zeros where they have none.
        return None if written.strip("0") else False, Problem.VALUE_UNREADABLE
    if is_to_come(meant.begins, now):
        return False, Reason.IN_THE_FUTURE
    if birth_date(meant.begins.date(), now.date()) is None:
        return False, Problem.VALUE_UNREADABLE
    return True, None


def _gender(pid: Segment) -> str | None:
    gender = GENDERS.get(said(pid, GENDER).upper())
    return None if gender == "unknown" else gender


def _first(pid: Segment, field: int, component: int, types: tuple[str, ...]) -> str | None:
    """The component in the repetition of the best type; in an XPN and an XAD the type is component 7."""
    found: dict[str, str] = {}
    for parts in pid.repetitions(field):
        value = of(parts, component)
        if value:
            found.setdefault(of(parts, 7).upper(), value)
    return next((found[type] for type in types if type in found), None)


def _language(pid: Segment, dialect: Dialect) -> str | None:
    """By the site's words for it, else where one of the three triplets says a tag itself."""
    parts = next(iter(pid.repetitions(15)), ())
    for component in (1, 4, 10):
        written = of(parts, component)
        if written and (tag := dialect.languages.get(written.casefold()) or language_tag(written)):
            return tag
    return None
