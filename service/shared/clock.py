"""The rules' clock, injected everywhere so that a test can hold time still. It never stamps a row: the store does."""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Protocol

# Two clocks that are both kept right may still differ by so much; what is farther ahead has not happened yet.
CLOCKS_DIFFER_BY = timedelta(minutes=5)
# A day without a time is read as midnight in UTC, and may have begun already in the zone that is farthest ahead.
DAYS_DIFFER_BY = timedelta(hours=14)


class Clock(Protocol):
    def now(self) -> datetime:
        """The present instant, aware and in UTC."""


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


def may_be_a_day(instant: datetime) -> bool:
    """Whether it may stand for a day without a time."""
    return instant.astimezone(UTC).time() == time.min


def is_to_come(instant: datetime, now: datetime) -> bool:
    """Whether it has happened nowhere yet."""
    return instant > now + (DAYS_DIFFER_BY if may_be_a_day(instant) else CLOCKS_DIFFER_BY)


def milliseconds(instant: datetime) -> int:
    """Whole milliseconds since 1970-01-01T00:00:00Z, the unit of every stamp."""
    return int(instant.timestamp() * 1000)


def from_milliseconds(stamp: int) -> datetime:
    return datetime.fromtimestamp(stamp / 1000, UTC)


def day_in(zone: tzinfo, instant: datetime) -> date:
    """By the clocks of this zone; what stands for a day is that day everywhere."""
    return (instant if may_be_a_day(instant) else instant.astimezone(zone)).date()


def latest_day_in(zone: tzinfo, instant: datetime) -> date:
    """Likewise; UTC is what stands where nobody has said a zone, and then it may be as late as it is anywhere."""
    return day_in(zone, instant) if zone is not UTC else (instant + DAYS_DIFFER_BY).date()


def day_read(instant: datetime, zone: tzinfo) -> str:
    """As a person reads it who is in this zone."""
    day = day_in(zone, instant)
    return f"{day.day} {day:%B %Y}"


def minute_read(instant: datetime, zone: tzinfo) -> str:
    """Likewise, with the name of the zone: UTC, CET, +03."""
    return f"{instant.astimezone(zone):%Y-%m-%d %H:%M %Z}"
