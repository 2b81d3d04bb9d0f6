"""Times as HL7 v2 writes them."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from service.hl7v2.times import day, local_moment, moment, next_day

AMSTERDAM, NEW_YORK = ZoneInfo("Europe/Amsterdam"), ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("written", "begins", "fhir"),
    [
        ("2026", datetime(2026, 1, 1, tzinfo=UTC), "2026"),
        ("202603", datetime(2026, 3, 1, tzinfo=UTC), "2026-03"),
        ("20260301", datetime(2026, 3, 1, tzinfo=UTC), "2026-03-01"),
        ("2026030110", datetime(2026, 3, 1, 9, tzinfo=UTC), "2026-03-01T09:00:00Z"),
        ("202603011030", datetime(2026, 3, 1, 9, 30, tzinfo=UTC), "2026-03-01T09:30:00Z"),
        ("20260701103015", datetime(2026, 7, 1, 8, 30, 15, tzinfo=UTC), "2026-07-01T08:30:15Z"),
        ("20260301103015.1234", datetime(2026, 3, 1, 9, 30, 15, 123400, tzinfo=UTC), "2026-03-01T09:30:15.123400Z"),
        ("20260301103015-0500", datetime(2026, 3, 1, 15, 30, 15, tzinfo=UTC), "2026-03-01T15:30:15Z"),
        ("20260301103060", datetime(2026, 3, 1, 9, 30, 59, tzinfo=UTC), "2026-03-01T09:30:59Z"),
        # The hour that comes twice when summer time ends is taken for the first, the one that never comes as if it did.
        ("202610250230", datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "2026-10-25T00:30:00Z"),
        ("202603290230", datetime(2026, 3, 29, 1, 30, tzinfo=UTC), "2026-03-29T01:30:00Z"),
    ],
)
def test_a_time_is_an_instant_and_no_more_exact_than_it_was_written(written: str, begins: datetime, fhir: str) -> None:
    assert moment(written, AMSTERDAM) == (begins, fhir)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "soon",
        "20261301",
        "20260230",
        "00000000",
        "20260301103099x",
        "2026030",
        "٢٠٢٦",
        "2026-03-01",
    ],
)
def test_what_is_no_time(written: str) -> None:
    assert moment(written, UTC) is None
    assert day(written) is None


def test_an_hour_that_is_none_makes_it_no_time_and_leaves_the_day() -> None:
    assert moment("202603012500", UTC) is None
    assert day("202603012500") == date(2026, 3, 1)


@pytest.mark.parametrize("offset", ["+9999", "-9999", "+2400"])
def test_what_is_no_offset(offset: str) -> None:
    assert moment(f"202603011030{offset}", UTC) is None


def test_the_first_and_the_last_year_there_are() -> None:
    assert moment("000101010000+1200", UTC) is None
    assert moment("999912312359-1200", UTC) is None


@pytest.mark.parametrize(
    ("written", "expected"),
    [("20260301", date(2026, 3, 1)), ("202603012330+0900", date(2026, 3, 1)), ("202603", None), ("202611", None)],
)
def test_a_day_is_the_one_that_was_written(written: str, expected: date | None) -> None:
    assert day(written) == expected


@pytest.mark.parametrize(
    ("written", "zone", "begins", "ends"),
    [
        ("20260701", AMSTERDAM, datetime(2026, 6, 30, 22, tzinfo=UTC), datetime(2026, 7, 1, 22, tzinfo=UTC)),
        ("20260701", NEW_YORK, datetime(2026, 7, 1, 4, tzinfo=UTC), datetime(2026, 7, 2, 4, tzinfo=UTC)),
        ("202607", NEW_YORK, datetime(2026, 7, 1, 4, tzinfo=UTC), datetime(2026, 7, 2, 4, tzinfo=UTC)),
        ("20261025", AMSTERDAM, datetime(2026, 10, 24, 22, tzinfo=UTC), datetime(2026, 10, 25, 23, tzinfo=UTC)),
        ("202607010000", AMSTERDAM, datetime(2026, 6, 30, 22, tzinfo=UTC), datetime(2026, 7, 1, 22, tzinfo=UTC)),
    ],
)
def test_a_day_of_a_decision_lasts_from_midnight_to_midnight_where_it_was_written(
    written: str, zone: ZoneInfo, begins: datetime, ends: datetime
) -> None:
    said = local_moment(written, zone)
    assert said is not None
    assert (said.begins, next_day(said.begins, zone)) == (begins, ends)


@pytest.mark.parametrize("zone", [AMSTERDAM, NEW_YORK, UTC])
@pytest.mark.parametrize("written", ["0001", "00010101", "99991231", "9999"])
def test_the_first_and_the_last_day_that_there_are_can_be_said(written: str, zone: ZoneInfo) -> None:
    said = local_moment(written, zone)
    assert said is not None
    assert next_day(said.begins, zone) >= said.begins
