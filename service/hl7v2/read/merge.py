"""A40 and its like -> ReceivedMerge: PID is the record that stays, MRG-1 names the one that has become part of it."""

from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import datetime

from service.flow.merge_patients import ReceivedMerge
from service.flow.received import Identifier, Received, Reference
from service.flow.received_message import Flaw, Group, Part, Problem
from service.flow.rules import Rules
from service.hl7v2.dialect import Dialect
from service.hl7v2.read.baby import is_baby
from service.hl7v2.read.event import beside_records, of_her_life, of_record, unnamed
from service.hl7v2.read.fields import at
from service.hl7v2.read.orders import Patient, by_pid
from service.hl7v2.read.patient import PATIENT_IDENTIFIERS, facts_in, identifiers_in
from service.hl7v2.read.person import person
from service.hl7v2.segments import Message, Segment

RETIRED = 1


def read_merge(message: Message, dialect: Dialect, rules: Rules, now: datetime) -> tuple[Group, ...]:
    """One group for each pair of PID and MRG (ADT_A39 repeats them)."""
    groups = [_group(message, *pair, dialect, rules, now) for pair in _pairs(message, dialect, rules)]
    if not groups:
        groups = [Group(None, (), (Flaw(Problem.SEGMENT_MISSING, "MRG^1"),)), *_alone(message, dialect, rules, now)]
    return (*groups, *beside_records(message, dialect, rules, now))


def read_account_merge(message: Message, dialect: Dialect, rules: Rules, now: datetime) -> tuple[Group, ...]:
    """Accounts or visits of one patient become one, which is nothing to us; when it names two patients, a person is to
    look."""
    groups = []
    for pid, hers, retired in _pairs(message, dialect, rules):
        names = identifiers_in(pid, PATIENT_IDENTIFIERS, dialect)
        others = [each for each in identifiers_in(retired, RETIRED, dialect) if each not in names]
        flaws = (Flaw(Problem.IDENTITIES_REARRANGED, at(retired, RETIRED)),) if others else ()
        groups.append(of_record(message, pid, hers, flaws, dialect, rules, now))
    return (*(groups or _alone(message, dialect, rules, now)), *beside_records(message, dialect, rules, now))


def _alone(message: Message, dialect: Dialect, rules: Rules, now: datetime) -> list[Group]:
    """Of a message that names no other record."""
    return [of_record(message, pid, hers, (), dialect, rules, now) for pid, hers in by_pid(message, dialect, rules)]


def _pairs(message: Message, dialect: Dialect, rules: Rules) -> Iterator[tuple[Segment, list[Patient], Segment]]:
    """Each MRG behind the PID before it, and what the message has of the patient in that."""
    records, record = iter(by_pid(message, dialect, rules)), None
    for segment in message.named("PID", "MRG"):
        if segment.name == "PID":
            record = next(records)
        elif record is not None:
            yield *record, segment


def _group(
    message: Message,
    pid: Segment,
    patients: Collection[Patient],
    retired: Segment,
    dialect: Dialect,
    rules: Rules,
    now: datetime,
) -> Group:
    gone = identifiers_in(retired, RETIRED, dialect)
    if is_baby(message, pid, dialect, now):
        return _of_baby(of_record(message, pid, patients, (), dialect, rules, now), gone)
    names = identifiers_in(pid, PATIENT_IDENTIFIERS, dialect)
    if not names or not gone:
        place = at(retired, RETIRED) if names else at(pid, PATIENT_IDENTIFIERS)
        unusable = Flaw(Problem.IDENTIFIER_UNUSABLE, place)
        group = of_record(message, pid, patients, (unusable,), dialect, rules, now)
        # Under a retired number that nobody can use she may be known all the same.
        return group._replace(unnamed=unnamed(message, patients, dialect, rules, now)) if names else group
    # Some records go on naming the retired number in PID-3, and some the one that stays in MRG-1.
    stays = tuple(each for each in names if each not in gone) or names
    retired_ones = tuple(each for each in gone if each not in stays)
    subject = Reference("Patient", identifier=stays[0])
    facts, _ = facts_in(pid, dialect, now)
    life = of_her_life(message, patients, subject, dialect, rules, now)
    if not retired_ones:
        return Group(subject, tuple(life))
    body = person(pid, stays, facts, dialect.zone, frozenset())
    received = Received("Patient", body, identifiers=stays, condition=stays[0])
    merge = ReceivedMerge(received, facts, retired_ones)
    return Group(subject, (Part(merge, at(retired, RETIRED)), *life))


def _of_baby(group: Group, gone: tuple[Identifier, ...]) -> Group:
    """Nobody's record becomes a baby's: where either number is that of a woman who is known, it may be she."""
    child = group.child and replace(group.child, names=(*group.child.names, *gone))
    return group._replace(child=child)
