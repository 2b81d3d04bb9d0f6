"""Offers with every version they had, and what programmes reported on them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, bindparam, delete, func, select, update

from service.referrals.offer import Ending, Handles, Offer, OfferState
from service.shared.clock import from_milliseconds
from service.store.prepared import Prepared
from service.store.tables.columns import table
from service.store.tables.hold import UnseenChangeRow
from service.store.tables.referral import OfferReportRow, OfferRow, OfferVersionRow

if TYPE_CHECKING:
    from service.store.unit_of_work import UnitOfWork

OFFER, VERSION = table(OfferRow), table(OfferVersionRow)
REPORT, UNSEEN = table(OfferReportRow), table(UnseenChangeRow)
ONE = Prepared(select(OFFER).where(OFFER.c.id == bindparam("offer")))
OF_REFERRAL = Prepared(select(OFFER).where(OFFER.c.referral_id == bindparam("referral")).order_by(OFFER.c.id))
AT_VERSION = Prepared(
    select(VERSION).where(VERSION.c.offer_id == bindparam("offer"), VERSION.c.version == bindparam("at"))
)
LAST_REASON = Prepared(
    select(VERSION.c.status_reason)
    .where(VERSION.c.offer_id == bindparam("offer"), VERSION.c.state == bindparam("in_state"))
    .order_by(VERSION.c.version.desc())
    .limit(1)
)
STATES = Prepared(
    select(VERSION.c.state, VERSION.c.stamp).where(VERSION.c.offer_id == bindparam("offer")).order_by(VERSION.c.version)
)
MOVE = Prepared(update(OFFER).where(OFFER.c.id == bindparam("offer"), OFFER.c.version == bindparam("moved_from")))
REPORTS = (
    select(REPORT.c.offer_id, REPORT.c.content)
    .where(REPORT.c.offer_id.in_(bindparam("offers", expanding=True)), REPORT.c.element == bindparam("of_element"))
    .order_by(REPORT.c.id)
)
NEWEST_UNSEEN = Prepared(
    select(func.max(UNSEEN.c.version)).where(
        UNSEEN.c.offer_id == bindparam("offer"), UNSEEN.c.see_by <= bindparam("now")
    )
)
FORGET_UNSEEN = delete(UNSEEN).where(UNSEEN.c.offer_id == bindparam("offer"))
FORGET = {False: Prepared(FORGET_UNSEEN), True: Prepared(FORGET_UNSEEN.where(UNSEEN.c.version <= bindparam("up_to")))}


class Offers:
    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit

    def get(self, id: str) -> Offer:
        return to_offer(self._unit.execute(ONE, {"offer": id}).one())

    def of_referral(self, referral_id: str) -> list[Offer]:
        if (OFFER, referral_id) in self._unit.empty:
            return []
        return [to_offer(row) for row in self._unit.execute(OF_REFERRAL, {"referral": referral_id})]

    def at_version(self, offer: Offer, version: int) -> Offer | None:
        row = self._unit.execute(AT_VERSION, {"offer": offer.id, "at": version}).one_or_none()
        if row is None:
            return None
        return offer._replace(
            version=version,
            state=OfferState(row.state),
            status_reason=row.status_reason,
            business_status=row.business_status,
        )

    def last_reason(self, offer_id: str, state: OfferState) -> str | None:
        found: str | None = self._unit.execute(LAST_REASON, {"offer": offer_id, "in_state": state.value}).scalar_one()
        return found

    def add(self, offer: Offer) -> None:
        row = {
            "id": offer.id,
            "tenant_id": offer.tenant_id,
            "referral_id": offer.referral_id,
            "patient_id": offer.patient_id,
            "programme_id": offer.programme_id,
            "organisation_id": offer.organisation_id,
            "patient_handle": offer.handles.patient,
            "service_request_handle": offer.handles.service_request,
            "consent_handle": offer.handles.consent,
            "observation_handle": offer.handles.observation,
            "offered_at": offer.offered_at,
            "respond_by": offer.respond_by,
            **_columns(offer),
        }
        self._unit.make(OFFER, row)
        self._keep_version(offer)
        self._unit.empty.discard((OFFER, offer.referral_id))

    def save(self, offer: Offer, moved_from: Offer) -> None:
        values = {"offer": offer.id, "moved_from": moved_from.version, **_columns(offer)}
        if self._unit.execute(MOVE, values).rowcount != 1:
            raise LookupError("the offer had changed under the woman's lock")
        self._unit.touch(OFFER, offer.id)
        self._keep_version(offer)

    def history(self, offer_id: str) -> list[tuple[OfferState, datetime]]:
        rows = self._unit.execute(STATES, {"offer": offer_id})
        return [(OfferState(row.state), from_milliseconds(row.stamp)) for row in rows]

    def must_be_seen(self, offer: Offer, by: datetime) -> None:
        row = {"offer_id": offer.id, "version": offer.version, "patient_id": offer.patient_id, "see_by": by}
        self._unit.later(UNSEEN, row)

    def unseen(self, offer_id: str, now: datetime) -> int | None:
        found: int | None = self._unit.execute(NEWEST_UNSEEN, {"offer": offer_id, "now": now}).scalar_one()
        return found

    def no_more_to_be_seen(self, offer_id: str, up_to: int | None) -> None:
        values = {"offer": offer_id} if up_to is None else {"offer": offer_id, "up_to": up_to}
        self._unit.execute(FORGET[up_to is not None], values)

    def new_handles(self) -> Handles:
        new_id = self._unit.new_id
        return Handles(new_id(), new_id(), new_id(), new_id())

    def reports(self, offer_ids: Collection[str], element: str) -> dict[str, list[dict[str, object]]]:
        """What the programmes wrote on these offers, the oldest first, by the offer's id."""
        found: dict[str, list[dict[str, object]]] = {}
        for row in self._unit.execute(REPORTS, {"offers": sorted(offer_ids), "of_element": element}):
            found.setdefault(row.offer_id, []).append(row.content)
        return found

    def add_report(self, offer_id: str, element: str, content: dict[str, object], now: datetime) -> None:
        report = {"id": self._unit.new_id(), "offer_id": offer_id, "element": element, "content": content}
        self._unit.later(REPORT, {**report, "reported_at": now})

    def _keep_version(self, offer: Offer) -> None:
        kept = {
            "offer_id": offer.id,
            "version": offer.version,
            "state": offer.state.value,
            "status_reason": offer.status_reason,
            "business_status": offer.business_status,
        }
        self._unit.later(VERSION, kept)


def _columns(offer: Offer) -> dict[str, object]:
    return {
        "version": offer.version,
        "state": offer.state.value,
        "status_reason": offer.status_reason,
        "business_status": offer.business_status,
        "recalled": offer.recalled,
        "ending": offer.ending.value if offer.ending else None,
    }


def to_offer(row: Row[Any]) -> Offer:
    return Offer(
        id=row.id,
        version=row.version,
        tenant_id=row.tenant_id,
        referral_id=row.referral_id,
        patient_id=row.patient_id,
        programme_id=row.programme_id,
        organisation_id=row.organisation_id,
        state=OfferState(row.state),
        handles=Handles(row.patient_handle, row.service_request_handle, row.consent_handle, row.observation_handle),
        offered_at=row.offered_at,
        respond_by=row.respond_by,
        status_reason=row.status_reason,
        business_status=row.business_status,
        recalled=row.recalled,
        ending=Ending(row.ending) if row.ending else None,
    )
