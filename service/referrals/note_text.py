"""What a note says, from templates that each site may word anew. Nothing of her is in it but what stands in FIELDS."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from enum import StrEnum
from string import Formatter

from service.referrals.contact import Engagement
from service.referrals.note import ABOUT_THE_PROGRAMME, NoteKind
from service.referrals.offer import Ending, Offer
from service.shared.clock import day_read


class NoteField(StrEnum):
    """Who has the referral, until when they answer, and how the contacts with her went."""

    PROGRAMME = "programme"
    RESPOND_BY = "respond-by"
    SUMMARY = "summary"


class ContactsField(StrEnum):
    ATTEMPTS = "attempts"
    SESSIONS = "sessions"
    LAST_CONTACT = "last-contact"


_AT_THE_END = (NoteKind.RETURNED, NoteKind.COMPLETED, NoteKind.CLOSED)
# What the template of each kind may name.
FIELDS: dict[NoteKind, frozenset[NoteField]] = {
    kind: frozenset(
        field
        for field, kinds in (
            (NoteField.PROGRAMME, ABOUT_THE_PROGRAMME),
            (NoteField.RESPOND_BY, (NoteKind.OFFERED,)),
            (NoteField.SUMMARY, _AT_THE_END),
        )
        if kind in kinds
    )
    for kind in NoteKind
}


@dataclass(frozen=True, slots=True)
class NoteTexts:
    """`unasked` has what is said of a step in which no programme had part.

    `contacts` counts them, `no_contacts` stands in its place when there were none; `endings` says how they ended.
    """

    by_kind: Mapping[NoteKind, str]
    unasked: Mapping[NoteKind, str]
    contacts: str
    no_contacts: str
    endings: Mapping[Ending, str]


@dataclass(frozen=True, slots=True)
class Told:
    """An offer that the step has moved, and how the contacts went if she allows that to be told at this moment."""

    offer: Offer
    programme_name: str
    engagement: Engagement | None


def note_text(texts: NoteTexts, kind: NoteKind, told: Sequence[Told], zone: tzinfo) -> str:
    """`told` has each offer that the step has moved: two where two records that were both supported became one. Its
    days are those of `zone`."""
    if not told:
        return _filled(texts.unasked.get(kind, texts.by_kind[kind]), {})
    said = [_filled(texts.by_kind[kind], _values(texts, each, zone)) for each in told]
    return " ".join(dict.fromkeys(said))


def wrong_fields(template: str, allowed: frozenset[NoteField] | frozenset[ContactsField]) -> list[str]:
    """What the template names in braces that it may not, a brace that is not closed included."""
    try:
        named = [(field, spec or conversion) for _, field, spec, conversion in Formatter().parse(template)]
    except ValueError:
        return ["{"]
    return [field for field, changed in named if field is not None and (changed or field not in set(allowed))]


def _values(texts: NoteTexts, told: Told, zone: tzinfo) -> dict[str, str]:
    return {
        NoteField.PROGRAMME: told.programme_name,
        NoteField.RESPOND_BY: day_read(told.offer.respond_by, zone),
        NoteField.SUMMARY: _summary(texts, told.engagement, zone) if told.engagement else "",
    }


def _filled(template: str, values: Mapping[str, str]) -> str:
    """What is left out leaves a gap, and a name may hold anything that a line can be broken with."""
    return " ".join(template.format_map(values).split())


def _summary(texts: NoteTexts, engagement: Engagement, zone: tzinfo) -> str:
    template = texts.contacts if engagement.attempts else texts.no_contacts
    counted = template.format_map(
        {
            ContactsField.ATTEMPTS: engagement.attempts,
            ContactsField.SESSIONS: engagement.sessions,
            ContactsField.LAST_CONTACT: day_read(engagement.last_contact, zone) if engagement.last_contact else "",
        }
    )
    ended = texts.endings[engagement.ending] if engagement.ending else ""
    return f"{counted} {ended}"
