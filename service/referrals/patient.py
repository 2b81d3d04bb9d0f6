"""The woman, as far as placing her needs facts about her. Everything else stays in the resource as it was received."""

from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from service.consent.safe_contact import SafeContact
from service.referrals.needs import NOT_STATED, SupportNeeds
from service.screening.instrument import Policy, Stage, stage_at
from service.shared.clock import latest_day_in

# Two babies of one woman are born further apart than this, and one baby's two dates never are.
ONE_PREGNANCY = timedelta(days=150)

FEMALE = "female"
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
# A record writes such a date where it has none (1900-01-01, 0001-01-01); nobody is so old.
_OLDEST = timedelta(days=120 * 365)
# Forty weeks from the first day on which anything can be known, and some for a date that is put right.
_LONGEST_EXPECTED = timedelta(days=300)
# So long after it a birth is of an older child, whatever else is told of it.
_LONGEST_SINCE = timedelta(days=2 * 365)


def birth_date(written: date | None, today: date) -> date | None:
    """As far as it can be somebody's."""
    return None if written is None or today - written > _OLDEST else written


def due_date(written: date | None, today: date) -> date | None:
    """As far as somebody can expect a baby then, or have one of that pregnancy: a date without end would leave her
    antenatal after the birth, and one of an older child postnatal before it."""
    return written if written is not None and -_LONGEST_SINCE <= written - today <= _LONGEST_EXPECTED else None


class PatientFacts(NamedTuple):
    """What her record says. `language` is a BCP 47 tag; `district` is as the record's address names it.

    `gender` is a code of FHIR AdministrativeGender, None when it is unknown; it only helps to tell that another person
    may be meant.
    """

    preferred_name: str | None
    birth_date: date | None
    district: str | None
    language: str | None
    interpreter: bool
    deceased: bool
    gender: str | None = None


NOTHING_SAID = PatientFacts(None, None, None, None, interpreter=False, deceased=False)


class DueDate(NamedTuple):
    """What is told of when her baby is due. `said_at` is None where that is not told: it is said now. What does not
    `stand` is taken back, of that day or, where that is None, of any."""

    day: date | None
    said_at: datetime | None = None
    stands: bool = True


class Patient(NamedTuple):
    """`due_date` is the estimated date of delivery, sent as an observation of its own, and `due_said_at` when it was
    said, or taken back; `delivered_on` the day on which her last baby was born.

    `needs` and `safe_contact` are the newest word on them that named no programme. `replaced_by` is the id of the
    record that this one has become part of, when the hospital has found that both are hers.
    """

    id: str
    version: int
    tenant_id: str
    facts: PatientFacts
    due_date: date | None = None
    due_said_at: datetime | None = None
    needs: SupportNeeds = NOT_STATED
    safe_contact: SafeContact | None = None
    delivered_on: date | None = None
    replaced_by: str | None = None

    @property
    def delivery(self) -> date | None:
        """The day on which her baby was born, or is due: a due date long after a birth is of another baby."""
        return self.delivered_on if self._is_born() else self.due_date

    def stage(self, at: datetime, policy: Policy) -> Stage:
        """Whether her baby was born on the day of `at` where her hospital is. Until it is told, the due date tells."""
        if self.delivered_on is not None and self._is_born():
            return Stage.POSTNATAL if latest_day_in(policy.zone, at) >= self.delivered_on else Stage.ANTENATAL
        return stage_at(at, self.due_date, policy)

    def _is_born(self) -> bool:
        born = self.delivered_on
        return born is not None and (self.due_date is None or self.due_date - born < ONE_PREGNANCY)

    def age(self, today: date) -> int | None:
        """In whole years, None when her birth date is not known."""
        born = self.facts.birth_date
        return None if born is None else today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def expecting(patient: Patient, told: DueDate, now: datetime, *, again: bool) -> Patient:
    """The newest word of when her baby is due counts, whatever comes first, and what was taken back is as never said.
    `again`: it is heard once more, and undoes nothing that was said since."""
    at, known = told.said_at or now, patient.due_said_at
    newer = known is None or at >= known
    if again and known is not None:
        counts = told.said_at is not None and at > known
    elif told.stands:
        counts = newer or patient.due_date is None
    else:
        counts = told.day == patient.due_date or (told.day is None and newer)
    return patient._replace(due_date=told.day if told.stands else None, due_said_at=at) if counts else patient


def newest_due(*records: Patient) -> Patient:
    """The one whose due date counts, of records that are one woman's."""
    told = (each for each in records if each.due_date is not None)
    return max(told, key=lambda each: each.due_said_at or _LONG_AGO, default=records[0])


def disagree(one: PatientFacts, other: PatientFacts) -> bool:
    """Whether two records may be two women: what both of them say of who she is differs, or only one of them lives."""
    said = ((one.birth_date, other.birth_date), (_name(one), _name(other)), (one.gender, other.gender))
    return one.deceased is not other.deceased or any(mine != theirs for mine, theirs in said if mine and theirs)


def may_be_another(before: PatientFacts, after: PatientFacts) -> bool:
    """Whether an update may have been meant for somebody else. A new name alone, or a birth date, is a correction."""
    named, born = (_name(before), _name(after)), (before.birth_date, after.birth_date)
    changed = all(was and now and was != now for was, now in (named, born))
    return changed or (before.gender == FEMALE and after.gender not in (None, FEMALE))


def contradicts(said: PatientFacts, known: PatientFacts) -> bool:
    """Whether what only names her, and updates nothing, may be about somebody else: about one born on another day."""
    born = (said.birth_date, known.birth_date)
    return (all(born) and said.birth_date != known.birth_date) or may_be_another(known, said)


def _name(facts: PatientFacts) -> str:
    return (facts.preferred_name or "").casefold().strip()
