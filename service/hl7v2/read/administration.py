"""When the observations of an order were made, and with that which administration each of them belongs to."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from service.hl7v2.dialect import Dialect
from service.hl7v2.read.fields import said
from service.hl7v2.segments import Segment
from service.hl7v2.times import Moment, moment

# Where each kind of segment says when.
TIMES: Mapping[str, int] = {"OBR": 7, "TXA": 4, "OBX": 14}


class _Time(NamedTuple):
    """`day` is as it was written."""

    day: str
    moment: Moment


class Times(NamedTuple):
    """`by_written` is the administration that each OBX belongs to, by its OBX-14; one of which no time can be told is
    left out. `untimely` is where it says when, and what it says is no time."""

    by_written: Mapping[str, Moment]
    untimely: list[tuple[Segment, int]]

    @property
    def first(self) -> Moment | None:
        return min(self.by_written.values(), default=None)

    def of(self, obx: Segment) -> Moment | None:
        return self.by_written.get(obx.raw(TIMES["OBX"]))


def administrations(headers: Iterable[Segment], observations: Iterable[Segment], dialect: Dialect) -> Times:
    """OBX-14 counts before OBR-7 (v2.5.1, 7.4.2.14), but senders write into it the second at which each question was
    answered, or at which one was corrected. So all of one day are one administration: at OBR-7, where that is the day,
    else at the earliest.
    """
    untimely: list[tuple[Segment, int]] = []
    asked = next(filter(None, (_time(each, dialect, untimely) for each in headers)), None)
    own: dict[str, _Time | None] = {}
    for obx in observations:
        written = obx.raw(TIMES["OBX"])
        if own.get(written) is None:
            own[written] = _time(obx, dialect, untimely)
    told = {written: time for written, each in own.items() if (time := each or asked) is not None}
    by_day: dict[str, Moment] = {}
    for time in told.values():
        by_day[time.day] = min(time.moment, by_day.get(time.day, time.moment))
    if asked is not None:
        by_day[asked.day] = asked.moment
    return Times({written: by_day[time.day] for written, time in told.items()}, untimely)


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
