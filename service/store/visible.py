"""The door into the caller's own view; from what it finds, flow follows the keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, Table, select

from service.consent.consent import Consent
from service.referrals.alert import Alert
from service.referrals.offer import Offer
from service.referrals.referral import Referral
from service.store.consents import to_consent
from service.store.offers import to_offer
from service.store.referrals import to_alert, to_referral
from service.store.scoped import ALERT, CONSENT, OFFER, PATIENT, REFERRAL, RESOURCE, scope_of, scoped
from service.store.tables.columns import table
from service.store.tables.directory import OrganisationRow
from service.store.tables.intake import InboundMessageRow

if TYPE_CHECKING:
    from service.store.unit_of_work import UnitOfWork

ORGANISATION, MESSAGE = table(OrganisationRow), table(InboundMessageRow)
HANDLES = {
    "Patient": OFFER.c.patient_handle,
    "ServiceRequest": OFFER.c.service_request_handle,
    "Consent": OFFER.c.consent_handle,
    "Observation": OFFER.c.observation_handle,
}


@dataclass(frozen=True, slots=True)
class KeptResource:
    """A resource byte for byte as received; `stamp` is in milliseconds."""

    version: int
    stamp: int
    body: bytes
    patient_id: str | None


class Visible:
    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit

    def patient_id(self, id: str) -> str | None:
        row = self._one(PATIENT, PATIENT.c.id == id)
        return None if row is None else row.id

    def organisation_id(self, id: str) -> str | None:
        """Organisations are a directory that every client may read; a no may concern one that has ended."""
        statement = select(ORGANISATION.c.id).where(ORGANISATION.c.id == id)
        found: str | None = self._unit.execute(statement).scalar_one_or_none()
        return found

    def consent(self, id: str) -> Consent | None:
        row = self._one(CONSENT, CONSENT.c.id == id)
        return None if row is None else to_consent(row)

    def referral(self, id: str) -> Referral | None:
        row = self._one(REFERRAL, REFERRAL.c.id == id)
        return None if row is None else to_referral(row)

    def offer(self, id: str) -> Offer | None:
        row = self._one(OFFER, OFFER.c.id == id)
        return None if row is None else to_offer(row)

    def offer_by_handle(self, type: str, handle: str) -> Offer | None:
        row = self._one(OFFER, HANDLES[type] == handle)
        return None if row is None else to_offer(row)

    def alert(self, id: str) -> Alert | None:
        row = self._one(ALERT, ALERT.c.id == id)
        return None if row is None else to_alert(row)

    def resource(self, type: str, id: str) -> KeptResource | None:
        """The newest version of a resource that the caller's organisation has sent."""
        row = self._one(RESOURCE, (RESOURCE.c.type == type) & (RESOURCE.c.id == id), newest=True)
        if row is None:
            return None
        body = row.body
        if body is None:
            body = self._unit.execute(select(MESSAGE.c.body).where(MESSAGE.c.id == row.message_id)).scalar_one()
        return KeptResource(row.version, row.stamp, body, row.patient_id)

    def _one(self, subject: Table, condition: Any, *, newest: bool = False) -> Row[Any] | None:
        statement = scoped(subject, self._unit.caller)
        if statement is None:
            return None
        statement = statement.where(condition)
        if newest:
            statement = statement.order_by(subject.c.version.desc()).limit(1)
        return self._unit.execute(statement, scope_of(self._unit.caller)).one_or_none()
