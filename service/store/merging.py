"""Two records of one woman become one: what was the one's is the other's from now on."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from sqlalchemy import BindParameter, Table, TextClause, bindparam, select, update

from service.referrals.offer import ACTIVE
from service.store.prepared import Prepared, constants
from service.store.tables.columns import table
from service.store.tables.hold import UnseenChangeRow
from service.store.tables.outgoing import IS_WAITING, DeliveryRow
from service.store.tables.referral import IS_UNRESOLVED, AlertRow, OfferRow, ReferralRow
from service.store.tables.woman import ConsentRow, PatientRow, ScreeningResultRow

if TYPE_CHECKING:
    from service.store.unit_of_work import UnitOfWork

PATIENT, RESULT, CONSENT = table(PatientRow), table(ScreeningResultRow), table(ConsentRow)
REFERRAL, OFFER, ALERT = table(ReferralRow), table(OfferRow), table(AlertRow)
DELIVERY, UNSEEN = table(DeliveryRow), table(UnseenChangeRow)
# Audit and the messages received stay as they were: they say what happened then.
HERS = (CONSENT, REFERRAL, OFFER, ALERT)
TO: BindParameter[str] = bindparam("to_id")


def _hers(subject: Table) -> Prepared:
    return Prepared(update(subject).where(subject.c.patient_id == bindparam("from_id")).values(patient_id=TO))


def _of_referral(subject: Table, *only: object) -> Prepared:
    of_it = subject.c.referral_id == bindparam("from_id")
    return Prepared(update(subject).where(of_it, *only).values(referral_id=TO))  # type: ignore[arg-type]


CARRIED = [_hers(subject) for subject in HERS]
CARRIED_RESULTS = (
    update(RESULT)
    .where(RESULT.c.patient_id == bindparam("from_id"), RESULT.c.id.not_in(bindparam("left_behind", expanding=True)))
    .values(patient_id=TO)
)
CARRIED_DELIVERIES = Prepared(
    update(DELIVERY)
    .where(
        DELIVERY.c.destination_id == bindparam("destination"),
        DELIVERY.c.patient_id == bindparam("from_id"),
        TextClause(IS_WAITING.text),
    )
    .values(patient_id=TO)
)
CARRIED_CHANGES = Prepared(
    update(UNSEEN)
    .where(UNSEEN.c.offer_id.in_(select(OFFER.c.id).where(OFFER.c.patient_id == bindparam("from_id"))))
    .values(patient_id=TO)
)
EARLIER = Prepared(update(PATIENT).where(PATIENT.c.replaced_by == bindparam("from_id")).values(replaced_by=TO))
HANDED_OVER = [
    _of_referral(OFFER, OFFER.c.state.in_(constants(ACTIVE))),
    _of_referral(ALERT, TextClause(IS_UNRESOLVED.text)),
    _of_referral(RESULT),
]


class Merging:
    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit

    def hand_over(self, referral_id: str, to_id: str) -> None:
        """The offers that go on, the alerts that nobody has resolved, the results and the sender's own numbers of one
        referral are another's. Its copy in the record stays its own, for it says there that it has ended."""
        unit = self._unit
        unit.results.forget()
        for statement in HANDED_OVER:
            unit.execute(statement, {"from_id": referral_id, "to_id": to_id})
        base = unit.organisations.fhir_endpoint(unit.caller.organisation_id)
        unit.aliases.hand_over("ServiceRequest", referral_id, to_id, base)
        unit.empty.clear()

    def carry_over(self, patient_id: str, to_id: str, left_behind: Collection[str]) -> None:
        """All that is one woman's is another's, but for the results in `left_behind`, by id."""
        unit, values = self._unit, {"from_id": patient_id, "to_id": to_id}
        unit.results.forget()
        unit.deliveries.write()
        unit.execute(CARRIED_CHANGES, values)
        for statement in CARRIED:
            unit.execute(statement, values)
        unit.execute(CARRIED_RESULTS, {**values, "left_behind": sorted(left_behind)})
        unit.execute(CARRIED_DELIVERIES, {**values, "destination": unit.caller.organisation_id})
        unit.execute(EARLIER, values)
        unit.life_events.carry_over(patient_id, to_id)
        unit.aliases.hand_over("Patient", patient_id, to_id, None)
