"""The woman, as far as placing her needs facts about her. Everything else stays in the resource as it was received."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class PatientFacts:
    """What her record says. `language` is a BCP 47 tag; `district` is as the record's address names it."""

    preferred_name: str | None
    birth_date: date | None
    district: str | None
    language: str | None
    interpreter: bool
    deceased: bool


@dataclass(frozen=True, slots=True)
class Patient:
    """`due_date` is the estimated date of delivery, sent as an observation of its own."""

    id: str
    version: int
    tenant_id: str
    facts: PatientFacts
    due_date: date | None = None
