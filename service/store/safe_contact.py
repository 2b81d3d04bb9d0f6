"""How she may be reached, as JSON: the same wherever it was said."""

from datetime import date, datetime, time
from typing import Any

from sqlalchemy import Table, bindparam, update

from service.consent.safe_contact import Channel, Mode, Permission, SafeContact, TextContent, Window
from service.store.prepared import Prepared


def safe_contact_columns(safe: SafeContact | None) -> dict[str, object]:
    return {
        "safe_contact": None if safe is None else _kept(safe),
        "safe_contact_ends_at": None if safe is None else safe.ends_at(),
    }


def ending_safe_contact(subject: Table) -> Prepared:
    """Of one row, by `id`, if it has ended by `now`: nobody is told of it again."""
    has_ended = subject.c.safe_contact_ends_at <= bindparam("now")
    return Prepared(
        update(subject).where(subject.c.id == bindparam("ended"), has_ended).values(safe_contact_ends_at=None)
    )


def _kept(safe: SafeContact) -> dict[str, object]:
    return {
        "channels": [[each.mode.value, each.permission.value, each.value] for each in safe.channels],
        "voicemail": safe.voicemail.value,
        "text_content": safe.text_content.value,
        "withhold_number": safe.withhold_number,
        "caller_description": safe.caller_description,
        "windows": [[list(each.days), each.start.isoformat(), each.end.isoformat()] for each in safe.windows],
        "timezone": safe.timezone,
        "code_word": safe.code_word,
        "review_by": None if safe.review_by is None else safe.review_by.isoformat(),
        "said_at": None if safe.said_at is None else safe.said_at.isoformat(),
    }


def to_safe_contact(kept: dict[str, Any]) -> SafeContact:
    return SafeContact(
        channels=tuple(Channel(Mode(mode), Permission(may), value) for mode, may, value in kept["channels"]),
        voicemail=Permission(kept["voicemail"]),
        text_content=TextContent(kept["text_content"]),
        withhold_number=kept["withhold_number"],
        caller_description=kept["caller_description"],
        windows=tuple(
            Window(tuple(days), time.fromisoformat(start), time.fromisoformat(end))
            for days, start, end in kept["windows"]
        ),
        timezone=kept["timezone"],
        code_word=kept["code_word"],
        review_by=None if kept["review_by"] is None else date.fromisoformat(kept["review_by"]),
        said_at=None if kept["said_at"] is None else datetime.fromisoformat(kept["said_at"]),
    )
