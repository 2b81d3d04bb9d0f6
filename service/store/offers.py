"""Offers with every version they had, what programmes reported on them, and their contacts."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, bindparam, delete, func, insert, select, update

from service.referrals.contact import MADE, Contact, ContactMode, ContactOutcome, Engagement, ending_of
from service.referrals.offer import Ending, Handles, Offer, OfferState
from service.store.prepared import Prepared
from service.store.tables.columns import table
from service.store.tables.hold import UnseenChangeRow
from service.store.tables.referral import ContactRow, OfferReportRow, OfferRow, OfferVersionRow

if TYPE_CHECKING:
    from service.store.unit_of_work import UnitOfWork

OFFER, VERSION = table(OfferRow), table(OfferVersionRow)
REPORT, CONTACT, UNSEEN = table(OfferReportRow), table(ContactRow), table(UnseenChangeRow)
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
MOVE = Prepared(update(OFFER).where(OFFER.c.id == bindparam("offer"), OFFER.c.version == bindparam("moved_from")))
REPORTS = (
    select(REPORT.c.offer_id, REPORT.c.content)
    .where(REPORT.c.offer_id.in_(bindparam("offers", expanding=True)), REPORT.c.element == bindparam("of_element"))
    .order_by(REPORT.c.id)
)
ADD, ADD_CONTACT = Prepared(insert(OFFER)), Prepared(insert(CONTACT))
ONE_CONTACT = Prepared(select(CONTACT).where(CONTACT.c.id == bindparam("contact")))
CORRECT = Prepared(
    update(CONTACT).where(CONTACT.c.id == bindparam("contact"), CONTACT.c.version == bindparam("moved_from"))
)
NEWEST_UNSEEN = Prepared(
    select(func.max(UNSEEN.c.version)).where(
        UNSEEN.c.offer_id == bindparam("offer"), UNSEEN.c.see_by <= bindparam("now")
    )
)
FORGET_UNSEEN = delete(UNSEEN).where(UNSEEN.c.offer_id == bindparam("offer"))
FORGET = {False: Prepared(FORGET_UNSEEN), True: Prepared(FORGET_UNSEEN.where(UNSEEN.c.version <= bindparam("up_to")))}
ENGAGEMENTS = (
    select(
        CONTACT.c.offer_id,
        CONTACT.c.outcome,
        func.count().label("times"),
        func.max(CONTACT.c.started_at).label("last"),
    )
    .where(CONTACT.c.offer_id.in_(bindparam("offers", expanding=True)))
    .group_by(CONTACT.c.offer_id, CONTACT.c.outcome)
)


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
        return replace(
            offer,
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
            "stamp": 0,
            **_columns(offer),
        }
        self._unit.execute(ADD, row)
        self._keep_version(offer)
        self._unit.empty.discard((OFFER, offer.referral_id))

    def save(self, offer: Offer, moved_from: Offer) -> None:
        values = {"offer": offer.id, "moved_from": moved_from.version, **_columns(offer)}
        if self._unit.execute(MOVE, values).rowcount != 1:
            raise LookupError("the offer had changed under the woman's lock")
        self._keep_version(offer)

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
        self._unit.stamped_later(VERSION, kept)
        self._unit.touch(OFFER, offer.id)


class Contacts:
    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit

    def add(self, contact: Contact) -> None:
        row = {"id": contact.id, "type": contact.type, "offer_id": contact.offer_id, "stamp": 0}
        self._unit.execute(ADD_CONTACT, {**row, **_contact_columns(contact)})
        self._unit.touch(CONTACT, contact.id)

    def save(self, contact: Contact) -> None:
        values = {"contact": contact.id, "moved_from": contact.version - 1, **_contact_columns(contact)}
        if self._unit.execute(CORRECT, values).rowcount != 1:
            raise LookupError("the contact had changed under the woman's lock")
        self._unit.touch(CONTACT, contact.id)

    def find(self, id: str) -> Contact | None:
        found = self.find_with_stamp(id)
        return None if found is None else found[0]

    def find_with_stamp(self, id: str) -> tuple[Contact, int] | None:
        row = self._unit.execute(ONE_CONTACT, {"contact": id}).one_or_none()
        return None if row is None else (to_contact(row), row.stamp)

    def engagements(self, offers: Collection[Offer]) -> dict[str, Engagement]:
        """By the offer's id; one without any contact has the engagement of none."""
        held: dict[str, dict[str, Row[Any]]] = {offer.id: {} for offer in offers}
        for row in self._unit.execute(ENGAGEMENTS, {"offers": sorted(held)}) if held else ():
            if row.outcome in MADE:
                held[row.offer_id][row.outcome] = row
        return {offer.id: _engagement(offer, held[offer.id]) for offer in offers}


def _engagement(offer: Offer, held: Mapping[str, Row[Any]]) -> Engagement:
    """`held` has what was made, by outcome."""
    attempts = sum(row.times for row in held.values())
    sessions = held[ContactOutcome.ATTENDED].times if ContactOutcome.ATTENDED in held else 0
    return Engagement(
        attempts=attempts,
        sessions=sessions,
        last_contact=max((row.last for row in held.values()), default=None),
        ending=ending_of(offer, attempts, sessions),
    )


def _columns(offer: Offer) -> dict[str, object]:
    return {
        "version": offer.version,
        "state": offer.state.value,
        "status_reason": offer.status_reason,
        "business_status": offer.business_status,
        "recalled": offer.recalled,
        "ending": offer.ending.value if offer.ending else None,
    }


def _contact_columns(contact: Contact) -> dict[str, object]:
    return {
        "version": contact.version,
        "mode": contact.mode.value if contact.mode else None,
        "outcome": contact.outcome.value,
        "started_at": contact.started_at,
        "ended_at": contact.ended_at,
    }


def to_contact(row: Row[Any]) -> Contact:
    return Contact(
        id=row.id,
        version=row.version,
        type=row.type,
        offer_id=row.offer_id,
        mode=ContactMode(row.mode) if row.mode else None,
        outcome=ContactOutcome(row.outcome),
        started_at=row.started_at,
        ended_at=row.ended_at,
    )


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
