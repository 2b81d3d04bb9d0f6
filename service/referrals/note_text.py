"""What a note says, from templates that each site may word anew. Nothing of her is in it but what stands in FIELDS."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import tzinfo
from enum import StrEnum
from string import Formatter

from service.referrals.contact import Engagement
from service.referrals.note import ABOUT_THE_PROGRAMME, CLOSING, NoteKind
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
    """`untold_open` and `untold_closed` are all that is said where she has not allowed a programme to report back.

    `contacts` counts them, `no_contacts` stands in its place when there were none; `endings` says how they ended.
    """

    by_kind: Mapping[NoteKind, str]
    untold_open: str
    untold_closed: str
    contacts: str
    no_contacts: str
    endings: Mapping[Ending, str]


@dataclass(frozen=True, slots=True)
class Told:
    """What she allows the hospital to be told of one offer, at this moment."""

    offer: Offer
    programme_name: str
    engagement: Engagement


def note_text(texts: NoteTexts, kind: NoteKind, told: Told | None, zone: tzinfo) -> str:
    """`told` None: she allows nothing to be reported of a programme, or none has been asked. Its days are those of
    `zone`."""
    about_a_programme = kind in ABOUT_THE_PROGRAMME
    if about_a_programme and told is None:
        return _filled(texts.untold_closed if kind in CLOSING else texts.untold_open, {})
    values = _values(texts, told, zone) if about_a_programme and told else {}
    return _filled(texts.by_kind[kind], values)


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
        NoteField.SUMMARY: _summary(texts, told.engagement, zone),
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
