"""How she may be reached: denied unless allowed, one way at a time, and not past the day on which it is reviewed."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.consent.merge import narrower
from service.consent.safe_contact import (
    Channel,
    Mode,
    Permission,
    SafeContact,
    TextContent,
    Window,
    narrows,
    safe_channel,
)

TODAY, NOW = date(2026, 6, 1), datetime(2026, 6, 1, 12, tzinfo=UTC)
ORDER = ["voice", "sms", "whatsapp", "email", "post", "in-person"]


def allowed(mode: Mode, value: str | None = "1") -> Channel:
    return Channel(mode, Permission.ALLOW, value)


def test_nothing_said_is_no_channel() -> None:
    assert safe_channel(None, TODAY) is None
    assert safe_channel(SafeContact(()), TODAY) is None


def test_what_is_not_said_about_voicemail_text_and_number_is_the_safest() -> None:
    silent = SafeContact(())
    assert (silent.voicemail, silent.text_content, silent.withhold_number) == (Permission.DENY, TextContent.NONE, True)


@pytest.mark.parametrize("permission", [Permission.DENY, Permission.UNKNOWN])
@pytest.mark.parametrize("mode", Mode)
def test_only_an_allowed_channel_is_safe(mode: Mode, permission: Permission) -> None:
    assert safe_channel(SafeContact((Channel(mode, permission, "1"),)), TODAY) is None
    assert safe_channel(SafeContact((allowed(mode),)), TODAY) == allowed(mode)


@pytest.mark.parametrize("value", [None, ""])
@pytest.mark.parametrize("mode", Mode)
def test_only_meeting_her_needs_no_address(mode: Mode, value: str | None) -> None:
    found = safe_channel(SafeContact((allowed(mode, value),)), TODAY)
    assert (found is not None) == (mode is Mode.IN_PERSON)


def test_the_review_day_is_the_last_on_which_it_holds() -> None:
    agreed = SafeContact((allowed(Mode.VOICE),), review_by=TODAY)
    assert safe_channel(agreed, TODAY) is not None
    assert safe_channel(agreed, TODAY + timedelta(days=1)) is None


@given(st.lists(st.builds(Channel, st.sampled_from(Mode), st.sampled_from(Permission), st.sampled_from(["1", None]))))
def test_the_one_channel_given_is_the_first_in_order_of_those_allowed(channels: list[Channel]) -> None:
    found = safe_channel(SafeContact(tuple(channels)), TODAY)
    modes = {each.mode.value for each in channels if each.permission.value == "allow" and each.value}
    if any(each.permission.value == "allow" and each.mode.value == "in-person" for each in channels):
        modes.add("in-person")
    assert (found.mode.value if found else None) == next((mode for mode in ORDER if mode in modes), None)


MORNINGS, EVENINGS = Window(("mon",), time(9), time(11)), Window(("mon",), time(18), time(19))
AGREED = SafeContact(
    (allowed(Mode.VOICE), allowed(Mode.SMS)),
    voicemail=Permission.ALLOW,
    text_content=TextContent.NEUTRAL,
    withhold_number=False,
    windows=(MORNINGS, EVENINGS),
    timezone="Europe/London",
    code_word="rose",
    caller_description="a friend from yoga",
    review_by=TODAY,
)


@pytest.mark.parametrize(
    "received",
    [
        None,
        replace(AGREED, channels=(allowed(Mode.VOICE),)),
        replace(AGREED, channels=(allowed(Mode.VOICE), Channel(Mode.SMS, Permission.DENY, "1"))),
        replace(AGREED, channels=(allowed(Mode.VOICE), allowed(Mode.SMS, "2"))),
        replace(AGREED, voicemail=Permission.DENY),
        replace(AGREED, text_content=TextContent.NONE),
        replace(AGREED, withhold_number=True),
        replace(AGREED, windows=(MORNINGS,)),
        replace(AGREED, timezone="Australia/Sydney"),
        replace(AGREED, code_word="lily"),
        replace(AGREED, caller_description="her dentist"),
        replace(AGREED, review_by=TODAY - timedelta(days=1)),
    ],
)
def test_narrows(received: SafeContact | None) -> None:
    assert narrows(AGREED, received)


@pytest.mark.parametrize(
    "received",
    [
        AGREED,
        replace(AGREED, channels=(*AGREED.channels, allowed(Mode.POST))),
        replace(AGREED, text_content=TextContent.NAMED),
        replace(AGREED, windows=()),
        replace(AGREED, windows=(), timezone=None),
        replace(AGREED, code_word=None),
        replace(AGREED, caller_description=None),
        replace(AGREED, windows=(EVENINGS, MORNINGS, Window(("tue",), time(9), time(11)))),
        replace(AGREED, review_by=TODAY + timedelta(days=1)),
        replace(AGREED, review_by=None),
    ],
)
def test_does_not_narrow(received: SafeContact) -> None:
    assert not narrows(AGREED, received)
    assert not narrows(None, received)


def test_a_first_window_narrows_what_was_free_at_any_time() -> None:
    assert narrows(replace(AGREED, windows=()), AGREED)


@pytest.mark.parametrize("element", ["code_word", "caller_description"])
def test_of_two_records_the_one_that_asks_for_a_word_or_a_story_counts(element: str) -> None:
    changes: dict[str, Any] = {element: None}
    free, asks = replace(AGREED, **changes), AGREED
    changes = {element: "another"}
    other = replace(AGREED, **changes)
    for one, two, counts in ((free, asks, asks), (asks, free, asks), (asks, other, SafeContact(()))):
        assert narrower(one, two, NOW) == counts


def test_hours_in_two_time_zones_are_not_the_same_ones() -> None:
    assert narrower(AGREED, replace(AGREED, timezone="Australia/Sydney"), NOW) == SafeContact(())


WEEK = ("mon", "tue", "wed", "thu", "fri")


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        ([Window(WEEK, time(9), time(12))], [Window(WEEK, time(11), time(17))], [Window(WEEK, time(11), time(12))]),
        ([Window(("mon", "tue"), time(9), time(12))], [Window(("tue", "wed"), time(9), time(12))], [
            Window(("tue",), time(9), time(12))
        ]),
        ([MORNINGS, EVENINGS], [Window(("mon",), time(10), time(18, 30))], [
            Window(("mon",), time(10), time(11)), Window(("mon",), time(18), time(18, 30))
        ]),
        ([MORNINGS], [EVENINGS], None),
        ([Window(("mon",), time(9), time(12))], [Window(("mon",), time(12), time(17))], None),
        ([Window(("mon",), time(9), time(12))], [Window(("tue",), time(9), time(12))], None),
    ],
)  # fmt: skip
def test_of_two_records_the_hours_that_both_allow_are_safe(
    one: list[Window], other: list[Window], shared: list[Window] | None
) -> None:
    mine, theirs = replace(AGREED, windows=tuple(one)), replace(AGREED, windows=tuple(other))
    counts = SafeContact(()) if shared is None else replace(AGREED, windows=tuple(shared))
    assert narrower(mine, theirs, NOW) == narrower(theirs, mine, NOW) == counts


def test_hours_that_both_allow_make_no_other_way_safe() -> None:
    mine = replace(AGREED, windows=(Window(("mon",), time(9), time(12)),))
    theirs = replace(AGREED, windows=(Window(("mon",), time(11), time(13)),))
    shared = (Window(("mon",), time(11), time(12)),)
    quiet = replace(theirs, voicemail=Permission.DENY)
    assert narrower(mine, quiet, NOW) == replace(quiet, windows=shared)
    assert narrower(mine, replace(quiet, text_content=TextContent.NAMED), NOW) == SafeContact(())
    assert narrower(mine, replace(theirs, timezone="Australia/Sydney"), NOW) == SafeContact(())


def test_what_was_never_usable_is_not_missed() -> None:
    denied = replace(AGREED, channels=(Channel(Mode.SMS, Permission.DENY, "1"),))
    assert not narrows(denied, replace(denied, channels=()))
