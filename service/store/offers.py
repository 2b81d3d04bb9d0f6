"""Offers with every version they had, what programmes reported on them, and their contacts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, bindparam, func, insert, select, update

from service.referrals.contact import Contact, ContactOutcome, Engagement
from service.referrals.offer import Handles, Offer, OfferState
from service.store.prepared import Prepared
from service.store.tables.columns import table
from service.store.tables.referral import ContactRow, OfferReportRow, OfferRow, OfferVersionRow

if TYPE_CHECKING:
    from service.store.unit_of_work import UnitOfWork

OFFER, VERSION = table(OfferRow), table(OfferVersionRow)
REPORT, CONTACT = table(OfferReportRow), table(ContactRow)
ONE = Prepared(select(OFFER).where(OFFER.c.id == bindparam("offer")))
OF_REFERRAL = Prepared(select(OFFER).where(OFFER.c.referral_id == bindparam("referral")).order_by(OFFER.c.id))
AT_VERSION = Prepared(
    select(VERSION).where(VERSION.c.offer_id == bindparam("offer"), VERSION.c.version == bindparam("at"))
)
MOVE = Prepared(update(OFFER).where(OFFER.c.id == bindparam("offer"), OFFER.c.version == bindparam("moved_from")))
REPORTS = (
    select(REPORT.c.offer_id, REPORT.c.content)
    .where(REPORT.c.offer_id.in_(bindparam("offers", expanding=True)), REPORT.c.element == bindparam("of_element"))
    .order_by(REPORT.c.id)
)
ADD, ADD_CONTACT = Prepared(insert(OFFER)), Prepared(insert(CONTACT))
ENGAGEMENTS = (
    select(
        OFFER.c.referral_id,
        CONTACT.c.outcome,
        func.count().label("times"),
        func.max(CONTACT.c.started_at).label("last"),
    )
    .join_from(CONTACT, OFFER, OFFER.c.id == CONTACT.c.offer_id)
    .where(OFFER.c.referral_id.in_(bindparam("referrals", expanding=True)))
    .group_by(OFFER.c.referral_id, CONTACT.c.outcome)
)


class Offers:
    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit

    def get(self, id: str) -> Offer:
        return to_offer(self._unit.execute(ONE, {"offer": id}).one())

    def of_referral(self, referral_id: str) -> list[Offer]:
        return [to_offer(row) for row in self._unit.execute(OF_REFERRAL, {"referral": referral_id})]

    def at_version(self, offer: Offer, version: int) -> Offer | None:
        row = self._unit.execute(AT_VERSION, {"offer": offer.id, "at": version}).one_or_none()
        if row is None:
            return None
        return replace(
            offer,
            version=version,
            state=OfferState(row.state),
            status_reason=row.status_reason,
            business_status=row.business_status,
        )

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
            "stamp": 0,
            **_columns(offer),
        }
        self._unit.execute(ADD, row)
        self._keep_version(offer)

    def save(self, offer: Offer, moved_from: Offer) -> None:
        values = {"offer": offer.id, "moved_from": moved_from.version, **_columns(offer)}
        if self._unit.execute(MOVE, values).rowcount != 1:
            raise LookupError("the offer had changed under the woman's lock")
        self._keep_version(offer)

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
        self._unit.stamped_later(VERSION, kept)
        self._unit.touch(OFFER, offer.id)


class Contacts:
    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit

    def add(self, contact: Contact) -> None:
        row = {
            "id": contact.id,
            "offer_id": contact.offer_id,
            "mode": contact.mode.value,
            "outcome": contact.outcome.value,
            "started_at": contact.started_at,
            "ended_at": contact.ended_at,
        }
        self._unit.execute(ADD_CONTACT, row)

    def engagement(self, referral_id: str) -> Engagement:
        return self.engagements((referral_id,))[referral_id]

    def engagements(self, referral_ids: Collection[str]) -> dict[str, Engagement]:
        """By the referral's id; one without any contact has the engagement of none."""
        found: dict[str, list[Row[Any]]] = {id: [] for id in referral_ids}
        for row in self._unit.execute(ENGAGEMENTS, {"referrals": sorted(found)}) if found else ():
            found[row.referral_id].append(row)
        return {id: _engagement(rows) for id, rows in found.items()}


def _engagement(rows: Sequence[Row[Any]]) -> Engagement:
    times = {ContactOutcome(row.outcome): row.times for row in rows}
    held = [row.last for row in rows if ContactOutcome(row.outcome) is not ContactOutcome.CANCELLED]
    return Engagement(
        attempts=sum(count for outcome, count in times.items() if outcome is not ContactOutcome.CANCELLED),
        sessions=times.get(ContactOutcome.ATTENDED, 0),
        last_contact=max(held, default=None),
    )


def _columns(offer: Offer) -> dict[str, object]:
    return {
        "version": offer.version,
        "state": offer.state.value,
        "status_reason": offer.status_reason,
        "business_status": offer.business_status,
        "recalled": offer.recalled,
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
    )
