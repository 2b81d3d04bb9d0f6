"""When the observations of an order were made, and with that which administration each of them belongs to."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from service.hl7v2.dialect import Dialect
from service.hl7v2.read.fields import said
from service.hl7v2.segments import Segment
from service.hl7v2.times import Moment, moment

# Where each kind of segment says when.
_OBX_TIME = 14
TIMES: Mapping[str, int] = {"OBR": 7, "TXA": 4, "OBX": _OBX_TIME}


# Of an observation that does not say when it was made: when it ended, or was given out.
_AT_THE_LATEST: Mapping[str, tuple[int, ...]] = {"OBR": (8, 22), "TXA": (6, 7)}


class _Time(NamedTuple):
    """`day` is as it was written."""

    day: str
    moment: Moment


class Times(NamedTuple):
    """`by_obx` is the administration that each OBX belongs to, by its number; one of which no time can be told is left
    out, and `first` is the earliest. `untimely` is where it says when, and what it says is no time."""

    by_obx: Mapping[int, Moment]
    first: Moment | None
    untimely: list[tuple[Segment, int]]


def administrations(headers: Iterable[Segment], observations: Iterable[Segment], dialect: Dialect) -> Times:
    """OBX-14 counts before OBR-7 (v2.5.1, 7.4.2.14), but senders write into it the second at which each question was
    answered, or at which one was corrected. So all of one day are one administration: at OBR-7, where that is the day,
    else at the earliest.
    """
    untimely: list[tuple[Segment, int]] = []
    asked = next(filter(None, (_time(each, dialect, untimely) for each in headers)), None)
    own: dict[str, _Time | None] = {}
    written: dict[int, str] = {}
    for obx in observations:
        each = written[obx.number] = obx.raw(_OBX_TIME)
        if own.get(each) is None:
            own[each] = _time(obx, dialect, untimely)
    told = {each: time for each, found in own.items() if (time := found or asked) is not None}
    by_day: dict[str, Moment] = {}
    for time in told.values():
        by_day[time.day] = min(time.moment, by_day.get(time.day, time.moment))
    if asked is not None:
        by_day[asked.day] = asked.moment
    by_written = {each: by_day[time.day] for each, time in told.items()}
    by_obx = {number: by_written[each] for number, each in written.items() if each in by_written}
    return Times(by_obx, min(by_written.values(), default=None), untimely)


def at_the_latest(headers: Iterable[Segment], dialect: Dialect, now: datetime) -> datetime:
    """Of what does not say when it was made: no later than it ended, was given out, or came, as by FHIR."""
    told = (moment(said(each, field), dialect.zone) for each in headers for field in _AT_THE_LATEST[each.name])
    return min((now, *(each.begins for each in told if each is not None)))


def _time(segment: Segment, dialect: Dialect, untimely: list[tuple[Segment, int]]) -> _Time | None:
    field = TIMES[segment.name]
    whole = segment.raw(field)
    if not whole:
        return None
    meant = moment(whole, dialect.zone)
    if meant is not None:
        return _Time(whole[:8], meant)
    # A TS has a second component until version 2.5.
    written = said(segment, field)
    meant = moment(written, dialect.zone)
    if meant is not None:
        return _Time(written[:8], meant)
    if written:
        untimely.append((segment, field))
    return None
