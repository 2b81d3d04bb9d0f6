"""What she has said, about which organisation."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, bindparam, insert, select, update

from service.consent.consent import Consent, Status
from service.shared.code import Code
from service.store.prepared import Prepared
from service.store.safe_contact import ending_safe_contact, safe_contact_columns, to_safe_contact
from service.store.tables.columns import table
from service.store.tables.woman import ConsentRow

if TYPE_CHECKING:
    from service.store.unit_of_work import UnitOfWork

CONSENT = table(ConsentRow)
OF_PATIENT = Prepared(select(CONSENT).where(CONSENT.c.patient_id == bindparam("patient")).order_by(CONSENT.c.id))
OF_PATIENTS = (
    select(CONSENT).where(CONSENT.c.patient_id.in_(bindparam("patients", expanding=True))).order_by(CONSENT.c.id)
)
ADD = Prepared(insert(CONSENT))
SAVE = Prepared(update(CONSENT).where(CONSENT.c.id == bindparam("consent")))
BEGIN = Prepared(
    update(CONSENT)
    .where(CONSENT.c.id == bindparam("consent"), CONSENT.c.begins_at <= bindparam("now"))
    .values(begins_at=None)
)
ONE = Prepared(select(CONSENT).where(CONSENT.c.id == bindparam("consent")))
END = Prepared(
    update(CONSENT)
    .where(CONSENT.c.id == bindparam("consent"), CONSENT.c.ends_at <= bindparam("now"))
    .values(ends_at=None)
)
END_SAFE_CONTACT = ending_safe_contact(CONSENT)


class Consents:
    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit

    def of_patient(self, patient_id: str) -> list[Consent]:
        return [to_consent(row) for row in self._unit.execute(OF_PATIENT, {"patient": patient_id})]

    def of_patients(self, patient_ids: Collection[str]) -> dict[str, list[Consent]]:
        found: dict[str, list[Consent]] = {}
        for row in self._unit.execute(OF_PATIENTS, {"patients": sorted(patient_ids)}):
            found.setdefault(row.patient_id, []).append(to_consent(row))
        return found

    def add(self, consent: Consent, begins_at: datetime | None) -> None:
        self._unit.execute(ADD, {"id": consent.id, "begins_at": begins_at, **_columns(consent)})

    def save(self, consent: Consent, begins_at: datetime | None) -> None:
        self._unit.execute(SAVE, {"consent": consent.id, "begins_at": begins_at, **_columns(consent)})

    def begin(self, id: str, now: datetime) -> Consent | None:
        if self._unit.execute(BEGIN, {"consent": id, "now": now}).rowcount != 1:
            return None
        return to_consent(self._unit.execute(ONE, {"consent": id}).one())

    def end(self, id: str, now: datetime) -> bool:
        return self._unit.execute(END, {"consent": id, "now": now}).rowcount == 1

    def end_safe_contact(self, id: str, now: datetime) -> bool:
        return self._unit.execute(END_SAFE_CONTACT, {"ended": id, "now": now}).rowcount == 1


def _columns(consent: Consent) -> dict[str, object]:
    return {
        "version": consent.version,
        "tenant_id": consent.tenant_id,
        "patient_id": consent.patient_id,
        "status": consent.status.value,
        "permits": consent.permits,
        "recipient_id": consent.recipient_id,
        "given_at": consent.given_at,
        "period_start": consent.period_start,
        "period_end": consent.period_end,
        "purposes": [[purpose.system, purpose.code] for purpose in sorted(consent.purposes)],
        "may_report_back": consent.may_report_back,
        **safe_contact_columns(consent.safe_contact),
        "withdrawn_at": consent.withdrawn_at,
        "may_refuse": consent.may_refuse,
        "ends_at": consent.period_end,
    }


def to_consent(row: Row[Any]) -> Consent:
    return Consent(
        id=row.id,
        version=row.version,
        tenant_id=row.tenant_id,
        patient_id=row.patient_id,
        status=Status(row.status),
        permits=row.permits,
        recipient_id=row.recipient_id,
        given_at=row.given_at,
        period_start=row.period_start,
        period_end=row.period_end,
        purposes=frozenset(Code(system, code) for system, code in row.purposes),
        may_report_back=row.may_report_back,
        safe_contact=None if row.safe_contact is None else to_safe_contact(row.safe_contact),
        withdrawn_at=row.withdrawn_at,
        may_refuse=row.may_refuse,
    )
