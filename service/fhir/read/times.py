"""FHIR dates and times, which may be as short as a year, as instants in UTC (FHIR R4, section 2.24.0.1)."""

import re
from datetime import UTC, date, datetime, timedelta

from service.shared.clock import CLOCKS_DIFFER_BY, DAYS_DIFFER_BY


def is_partial(written: str) -> bool:
    """Whether it names a day, month or year and no time, and with that no zone."""
    return "T" not in written


def is_ahead(written: str, now: datetime) -> bool:
    """Whether it has not happened yet, by any clock that is kept right. A day alone has begun somewhere on earth before
    it begins in UTC."""
    return begins(written) > now + (DAYS_DIFFER_BY if is_partial(written) else CLOCKS_DIFFER_BY)


def begins(written: str) -> datetime:
    """The instant itself, or the first one of the day, month or year meant, taken in UTC."""
    if is_partial(written):
        year, month, day = (*map(int, written.split("-")), 1, 1)[:3]
        return datetime(year, month, day, tzinfo=UTC)
    # Python knows no leap second; the second before it is as near as any clock here.
    instant = datetime.fromisoformat(re.sub(r"(:\d\d):60", r"\1:59", written))
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        return instant.replace(tzinfo=UTC)


def ends(written: str) -> datetime:
    """The instant itself, or the first one after the day, month or year meant, taken in UTC."""
    first = begins(written)
    try:
        match len(written):
            case 4:
                return first.replace(year=first.year + 1)
            case 7:
                return (first + timedelta(days=31)).replace(day=1)
            case 10:
                return first + timedelta(days=1)
    except (OverflowError, ValueError):
        return datetime.max.replace(tzinfo=UTC)
    return first


def whole_day(written: str) -> date | None:
    """The day as it was written, whatever the zone; None when only a month or a year is known."""
    return date.fromisoformat(written[:10]) if len(written) >= 10 else None
