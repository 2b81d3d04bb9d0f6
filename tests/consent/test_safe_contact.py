"""How she may be reached: denied unless allowed, one way at a time, and not past the day on which it is reviewed."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from random import Random
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


NUMBER = "+44 7700 900123"
# Something by which each is reached.
REACHED = dict.fromkeys(Mode, "12345") | {Mode.EMAIL: "her@mail.example"}


def allowed(mode: Mode, value: str | None = "12345") -> Channel:
    return Channel(mode, Permission.ALLOW, REACHED[mode] if value == "12345" else value)


def denied(mode: Mode, value: str | None = None) -> Channel:
    return Channel(mode, Permission.DENY, value)


def test_nothing_said_is_no_channel() -> None:
    assert safe_channel(None, TODAY) is None
    assert safe_channel(SafeContact(()), TODAY) is None


def test_what_is_not_said_about_voicemail_text_and_number_is_the_safest() -> None:
    silent = SafeContact(())
    assert (silent.voicemail, silent.text_content, silent.withhold_number) == (Permission.DENY, TextContent.NONE, True)


@pytest.mark.parametrize("permission", [Permission.DENY, Permission.UNKNOWN])
@pytest.mark.parametrize("mode", Mode)
def test_only_an_allowed_channel_is_safe(mode: Mode, permission: Permission) -> None:
    assert safe_channel(SafeContact((Channel(mode, permission, REACHED[mode]),)), TODAY) is None
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


@given(st.sets(st.sampled_from(Mode)), st.randoms())
def test_the_one_channel_given_is_the_first_in_order_of_those_allowed(modes: set[Mode], order: Random) -> None:
    told = [allowed(each) if each in modes else denied(each) for each in Mode]
    order.shuffle(told)
    found = safe_channel(SafeContact(tuple(told)), TODAY)
    assert (found.mode if found else None) == next((each for each in Mode if each in modes), None)
    assert [each.value for each in Mode] == ORDER


@pytest.mark.parametrize(
    ("allows", "denies"),
    [
        (NUMBER, NUMBER),
        (NUMBER, "+447700900123"),
        ("+447700900123", "07700 900123"),
        ("07700 900123", "+44 (0)7700-900123"),
        (NUMBER, "0044 7700.900.123"),
        (NUMBER, None),
        ("020 7946 0000 ext 12", "+44 20 7946 0000 x 34"),
        (NUMBER, "her partner's telephone"),
        (NUMBER, "07700 900456, and every other"),
    ],
)
@pytest.mark.parametrize("permission", [Permission.DENY, Permission.UNKNOWN])
def test_a_number_that_is_denied_stays_denied_however_it_is_written(
    allows: str, denies: str | None, permission: Permission
) -> None:
    told = [allowed(Mode.VOICE, allows), Channel(Mode.VOICE, permission, denies)]
    for each in (told, told[::-1]):
        assert safe_channel(SafeContact(tuple(each)), TODAY) is None
    assert not narrows(SafeContact(tuple(told)), SafeContact(()))
    assert narrows(SafeContact((told[0],)), SafeContact(tuple(told)))


@pytest.mark.parametrize(
    "other",
    [
        denied(Mode.VOICE, "+44 7700 900456"),
        denied(Mode.SMS, NUMBER),
        denied(Mode.POST),
        allowed(Mode.VOICE, "+44 7700 900456"),
    ],
)
def test_a_denial_is_of_its_own_number_and_way_alone(other: Channel) -> None:
    assert safe_channel(SafeContact((allowed(Mode.VOICE, NUMBER), other)), TODAY) == allowed(Mode.VOICE, NUMBER)


def test_an_address_that_is_denied_stays_denied_however_it_is_written() -> None:
    for mode, allows, denies in (
        (Mode.EMAIL, "her@mail.example", "Her@Mail.example"),
        (Mode.POST, "1 Test Street, Testham", "1, Test Street\nTESTHAM"),
    ):
        assert safe_channel(SafeContact((allowed(mode, allows), denied(mode, denies))), TODAY) is None
    elsewhere = SafeContact((allowed(Mode.POST, "1 Test Street"), denied(Mode.POST, "2 Test Street")))
    assert safe_channel(elsewhere, TODAY) == allowed(Mode.POST, "1 Test Street")


@pytest.mark.parametrize(
    "value",
    [
        "ask for John on 07700 900111",
        "07700 900111 after six",
        "07700 900111 / 07700 900222",
        "07700 900111 07700 900222",
        "her@mail.example",
        "-",
        "112",
    ],
)
@pytest.mark.parametrize("mode", [Mode.VOICE, Mode.SMS, Mode.WHATSAPP])
def test_what_is_more_than_a_number_is_nothing_to_dial(mode: Mode, value: str) -> None:
    assert safe_channel(SafeContact((allowed(mode, value),)), TODAY) is None


@pytest.mark.parametrize("value", ["her sister's: a@mail.example", "a@mail.example, b@mail.example", "07700 900123"])
def test_what_is_more_than_an_address_is_nowhere_to_write_to(value: str) -> None:
    assert safe_channel(SafeContact((allowed(Mode.EMAIL, value),)), TODAY) is None


@pytest.mark.parametrize(
    "value", [NUMBER, "(020) 7946 0000", "07700.900-123", "0049 (0)30/1234567", " 12345 ", "020 7946 0000 ext 12"]
)
def test_a_number_is_given_as_it_was_written(value: str) -> None:
    assert safe_channel(SafeContact((allowed(Mode.VOICE, value),)), TODAY) == allowed(Mode.VOICE, value)


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
        replace(AGREED, channels=(allowed(Mode.VOICE), Channel(Mode.SMS, Permission.DENY, "12345"))),
        replace(AGREED, channels=(allowed(Mode.VOICE), allowed(Mode.SMS, "67890"))),
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


def test_a_record_that_denies_a_way_which_the_other_does_not_give_counts_in_all_else() -> None:
    mine = replace(AGREED, channels=(allowed(Mode.VOICE),), voicemail=Permission.ALLOW, said_at=NOW)
    theirs = replace(mine, channels=(denied(Mode.SMS),), said_at=NOW - timedelta(days=1))
    assert narrower(mine, theirs, NOW) == narrower(theirs, mine, NOW) == mine
    silent = replace(theirs, voicemail=Permission.DENY)
    assert narrower(mine, silent, NOW) == narrower(silent, mine, NOW) == replace(mine, voicemail=Permission.DENY)
    for none in (replace(theirs, channels=()), replace(theirs, said_at=NOW)):
        assert safe_channel(narrower(mine, none, NOW), TODAY) is None


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
    denied = replace(AGREED, channels=(Channel(Mode.SMS, Permission.DENY, "12345"),))
    assert not narrows(denied, replace(denied, channels=()))
