"""The women, each the aggregate that a unit about her locks first."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, bindparam, insert, select, update

from service.referrals.needs import NOT_STATED, Access, SupportNeeds, Wish
from service.referrals.patient import Patient, PatientFacts
from service.store.dialect import Dialect
from service.store.prepared import Prepared
from service.store.safe_contact import ending_safe_contact, safe_contact_columns, to_safe_contact
from service.store.tables.columns import table
from service.store.tables.woman import PatientRow
from service.store.trouble import Overtaken

if TYPE_CHECKING:
    from service.store.unit_of_work import UnitOfWork

PATIENT = table(PatientRow)
ONE = select(PATIENT).where(PATIENT.c.id == bindparam("patient"))
PRESENT = Prepared(select(PATIENT.c.replaced_by).where(PATIENT.c.id == bindparam("patient")))
ADD = Prepared(insert(PATIENT))
THESE = select(PATIENT).where(PATIENT.c.id.in_(bindparam("patients", expanding=True)))
SAVE = Prepared(update(PATIENT).where(PATIENT.c.id == bindparam("patient")))
END_SAFE_CONTACT = ending_safe_contact(PATIENT)


class Patients:
    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit
        self._held: dict[str, Patient] = {}

    def lock(self, id: str) -> Patient:
        """Once locked nobody else can change her before the commit, so a unit reads her once.

        Raises Overtaken when her record became part of another while the unit waited: what it had read is the other's
        now, so it is to begin anew.
        """
        held = self._held.get(id) or self.hold(self._unit.execute(_locked(self._unit.dialect), {"patient": id}).one())
        if held.replaced_by is not None:
            raise Overtaken("Her record has become part of another.")
        return held

    def lock_present(self, id: str) -> Patient:
        """For an id that was read in an earlier unit: the record that this one may have become since."""
        row = self._unit.execute(PRESENT, {"patient": id}).one()
        return self.lock(row.replaced_by or id)

    def hold(self, row: Row[Any]) -> Patient:
        """Remember a row that was read under its lock."""
        self._held[row.id] = _to_patient(row)
        return self._held[row.id]

    def get_all(self, ids: Collection[str]) -> dict[str, Patient]:
        rows = self._unit.execute(THESE, {"patients": sorted(ids)}) if ids else ()
        return {row.id: _to_patient(row) for row in rows}

    def add(self, patient: Patient) -> None:
        self._unit.execute(ADD, {"id": patient.id, "tenant_id": patient.tenant_id, **_columns(patient)})

    def save(self, patient: Patient) -> None:
        self._unit.execute(SAVE, {"patient": patient.id, **_columns(patient)})
        self._held[patient.id] = patient

    def end_safe_contact(self, id: str, now: datetime) -> bool:
        return self._unit.execute(END_SAFE_CONTACT, {"ended": id, "now": now}).rowcount == 1


@cache
def _locked(dialect: Dialect) -> Prepared:
    return Prepared(dialect.lock(ONE))


def _columns(patient: Patient) -> dict[str, object]:
    facts = patient.facts
    return {
        "version": patient.version,
        "preferred_name": facts.preferred_name,
        "birth_date": facts.birth_date,
        "district": facts.district,
        "language": facts.language,
        "interpreter": facts.interpreter,
        "deceased": facts.deceased,
        "gender": facts.gender,
        "due_date": patient.due_date,
        "due_said_at": patient.due_said_at,
        "delivered_on": patient.delivered_on,
        "replaced_by": patient.replaced_by,
        "needs": None if patient.needs == NOT_STATED else _needs(patient.needs),
        **safe_contact_columns(patient.safe_contact),
    }


def _to_patient(row: Row[Any]) -> Patient:
    facts = PatientFacts(
        preferred_name=row.preferred_name,
        birth_date=row.birth_date,
        district=row.district,
        language=row.language,
        interpreter=row.interpreter,
        deceased=row.deceased,
        gender=row.gender,
    )
    return Patient(
        id=row.id,
        version=row.version,
        tenant_id=row.tenant_id,
        facts=facts,
        due_date=row.due_date,
        due_said_at=row.due_said_at,
        needs=NOT_STATED if row.needs is None else _to_needs(row.needs),
        safe_contact=None if row.safe_contact is None else to_safe_contact(row.safe_contact),
        delivered_on=row.delivered_on,
        replaced_by=row.replaced_by,
    )


def _needs(needs: SupportNeeds) -> dict[str, object]:
    return {
        "wish": needs.wish and needs.wish.value,
        "access": sorted(each.value for each in needs.access),
        "communities": sorted(needs.communities),
        "first_baby": needs.first_baby,
    }


def _to_needs(kept: dict[str, Any]) -> SupportNeeds:
    return SupportNeeds(
        wish=Wish(kept["wish"]) if kept["wish"] else None,
        access=frozenset(Access(each) for each in kept["access"]),
        communities=frozenset(kept["communities"]),
        first_baby=kept["first_baby"],
    )
