"""The women of the stories. None of them is anybody: see people.py for the ranges that their numbers come from."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime

from service.demo.people import Person, Screening, tessie

# The last answer is the one about self-harm.
POSITIVE = (2, 2, 2, 2, 2, 2, 1, 1, 1, 0)
NEGATIVE = (1, 0, 1, 0, 1, 0, 0, 1, 0, 0)
LOW_WITH_SELF_HARM = (1, 0, 1, 1, 0, 1, 0, 1, 0, 1)


def thea(today: date) -> Person:
    """The woman of story two."""
    return _woman(
        today, "TEST-000502", ("Thea", "Testalina", "Samplewoman"), date(1991, 12, 31), ("201", "202"), "bluebell"
    )


def tesni(today: date) -> Person:
    """The woman of story three."""
    return _woman(
        today, "TEST-000633", ("Tesni", "Testeria", "Examplelady"), date(1999, 5, 6), ("301", "302"), "foxglove"
    )


def tabby(today: date) -> Person:
    """The woman of story four."""
    return _woman(
        today, "TEST-000748", ("Tabby", "Testabitha", "Trialperson"), date(1988, 8, 8), ("401", "402"), "primrose"
    )


def tilly(today: date) -> Person:
    """The woman of story five."""
    return _woman(
        today, "TEST-000859", ("Tilly", "Testine-Rose", "Specimenlady"), date(1994, 7, 8), ("501", "502"), "heather"
    )


def tara(today: date) -> Person:
    """Another of story five, who needs nothing."""
    return _woman(
        today, "TEST-000960", ("Tara", "Testabella", "Patternwoman"), date(1990, 3, 4), ("601", "602"), "lavender"
    )


def screening(person: Person, answers: Sequence[int], at: datetime) -> Screening:
    return Screening(f"{person.hospital_number}-EPDS-1", tuple(answers), at)


def _woman(
    today: date, number: str, names: tuple[str, str, str], born: date, telephones: tuple[str, str], code_word: str
) -> Person:
    preferred, given, family = names
    safe, home = (f"+44 7700 900{ending}" for ending in telephones)
    return replace(
        tessie(today), hospital_number=number, preferred=preferred, given=given, family=family, birth_date=born,
        safe_number=safe, home_number=home, code_word=code_word,
    )  # fmt: skip
