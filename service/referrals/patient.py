"""The woman, as far as placing her needs facts about her. Everything else stays in the resource as it was received."""

from dataclasses import dataclass
from datetime import date

from service.consent.safe_contact import SafeContact
from service.referrals.needs import NOT_STATED, SupportNeeds


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
    """`due_date` is the estimated date of delivery, sent as an observation of its own.

    `needs` and `safe_contact` are the newest word on them that named no programme.
    """

    id: str
    version: int
    tenant_id: str
    facts: PatientFacts
    due_date: date | None = None
    needs: SupportNeeds = NOT_STATED
    safe_contact: SafeContact | None = None

    def age(self, today: date) -> int | None:
        """In whole years, None when her birth date is not known."""
        born = self.facts.birth_date
        return None if born is None else today.year - born.year - ((today.month, today.day) < (born.month, born.day))
