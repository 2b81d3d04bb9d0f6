"""The safe-contact extension -> SafeContact. What is not said, said twice or not understood is denied."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import date, time
from enum import StrEnum
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from service.consent.safe_contact import Channel, Mode, Permission, SafeContact, TextContent, Window
from service.fhir.read.common import extension_values, unclear
from service.fhir.read.times import begins
from service.fhir.survey import Tree
from service.fhir.terms import SAFE_CONTACT

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_PARTS = (
    "channel", "voicemail", "text-content", "withhold-number", "caller-description", "window", "timezone", "code-word",
    "review-by",
)  # fmt: skip
_OF_A_CHANNEL = ("mode", "permission", "value")
_OF_A_WINDOW = ("day", "from", "to")

_Choice = TypeVar("_Choice", bound=StrEnum)


def read_safe_contact(tree: Tree) -> SafeContact | None:
    """Of a Consent or a ServiceRequest; None when nothing is said.

    Raises BadInput when windows or dates cannot be told, or there are parts that nobody knows: they keep her safe.
    """
    said = _parts(tree, SAFE_CONTACT)
    where = f"{tree['resourceType']}.extension"
    if len(said) > 1:
        raise unclear(where, "Give the safe-contact extension once.")
    return _safe_contact(said[0], where) if said else None


def _safe_contact(node: Tree, where: str) -> SafeContact:
    _refuse_unknown(node, _PARTS, where)
    permission = _choice(node, "voicemail", Permission)
    return SafeContact(
        channels=tuple(way for each in _parts(node, "channel") for way in _channel(each, where)),
        voicemail=Permission.ALLOW if permission is Permission.ALLOW else Permission.DENY,
        text_content=_choice(node, "text-content", TextContent) or TextContent.NONE,
        withhold_number=_only(node, "withhold-number") is not False,
        caller_description=_text(node, "caller-description"),
        windows=tuple(_window(each, where) for each in _parts(node, "window")),
        timezone=_timezone(node, where),
        code_word=_text(node, "code-word"),
        review_by=_review_by(node, where),
    )


def _channel(node: Tree, where: str) -> Iterable[Channel]:
    """One of each way that is meant. What is denied of a way that is not known is denied of every way."""
    _refuse_unknown(node, _OF_A_CHANNEL, where)
    mode = _choice(node, "mode", Mode)
    permission = _choice(node, "permission", Permission) or Permission.DENY
    modes = [mode] if mode else Mode if permission is Permission.DENY else []
    return (Channel(each, permission, _text(node, "value")) for each in modes)


def _window(node: Tree, where: str) -> Window:
    _refuse_unknown(node, _OF_A_WINDOW, where)
    days = extension_values(node, "day")
    start, end = _time(node, "from"), _time(node, "to")
    if not days or not all(day in DAYS for day in days) or start is None or end is None or start >= end:
        raise unclear(
            where,
            f"A window of the safe-contact extension needs its days ({', '.join(DAYS)}), one 'from' and a later 'to'. "
            "Give two windows where it passes midnight.",
            "value",
        )
    return Window(tuple(day for day in DAYS if day in days), start, end)


def _time(node: Tree, url: str) -> time | None:
    written = _only(node, url)
    try:
        found = time.fromisoformat(written) if isinstance(written, str) else None
    except ValueError:
        return None
    return found if found is None or found.tzinfo is None else None


def _timezone(node: Tree, where: str) -> str | None:
    """Windows in no zone, or in one that nobody knows, would be read as somebody's own."""
    said = _text(node, "timezone")
    if said is None and not _parts(node, "window"):
        return None
    with suppress(ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo(said or "").key
    text = "'timezone' of the safe-contact extension is a name of the IANA list, and windows need it once."
    raise unclear(where, text, "value")


def _review_by(node: Tree, where: str) -> date | None:
    """The first day that may be meant: an agreement is not to outlive it."""
    said = extension_values(node, "review-by")
    if not said:
        return None
    try:
        return min(begins(each).date() for each in said)
    except (AttributeError, TypeError, ValueError):
        pass
    raise unclear(where, "'review-by' of the safe-contact extension is a date.", "value")


def _refuse_unknown(node: Tree, known: Sequence[str], where: str) -> None:
    if not {each["url"] for each in node.get("extension", ())} <= set(known):
        text = f"The safe-contact extension has a part that nobody knows here, where known are: {', '.join(known)}."
        raise unclear(where, text, "not-supported")


def _parts(node: Tree, url: str) -> list[Tree]:
    return [each for each in node.get("extension", ()) if each.get("url") == url]


def _only(node: Tree, url: str) -> Any:
    """The one value said, None when there is none or more than one."""
    said = extension_values(node, url)
    return said[0] if len(said) == 1 else None


def _text(node: Tree, url: str) -> str | None:
    said = _only(node, url)
    return said.strip() or None if isinstance(said, str) else None


def _choice(node: Tree, url: str, choices: type[_Choice]) -> _Choice | None:
    said = _only(node, url)
    return next((choice for choice in choices if choice.value == said), None)
