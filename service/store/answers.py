"""By which ways an alert may still be answered outside our API: its copy in the record, and its answer links."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, select

from service.referrals.alert import Alert, AlertState
from service.referrals.answer_link import AnswerLink
from service.referrals.delivery import Lane
from service.screening.instrument import Recorded
from service.store.alerts import ALERT, to_alert
from service.store.deliveries import DELIVERY
from service.store.dialect import Dialect
from service.store.prepared import Prepared
from service.store.tables.columns import table
from service.store.tables.directory import OrganisationRow
from service.store.tables.intake import AliasRow
from service.store.tables.outgoing import IS_WAITING
from service.store.tables.referral import IS_AWAITED, AnswerLinkRow

if TYPE_CHECKING:
    from service.store.unit_of_work import UnitOfWork

ALIAS, ORGANISATION, LINK = table(AliasRow), table(OrganisationRow), table(AnswerLinkRow)
_COPIES = (
    select(ALERT, ALIAS.c.value.label("record_id"), ORGANISATION.c.fhir_endpoint.label("endpoint"))
    .join_from(ALERT, ORGANISATION, ORGANISATION.c.id == ALERT.c.tenant_id)
    .join(
        ALIAS,
        (ALIAS.c.resource_id == ALERT.c.id)
        & (ALIAS.c.system == ORGANISATION.c.fhir_endpoint)
        & (ALIAS.c.type == "Task"),
    )
    .where(ALERT.c.tenant_id == bindparam("tenant"), ORGANISATION.c.active)
    .order_by(ALERT.c.id)
)
_STILL_OWED = select(DELIVERY.c.resource_id).where(
    DELIVERY.c.destination_id == bindparam("tenant"),
    DELIVERY.c.lane < Lane.STATUS.value,
    DELIVERY.c.resource_type == Recorded.ALERT_TASKS.value,
    IS_WAITING,
)
AWAITED = Prepared(_COPIES.where(IS_AWAITED))
NOT_YET_TOLD = Prepared(_COPIES.where(ALERT.c.state == AlertState.RESOLVED.value, ALERT.c.id.in_(_STILL_OWED)))
ASKED_OF = Prepared(
    select(ORGANISATION.c.id, ORGANISATION.c.fhir_endpoint)
    .where(ORGANISATION.c.active, ORGANISATION.c.fhir_endpoint.is_not(None))
    .order_by(ORGANISATION.c.id)
)
FIND = Prepared(select(LINK).where(LINK.c.token_hash == bindparam("hash")))


@dataclass(frozen=True, slots=True)
class Awaited:
    """An alert that may still be answered, and the id that the hospital's record has given to the copy of its Task."""

    alert: Alert
    record_id: str


class Answers:
    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit

    def records(self) -> list[tuple[str, str]]:
        """(organisation id, FHIR base) of every record that takes what we write."""
        return [(row.id, row.fhir_endpoint) for row in self._unit.execute(ASKED_OF)]

    def awaited(self, tenant_id: str) -> list[Awaited]:
        """The copies in one hospital's record that may still be answered, also those that do not show yet that their
        alert is over."""
        asked = (self._unit.execute(each, {"tenant": tenant_id}) for each in (AWAITED, NOT_YET_TOLD))
        return [Awaited(to_alert(row), row.record_id) for rows in asked for row in rows]

    def add_link(self, link: AnswerLink) -> None:
        """Its time counts from when it was added first."""
        row = {
            "token_hash": link.token_hash,
            "alert_id": link.alert_id,
            "tenant_id": link.tenant_id,
            "result": link.result,
            "expires_at": link.expires_at,
        }
        self._unit.execute(_add(self._unit.dialect), row)

    def link(self, token_hash: str) -> AnswerLink | None:
        row = self._unit.execute(FIND, {"hash": token_hash}).one_or_none()
        if row is None:
            return None
        return AnswerLink(row.token_hash, row.alert_id, row.tenant_id, row.result, row.expires_at)


@cache
def _add(dialect: Dialect) -> Prepared:
    return Prepared(dialect.insert(LINK).on_conflict_do_nothing())
