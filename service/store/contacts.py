"""What programmes reported of their contacts with her, and how many there were."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, bindparam, func, select, update

from service.referrals.contact import MADE, Contact, ContactMode, ContactOutcome, Engagement, ending_of
from service.referrals.offer import Offer
from service.store.prepared import Prepared
from service.store.tables.columns import table
from service.store.tables.referral import ContactRow

if TYPE_CHECKING:
    from service.store.unit_of_work import UnitOfWork

CONTACT = table(ContactRow)
ONE = Prepared(select(CONTACT).where(CONTACT.c.id == bindparam("contact")))
CORRECT = Prepared(
    update(CONTACT).where(CONTACT.c.id == bindparam("contact"), CONTACT.c.version == bindparam("moved_from"))
)
ENGAGEMENTS = (
    select(
        CONTACT.c.offer_id,
        CONTACT.c.outcome,
        func.count().label("times"),
        func.max(CONTACT.c.started_at).label("last"),
    )
    .where(CONTACT.c.offer_id.in_(bindparam("offers", expanding=True)), CONTACT.c.counts)
    .group_by(CONTACT.c.offer_id, CONTACT.c.outcome)
)


class Contacts:
    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit

    def add(self, contact: Contact) -> None:
        row = {"id": contact.id, "type": contact.type, "offer_id": contact.offer_id, **_columns(contact)}
        self._unit.make(CONTACT, row)

    def save(self, contact: Contact) -> None:
        values = {"contact": contact.id, "moved_from": contact.version - 1, **_columns(contact)}
        if self._unit.execute(CORRECT, values).rowcount != 1:
            raise LookupError("the contact had changed under the woman's lock")
        self._unit.touch(CONTACT, contact.id)

    def find(self, id: str) -> Contact | None:
        found = self.find_with_stamp(id)
        return None if found is None else found[0]

    def find_with_stamp(self, id: str) -> tuple[Contact, int] | None:
        row = self._unit.execute(ONE, {"contact": id}).one_or_none()
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


def _columns(contact: Contact) -> dict[str, object]:
    return {
        "version": contact.version,
        "mode": contact.mode.value if contact.mode else None,
        "outcome": contact.outcome.value,
        "started_at": contact.started_at,
        "ended_at": contact.ended_at,
        "counts": contact.counts,
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
        counts=row.counts,
    )
