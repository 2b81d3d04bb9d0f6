"""How she may be reached without danger. It is no consent: a programme may know about her and still not be free to
ring.

Everything not said is denied (reference: domestic-abuse safe-contact practice; HIPAA 164.522(b) asks for no reason).
"""

from dataclasses import dataclass, field
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


@dataclass(frozen=True, slots=True)
class Channel:
    """One way to reach her. `value` is the number or address; meeting in person needs none."""

    mode: Mode
    permission: Permission
    value: str | None = None

    def usable(self) -> bool:
        return self.permission is Permission.ALLOW and (bool(self.value) or self.mode is Mode.IN_PERSON)


@dataclass(frozen=True, slots=True)
class Window:
    """Days (mon … sun) and local times between which a contact is safe."""

    days: tuple[str, ...]
    start: time
    end: time


@dataclass(frozen=True, slots=True)
class SafeContact:
    """`said_at` is when it reached us. It is no part of what was said: the same word said twice is one word."""

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
    usable = [channel for channel in safe_contact.channels if channel.usable()]
    order = list(Mode)
    return min(usable, key=lambda channel: order.index(channel.mode), default=None)


def newest(*said: SafeContact | None) -> SafeContact | None:
    """The newest word counts, whether it was said of one programme or of the request; the first of equal ones."""
    known = [each for each in said if each is not None]
    return max(known, key=lambda each: each.said_at.timestamp() if each.said_at else float("-inf"), default=None)


def narrows(known: SafeContact | None, received: SafeContact | None) -> bool:
    """Whether a change takes away a way to reach her, or a liberty in using one: to call at any time (no windows; in
    another time zone the same hours are others), without her word or her story, or with another one."""
    if known is None or received is None:
        return known is not None
    ways = {channel for channel in known.channels if channel.usable()}
    same_times = known.timezone == received.timezone and set(known.windows) <= set(received.windows)
    fewer_windows = bool(received.windows) and not (known.windows and same_times)
    return (
        not ways <= set(received.channels)
        or (known.voicemail is Permission.ALLOW and received.voicemail is not Permission.ALLOW)
        or list(TextContent).index(received.text_content) < list(TextContent).index(known.text_content)
        or received.withhold_number > known.withhold_number
        or fewer_windows
        or received.code_word not in (None, known.code_word)
        or received.caller_description not in (None, known.caller_description)
        or (received.review_by or date.max) < (known.review_by or date.max)
    )
