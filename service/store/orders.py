"""The messages that a screening result was put together from, as its hospital sent them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, func, select

from service.store.prepared import Prepared
from service.store.tables.columns import table
from service.store.tables.intake import InboundMessageRow, ResourceVersionRow
from service.store.tables.referral import ReferralRow
from service.store.tables.woman import ScreeningResultRow

if TYPE_CHECKING:
    from service.store.unit_of_work import UnitOfWork

MESSAGE, RESOURCE = table(InboundMessageRow), table(ResourceVersionRow)
REFERRAL, RESULT = table(ReferralRow), table(ScreeningResultRow)
OF_RESULT = Prepared(select(RESULT.c.pieces).where(RESULT.c.id == bindparam("result")))
OPENED_IT = select(REFERRAL.c.result_id).where(REFERRAL.c.id == bindparam("referral")).scalar_subquery()
# Of one that a clinician asked for, the first that counts for it.
FIRST_OF_ITS = select(func.min(RESULT.c.id)).where(RESULT.c.referral_id == bindparam("referral")).scalar_subquery()
OF_REFERRAL = Prepared(select(RESULT.c.pieces).where(RESULT.c.id == func.coalesce(OPENED_IT, FIRST_OF_ITS)))
OBSERVATIONS = (
    select(RESOURCE.c.id, func.coalesce(RESOURCE.c.body, MESSAGE.c.body).label("bytes"))
    .join_from(RESOURCE, MESSAGE, MESSAGE.c.id == RESOURCE.c.message_id)
    .where(
        RESOURCE.c.tenant_id == bindparam("tenant_id"),
        RESOURCE.c.type == "Observation",
        RESOURCE.c.id.in_(bindparam("ids", expanding=True)),
    )
    .order_by(RESOURCE.c.id, RESOURCE.c.version)
)


class Orders:
    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit

    def behind(self, tenant_id: str, *, result_id: str | None, referral_id: str | None) -> list[bytes]:
        """The newest version of each Observation of that result, or else of the one that opened the referral."""
        statement, values = (
            (OF_RESULT, {"result": result_id}) if result_id is not None else (OF_REFERRAL, {"referral": referral_id})
        )
        kept = self._unit.execute(statement, values).scalar_one_or_none()
        names = {name.partition("/") for piece in (kept or {}).get("pieces", ()) for name in piece["names"]}
        ids = sorted(id for type, _, id in names if type == "Observation")
        rows = self._unit.execute(OBSERVATIONS, {"tenant_id": tenant_id, "ids": ids}) if ids else ()
        newest = {row.id: bytes(row.bytes) for row in rows}
        return list(newest.values())
