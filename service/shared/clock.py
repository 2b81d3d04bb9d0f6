"""The rules' clock, injected everywhere so that a test can hold time still. It never stamps a row: the store does."""

from datetime import UTC, datetime, time, timedelta
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


def is_to_come(instant: datetime, now: datetime) -> bool:
    """Whether it has happened nowhere yet; midnight in UTC may stand for a day without a time."""
    return instant > now + (DAYS_DIFFER_BY if instant.time() == time.min else CLOCKS_DIFFER_BY)


def milliseconds(instant: datetime) -> int:
    """Whole milliseconds since 1970-01-01T00:00:00Z, the unit of every stamp."""
    return int(instant.timestamp() * 1000)


def from_milliseconds(stamp: int) -> datetime:
    return datetime.fromtimestamp(stamp / 1000, UTC)
