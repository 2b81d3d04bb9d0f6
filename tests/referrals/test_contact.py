"""Which contacts lie outside the support they are reported of."""

from datetime import UTC, datetime, timedelta

import pytest

from service.referrals.contact import Remark, Support, remark_on, support_of
from service.referrals.offer import OfferState

BEGAN, ENDED = datetime(2026, 6, 1, 12, tzinfo=UTC), datetime(2026, 7, 1, 12, tzinfo=UTC)
PAUSED, RESUMED, AGAIN = (datetime(2026, 6, day, 12, tzinfo=UTC) for day in (10, 12, 20))
EARLY, LATE = Remark.BEFORE_ACCEPTANCE, Remark.AFTER_THE_END
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("started_at", "verdict"),
    [
        (BEGAN - 6 * MINUTE, EARLY),
        (BEGAN - 5 * MINUTE, None),
        (BEGAN, None),
        (ENDED, None),
        (ENDED + 5 * MINUTE, None),
        (ENDED + 6 * MINUTE, LATE),
        # A day without a time is read as its midnight in UTC.
        (datetime(2026, 5, 30, tzinfo=UTC), EARLY),
        (datetime(2026, 5, 31, tzinfo=UTC), None),  # it was still that day in the zone that is farthest behind
        (datetime(2026, 6, 1, tzinfo=UTC), None),
        (datetime(2026, 7, 1, tzinfo=UTC), None),
        (datetime(2026, 7, 2, tzinfo=UTC), None),  # it was that day already in the zone that is farthest ahead
        (datetime(2026, 7, 3, tzinfo=UTC), LATE),
    ],
)
def test_a_contact_is_held_against_acceptance_and_end(started_at: datetime, verdict: Remark | None) -> None:
    assert remark_on(started_at, Support(BEGAN, ENDED)) is verdict


def test_what_has_no_end_yet_has_nothing_after_it_and_what_never_began_has_nothing_within() -> None:
    assert remark_on(ENDED + timedelta(days=100), Support(BEGAN, None)) is None
    assert remark_on(BEGAN, Support(None, None)) is EARLY


@pytest.mark.parametrize(
    ("started_at", "during"),
    [
        (PAUSED - 6 * MINUTE, False),
        (PAUSED - 5 * MINUTE, True),
        (PAUSED, True),
        (RESUMED, True),
        (RESUMED + 6 * MINUTE, False),
        (AGAIN + timedelta(days=100), True),
        (datetime(2026, 6, 10, tzinfo=UTC), True),  # some time of the day on which the pause began
    ],
)
def test_a_contact_in_a_pause_is_part_of_the_support_and_told_apart(started_at: datetime, during: bool) -> None:
    support = Support(BEGAN, None, ((PAUSED, RESUMED), (AGAIN, None)))
    assert remark_on(started_at, support) is (Remark.DURING_A_PAUSE if during else None)


@pytest.mark.parametrize(
    ("started_at", "verdict"),
    [
        (BEGAN - 6 * MINUTE, EARLY),
        (ENDED - 6 * MINUTE, None),
        (ENDED - 5 * MINUTE, Remark.AS_CALLED_OFF),
        (ENDED + 5 * MINUTE, Remark.AS_CALLED_OFF),
        (ENDED + 6 * MINUTE, Remark.ONCE_CALLED_OFF),
        (datetime(2026, 7, 1, tzinfo=UTC), Remark.AS_CALLED_OFF),  # some time of the day on which it was called off
        (datetime(2026, 7, 3, tzinfo=UTC), Remark.ONCE_CALLED_OFF),
    ],
)
def test_what_may_have_been_made_once_it_was_called_off_is_told_apart(
    started_at: datetime, verdict: Remark | None
) -> None:
    assert remark_on(started_at, Support(BEGAN, ENDED, called_off=ENDED)) is verdict


def test_what_was_recorded_in_error_later_ended_when_it_ended() -> None:
    support = Support(BEGAN, ENDED, called_off=ENDED + timedelta(days=9))
    assert remark_on(ENDED + timedelta(days=5), support) is LATE
    assert remark_on(ENDED + timedelta(days=9), support) is Remark.ONCE_CALLED_OFF


A, P, H, C = OfferState.ACCEPTED, OfferState.IN_PROGRESS, OfferState.HELD_BY_SERVICE, OfferState.COMPLETED


@pytest.mark.parametrize(
    ("states", "support"),
    [
        ((OfferState.REQUESTED, OfferState.REJECTED), (None, 1, (), 1)),
        ((OfferState.REQUESTED, A, P), (1, None, (), None)),
        ((OfferState.REQUESTED, A, P, C), (1, 3, (), None)),
        ((OfferState.REQUESTED, A, H, P, H, OfferState.HELD_BY_BOTH, C), (1, 6, ((2, 3), (4, 6)), None)),
        ((OfferState.REQUESTED, A, OfferState.CANCELLED, OfferState.ENTERED_IN_ERROR), (1, 2, (), 2)),
        ((OfferState.REQUESTED, A, H), (1, None, ((2, None),), None)),
        ((OfferState.REQUESTED, A, OfferState.HELD_BY_PROGRAMME), (1, None, (), None)),
    ],
)
def test_support_goes_from_acceptance_to_end_with_the_pauses_that_the_team_made(
    states: tuple[OfferState, ...],
    support: tuple[int | None, int | None, tuple[tuple[int, int | None], ...], int | None],
) -> None:
    def at(number: int | None) -> datetime | None:
        return None if number is None else BEGAN + number * MINUTE

    began, ended, pauses, called_off = support
    found = support_of([(state, BEGAN + number * MINUTE) for number, state in enumerate(states)])
    assert (found.began, found.ended, found.called_off) == (at(began), at(ended), at(called_off))
    assert found.pauses == tuple((at(since), at(until)) for since, until in pauses)
