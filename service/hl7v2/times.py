"""Times and days of HL7 v2 (DTM, TS, DT: v2.5.1, 2.A.21 to 2.A.22) as instants and as FHIR writes them."""

import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import NamedTuple

_WRITTEN = re.compile(
    r"(\d{4})(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:\.(\d{1,6}))?)?)?)?)?)?(?:([+-])(\d\d)(\d\d))?", re.ASCII
)


class Moment(NamedTuple):
    """`begins` is the instant in UTC, of a day, month or year its first midnight in UTC, as for what comes as FHIR;
    `fhir` is it as a FHIR dateTime, no more exact than it was sent."""

    begins: datetime
    fhir: str


# The same few times stand in every segment of a message.
@lru_cache(maxsize=1024)
def moment(written: str, zone: tzinfo) -> Moment | None:
    """The time meant, None when it is none. `zone` is where it was written, when it does not say so itself."""
    match = _WRITTEN.fullmatch(written)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, sign, hours, minutes = match.groups()
    try:
        if hour is None:
            first = datetime(int(year), int(month or 1), int(day or 1), tzinfo=UTC)
            return Moment(first, "-".join(filter(None, (year, month, day))))
        where = zone if sign is None else _offset(sign, hours, minutes)
        # Python knows no leap second; the second before it is as near as any clock here.
        exact = datetime(
            int(year), int(month), int(day), int(hour), int(minute or 0), min(int(second or 0), 59),
            int((fraction or "").ljust(6, "0")), where,
        )  # fmt: skip
        begins = exact.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return Moment(begins, begins.isoformat().replace("+00:00", "Z"))


def local_moment(written: str, zone: tzinfo) -> Moment | None:
    """The same for what somebody decides: a day, month or year begins at its first midnight where it was written."""
    meant = moment(written, zone)
    if meant is None or "T" in meant.fhir:
        return meant
    try:
        return meant._replace(begins=meant.begins.replace(tzinfo=zone).astimezone(UTC))
    except OverflowError:
        return meant


def next_day(begins: datetime, zone: tzinfo) -> datetime:
    """A day later by the clock there; the same where there is none: some write 99991231 for what never ends."""
    try:
        return (begins.astimezone(zone) + timedelta(days=1)).astimezone(UTC)
    except OverflowError:
        return begins


def ends(when: Moment, zone: tzinfo) -> datetime:
    """The last instant that may be meant: of a day its last one there, of a month or a year that of its first day."""
    return next_day(when.begins, zone) - timedelta(milliseconds=1) if "T" not in when.fhir else when.begins


def day(written: str) -> date | None:
    """The day as it was written, whatever the zone; None when only a month or a year is known, or nothing of it."""
    match = _WRITTEN.fullmatch(written)
    if match is None or match[3] is None:
        return None
    try:
        return date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        return None


def _offset(sign: str, hours: str, minutes: str) -> tzinfo:
    ahead = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(ahead if sign == "+" else -ahead)
