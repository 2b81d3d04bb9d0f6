"""What a message tells of a woman's life, or of her baby's: by the hospital's own codes in whatever segment they stand,
and in an observation by those of the pregnancy too."""

from collections.abc import Collection, Iterable, Iterator
from datetime import date, datetime
from typing import NamedTuple

from service.flow.hear_event import NO_NAME, ReceivedEvent
from service.flow.received import Received, Reference
from service.flow.received_message import Part
from service.flow.rules import Rules
from service.hl7v2.dialect import Dialect
from service.hl7v2.read.administration import TIMES
from service.hl7v2.read.codes import says_no, triplets
from service.hl7v2.read.fields import at, said
from service.hl7v2.read.naming import instance_of, name_of
from service.hl7v2.read.observed import NOT_SAID, Observed, status_of
from service.hl7v2.read.orders import Order, Patient
from service.hl7v2.segments import Message, Segment
from service.hl7v2.site_codes import EventRule
from service.hl7v2.times import day, moment
from service.referrals.life_event import HARMS, LifeEvent, is_history, may_be_one, taken_back
from service.screening.result import DECIDING, VOID, Status
from service.shared.clock import DAYS_DIFFER_BY


class Told(NamedTuple):
    """What is told, the day on which it happened, where it stands, and what the sender calls each order, or baby, of
    which it is told. It is not `certain` as an observation tells it that is not final."""

    event: LifeEvent
    day: date | None
    at: str
    sources: frozenset[str] = NO_NAME
    certain: bool = True


# DG1-21 (table 0206) of a diagnosis that is taken away.
_ACTION, _DELETED = 21, "D"
# Events of ADT by which something of a visit is cancelled (table 0003): how it ended is then what did not happen.
_CANCELS = frozenset(("A11", "A12", "A13", "A25", "A26", "A27", "A32", "A33", "A38", "A52", "A53", "A55", "A61"))
_OF_A_VISIT = frozenset({"PV1", "PV2"})


def happened(
    message: Message, patients: Collection[Patient], dialect: Dialect, rules: Rules, now: datetime
) -> list[Told]:
    """Every event that is told of these patients, each once. What stands in no order may be anybody's in a message that
    is about others too."""
    told = [*told_outside(message, dialect, now)] if are_all(message, patients) else []
    for order in (order for each in patients for order in each.orders):
        told += _told_in(order, message, dialect, now)
    return each_once(told)


def each_once(told: Collection[Told]) -> list[Told]:
    """What one observation takes back and another says anew is said. One message tells of all that happened on a day,
    whoever reads of one of twins in it reads of the other."""
    found: dict[tuple[LifeEvent, date | None], Told] = {}
    stands = {each.day for each in told if each.event in HARMS}
    for each in told:
        if each.event is not LifeEvent.TAKEN_BACK or not any(may_be_one(each.day, day) for day in stands):
            before = found.setdefault((each.event, each.day), each)
            sources, certain = before.sources | each.sources, before.certain or each.certain
            found[each.event, each.day] = before._replace(sources=sources, certain=certain)
    # A birth of another day takes the place of the one that is taken back.
    return sorted(found.values(), key=lambda each: each.event is not LifeEvent.NOT_BORN)


def are_all(message: Message, patients: Collection[Patient]) -> bool:
    """Whether the message is about nobody else."""
    these = {each.pid.number for each in patients if each.pid is not None}
    return all(pid.number in these for pid in message.named("PID"))


def told_outside(message: Message, dialect: Dialect, now: datetime) -> Iterator[Told]:
    """What stands in no order. Without a day its code tells it from another."""
    for rule in _rules(message, dialect):
        for segment in message.named(rule.segment) if rule.segment != "OBX" else ():
            codes = _matching(segment, rule)
            if codes:
                means, when = rule.means, _day(segment, rule)
                heard = taken_back(means) if _is_taken_back(message, segment) else means
                told = Told(heard, when, at(segment, rule.field), codes if when is None else NO_NAME)
                yield _dated(told, message, segment, now)


def _is_taken_back(message: Message, segment: Segment) -> bool:
    deleted = segment.name == "DG1" and said(segment, _ACTION).upper() == _DELETED
    return deleted or (segment.name in _OF_A_VISIT and message.header.text(9, 2).upper() in _CANCELS)


def _told_in(order: Order, message: Message, dialect: Dialect, now: datetime) -> Iterator[Told]:
    own = [rule for rule in _rules(message, dialect) if rule.segment == "OBX"]
    unsaid = (order.status or Status.UNKNOWN) if order.headers else Status.FINAL
    for one in order.seen if own else [one for one in order.seen if one.is_unwelcome]:
        obx = one.obx
        told = [Told(rule.means, _day(obx, rule), at(obx, rule.field)) for rule in own if _matching(obx, rule)]
        if not told and one.is_unwelcome:
            told = _unless_history(obx, order, dialect, now)
        if not told or says_no(one.values):
            continue
        source = _source(message, order, obx)
        heard = (_heard(each._replace(sources=frozenset({source})), one, unsaid) for each in told)
        yield from (_dated(each, message, obx, now) for each in heard if each is not None)


def _source(message: Message, order: Order, obx: Segment) -> str:
    """What the sender calls the order. One without a number is another one in each message, unless the observation has
    its own; in no order it is what a record goes on telling."""
    name = name_of(message, order)
    if name is not None:
        return name.value
    return (instance_of(obx) or message.header.text(10)) if order.headers else ""


def _rules(message: Message, dialect: Dialect) -> Iterator[EventRule]:
    for rule in dialect.codes.events:
        if not rule.triggers or message.header.text(9, 2).upper() in rule.triggers:
            yield rule


def _matching(segment: Segment, rule: EventRule) -> frozenset[str]:
    codes = {each.code for each in triplets(segment, rule.field)}
    codes |= {parts[0] for parts in segment.repetitions(rule.field)}
    return frozenset(filter(rule.matches, filter(None, codes)))


def _unless_history(obx: Segment, order: Order, dialect: Dialect, now: datetime) -> list[Told]:
    written = next((time for each in (obx, *order.headers) if (time := said(each, TIMES[each.name]))), "")
    when = moment(written, dialect.zone)
    old = when is not None and is_history(when.begins, now)
    return [] if old else [Told(LifeEvent.SAFETY_EVENT, day(written), at(obx))]


def _heard(told: Told, one: Observed, unsaid: Status) -> Told | None:
    """As what an observation tells it, whose status is `unsaid` when OBX-11 is empty: it need not be final to make
    contact unwelcome. None when it was only ordered."""
    status = status_of(one.obx, unsaid)
    if said(one.obx, 11).upper() in NOT_SAID or (status is Status.REGISTERED and not one.values):
        return None
    if status in VOID:
        return told._replace(event=taken_back(told.event))
    if status in DECIDING:
        return told
    return None if told.event is LifeEvent.BIRTH else told._replace(certain=False)


def _day(segment: Segment, rule: EventRule) -> date | None:
    return day(said(segment, rule.day)) if rule.day is not None else None


def _dated(told: Told, message: Message, segment: Segment, now: datetime) -> Told:
    """A birth was on some day, if only on that of its message."""
    if told.event is not LifeEvent.BIRTH or told.day is not None:
        return told
    event, observed_on = message.first("EVN"), said(segment, TIMES["OBX"]) if segment.name == "OBX" else ""
    written = (day(said(event, 6)) or day(said(event, 2))) if event else None
    return told._replace(day=written or day(observed_on) or day(said(message.header, 7)) or now.date())


def as_parts(subject: Reference, told: Iterable[Told], now: datetime) -> Iterator[Part]:
    for event, when, place, sources, certain in told:
        # A day that has begun nowhere yet is a slip of the pen, or of the clock.
        day_of_it = None if when is not None and when > (now + DAYS_DIFFER_BY).date() else when
        if event is not LifeEvent.BIRTH or day_of_it is not None:
            yield Part(ReceivedEvent(Received("Patient", b""), subject, event, day_of_it, sources, certain), place)
