"""How she may be reached without danger. It is no consent: a programme may know about her and still not be free to
ring.

Everything not said is denied (reference: domestic-abuse safe-contact practice; HIPAA 164.522(b) asks for no reason).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum


class Mode(StrEnum):
    """In the order in which a programme is given one of them."""

    VOICE = "voice"
    SMS = "sms"
    WHATSAPP = "whatsapp"
    EMAIL = "email"
    POST = "post"
    IN_PERSON = "in-person"


class Permission(StrEnum):
    ALLOW = "allow"
    DENY = "deny"
    UNKNOWN = "unknown"


class TextContent(StrEnum):
    NONE = "none"
    NEUTRAL = "neutral"
    NAMED = "named"


# What a value has to look like to be a way to reach her: "ask first" is none, and what is written beside a number may
# be whom to ask for, or when not to ring. Its first group is what it is known by.
_DIGITS = r"[\s(]{0,2}\+?(?:[\s().-]{0,3}/?\d){5,16}"
_NUMBER = re.compile(rf"({_DIGITS})(?:\s?(?:x|ext\.?)\s?\d{{1,6}})?\s?", re.ASCII | re.IGNORECASE)
_ADDRESS = re.compile(r"(.*\d.*)", re.DOTALL)
_LOOKS: Mapping[Mode, re.Pattern[str]] = {
    Mode.VOICE: _NUMBER,
    Mode.SMS: _NUMBER,
    Mode.WHATSAPP: _NUMBER,
    Mode.EMAIL: re.compile(r"\s*([^\s@<>,:;]+@[^\s@<>,:;]+)\s*"),
    Mode.POST: _ADDRESS,
    Mode.IN_PERSON: _ADDRESS,
}
# With its country or without it, a number ends in these.
_LAST_DIGITS = 7


@dataclass(frozen=True, slots=True)
class Channel:
    """One way to reach her. `value` is the number or address; meeting in person needs none. `said_at` is when it was
    said of this way alone, None when that was with all the rest."""

    mode: Mode
    permission: Permission
    value: str | None = None
    said_at: datetime | None = field(default=None, compare=False)

    def usable(self) -> bool:
        return self.permission is Permission.ALLOW and (self.address() is not None or self.mode is Mode.IN_PERSON)

    def address(self) -> str | None:
        """The number or address, alike however it is written; None where there is none, or more than that."""
        looks = _LOOKS[self.mode]
        found = looks.fullmatch(self.value or "")
        said = "".join(filter(str.isalnum, found[1].casefold())) if found else None
        return said[-_LAST_DIGITS:] if said and looks is _NUMBER else said


@dataclass(frozen=True, slots=True)
class Window:
    """Days (mon … sun) and local times between which a contact is safe."""

    days: tuple[str, ...]
    start: time
    end: time


UNDATED = datetime.min.replace(tzinfo=UTC)
"""Of a word without a time: any that has one may be newer."""


@dataclass(frozen=True, slots=True)
class SafeContact:
    """`said_at` is when she said it, `UNDATED` when nobody knows, and None for what only denies ways and is no word on
    the rest. It is no part of what was said: the same word said twice is one word."""

    channels: tuple[Channel, ...]
    voicemail: Permission = Permission.DENY
    text_content: TextContent = TextContent.NONE
    withhold_number: bool = True
    caller_description: str | None = None
    windows: tuple[Window, ...] = ()
    timezone: str | None = None
    code_word: str | None = None
    review_by: date | None = None
    said_at: datetime | None = field(default=None, compare=False)

    def ends_at(self) -> datetime | None:
        """When it no longer holds: once the day by which it was to be reviewed is over, by UTC."""
        if self.review_by in (None, date.max):
            return None
        return datetime.combine(self.review_by + timedelta(days=1), time(), UTC)


def safe_channel(safe_contact: SafeContact | None, today: date) -> Channel | None:
    """The one channel a programme may be given, None when there is none or when the agreement is due for review."""
    if safe_contact is None or (safe_contact.review_by is not None and safe_contact.review_by < today):
        return None
    order = list(Mode)
    return min(_ways(safe_contact), key=lambda channel: order.index(channel.mode), default=None)


def _ways(safe_contact: SafeContact) -> list[Channel]:
    """Those that are allowed. What is denied or unknown as well is not, and a denial of no certain number is one of
    every number."""
    told = safe_contact.channels
    denied = {(each.mode, each.address()) for each in told if each.permission is not Permission.ALLOW}
    return [
        each for each in told if each.usable() and denied.isdisjoint((each.mode, at) for at in (each.address(), None))
    ]


def newest(*said: SafeContact | None) -> SafeContact | None:
    """The newest word counts, whether it was said of one programme or of the request; the first of equal ones."""
    return max(filter(None, said), key=_when, default=None)


def heard(known: SafeContact | None, said: SafeContact) -> SafeContact | None:
    """What counts once this has come too, in whatever order they come: the newest word, and of each way in it the
    newest. Of one time the last to come is a correction, but what either of them denies is denied."""
    before = known or SafeContact(())
    if said.said_at is not None and _when(said) >= _when(before):
        ways = _ways(before)
        since = [each for each in said.channels if each in ways or not _is_given_before(each, before)]
        return replace(said, channels=_once(since + (_denied(before) if said.said_at == before.said_at else [])))
    newer = [each for each in _denied(said) if _when(each) >= _when(before)]
    if not newer:
        return known
    left = replace(before, channels=_once([*before.channels, *newer]))
    # Who can be reached no more is not reached by an older word either.
    return left if _ways(left) else replace(left, said_at=max(newer, key=_when).said_at)


def denies_elsewhere(older: SafeContact, newer: SafeContact) -> bool:
    """Whether it was said before the newer one and does nothing but deny ways, none of them one which that gives."""
    denied = {each.mode for each in _denied(older)}
    only = bool(denied) and len(_denied(older)) == len(older.channels)
    return only and _when(older) < _when(newer) and denied.isdisjoint(each.mode for each in _ways(newer))


def _denied(said: SafeContact) -> list[Channel]:
    return [each for each in said.channels if each.permission is Permission.DENY]


def _is_given_before(way: Channel, known: SafeContact) -> bool:
    return way.permission is Permission.ALLOW and way.said_at is not None and _when(way) < _when(known)


def _once(channels: Iterable[Channel]) -> tuple[Channel, ...]:
    return tuple(dict.fromkeys(channels))


def _when(said: SafeContact | Channel) -> float:
    return said.said_at.timestamp() if said.said_at else float("-inf")


def narrows(known: SafeContact | None, received: SafeContact | None) -> bool:
    """Whether a change takes away a way to reach her, or a liberty in using one: to call at any time (no windows; in
    another time zone the same hours are others), without her word or her story, or with another one."""
    if known is None or received is None:
        return known is not None
    same_times = known.timezone == received.timezone and set(known.windows) <= set(received.windows)
    fewer_windows = bool(received.windows) and not (known.windows and same_times)
    return (
        not set(_ways(known)) <= set(_ways(received))
        or (known.voicemail is Permission.ALLOW and received.voicemail is not Permission.ALLOW)
        or list(TextContent).index(received.text_content) < list(TextContent).index(known.text_content)
        or received.withhold_number > known.withhold_number
        or fewer_windows
        or received.code_word not in (None, known.code_word)
        or received.caller_description not in (None, known.caller_description)
        or (received.review_by or date.max) < (known.review_by or date.max)
    )
