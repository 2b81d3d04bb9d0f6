"""texts.toml: the words that people read."""

from collections.abc import Collection, Iterable
from string import Formatter

from service.flow.rules import ESCALATION_TEXTS, HEADING_FIELDS, HEADINGS, OTHERWISE
from service.mappings.reader import Table
from service.referrals.note import ALSO_WITHOUT_ONE, NoteKind
from service.referrals.note_text import FIELDS, ContactsField, NoteField, NoteTexts, wrong_fields
from service.referrals.offer import Ending
from service.screening.instrument import Instrument


class Wording:
    """A text that names an instrument would tell whoever reads it what she was asked about."""

    def __init__(self, table: Table, instruments: Iterable[Instrument]) -> None:
        self._table = table
        self._secret = [name.casefold() for each in instruments for name in (each.id, each.title)]

    def by_code(self, section: str, codes: Collection[str] | None = None) -> dict[str, str]:
        """Code -> text, with `otherwise` for a code that has none. `codes` are all that there are."""
        table = self._table.table(section)
        for key in table.names():
            if codes is not None and key not in (OTHERWISE, *codes):
                table.note(key, "is no code that there is")
        return {key: self._text(table, key) for key in sorted({OTHERWISE, *table.names()})}

    def notes(self) -> NoteTexts:
        note, contacts = self._table.table("note"), self._table.table("note_contacts")
        return NoteTexts(
            by_kind={kind: self._template(note, kind, FIELDS[kind]) for kind in NoteKind},
            unasked={kind: self._template(note, f"{kind}-unasked", frozenset()) for kind in ALSO_WITHOUT_ONE},
            contacts=self._template(contacts, "counted", frozenset(ContactsField)),
            no_contacts=self._template(contacts, "none", frozenset()),
            endings={ending: self._template(contacts, ending, frozenset()) for ending in Ending},
        )

    def escalation(self) -> dict[str, str]:
        table = self._table.table("escalation")
        texts = {key: self._text(table, key) for key in ESCALATION_TEXTS}
        for key in HEADINGS:
            try:
                fields = sorted(field for _, field, *_ in Formatter().parse(texts[key]) if field is not None)
            except ValueError:
                fields = []
            if fields != sorted(HEADING_FIELDS):
                table.note(key, f"does not name each of {', '.join(f'{{{each}}}' for each in HEADING_FIELDS)} once")
        return texts

    def _text(self, table: Table, key: str) -> str:
        text = table.text(key)
        if any(name in text.casefold() for name in self._secret):
            table.note(key, "names an instrument")
        return text

    def _template(self, table: Table, key: str, allowed: frozenset[NoteField] | frozenset[ContactsField]) -> str:
        text = self._text(table, key)
        if wrong := wrong_fields(text, allowed):
            may = ", ".join(sorted(f"{{{field}}}" for field in allowed)) or "nothing"
            table.note(key, f"names {{{wrong[0].strip('{')}}} in braces, where it may name {may}")
        return text
