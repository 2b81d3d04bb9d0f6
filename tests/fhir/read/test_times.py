from datetime import UTC, date, datetime

import pytest

from service.fhir.read.times import begins, ends, whole_day

LAST = datetime.max.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "first", "after"),
    [
        ("2026", datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
        ("2026-02", datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)),
        ("2026-12", datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
        ("2028-02-29", datetime(2028, 2, 29, tzinfo=UTC), datetime(2028, 3, 1, tzinfo=UTC)),
        ("2026-12-31", datetime(2026, 12, 31, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
        ("9999", datetime(9999, 1, 1, tzinfo=UTC), LAST),
        ("9999-12", datetime(9999, 12, 1, tzinfo=UTC), LAST),
        ("9999-12-31", datetime(9999, 12, 31, tzinfo=UTC), LAST),
    ],
)
def test_a_partial_date_begins_and_ends_at_midnight_utc(written: str, first: datetime, after: datetime) -> None:
    assert (begins(written), ends(written)) == (first, after)


@pytest.mark.parametrize(
    ("written", "instant"),
    [
        ("2026-01-10T10:00:00Z", datetime(2026, 1, 10, 10, tzinfo=UTC)),
        ("2026-01-10T10:00:00+13:00", datetime(2026, 1, 9, 21, tzinfo=UTC)),
        ("2022-11-29T20:50:32.718000+00:00", datetime(2022, 11, 29, 20, 50, 32, 718000, tzinfo=UTC)),
        ("2022-11-29T20:50:32.7180001234Z", datetime(2022, 11, 29, 20, 50, 32, 718000, tzinfo=UTC)),
        ("2016-12-31T23:59:60Z", datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("0001-01-01T00:00:00+14:00", datetime(1, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_time_is_the_same_instant_in_utc_at_both_ends(written: str, instant: datetime) -> None:
    assert (begins(written), ends(written)) == (instant, instant)


@pytest.mark.parametrize(
    ("written", "day"),
    [("2026-03-01", date(2026, 3, 1)), ("2026-03-01T23:30:00-05:00", date(2026, 3, 1)), ("2026-03", None), ("", None)],
)
def test_a_day_is_taken_as_written_and_never_guessed(written: str, day: date | None) -> None:
    assert whole_day(written) == day
