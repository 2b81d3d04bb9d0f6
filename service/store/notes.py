"""The steps of referrals that hospitals' records are told in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, select

from service.referrals.note import Note, NoteKind
from service.referrals.offer import Offer
from service.store.offers import OFFER, VERSION, to_offer
from service.store.prepared import Prepared
from service.store.tables.columns import table
from service.store.tables.referral import NoteRow

if TYPE_CHECKING:
    from service.store.unit_of_work import UnitOfWork

NOTE = table(NoteRow)
ONE = Prepared(select(NOTE).where(NOTE.c.id == bindparam("note")))
# The first version of an offer carries the stamp under which it was made.
NEWEST_OFFER = Prepared(
    select(OFFER)
    .join_from(OFFER, VERSION, (VERSION.c.offer_id == OFFER.c.id) & (VERSION.c.version == 1))
    .join(NOTE, NOTE.c.referral_id == OFFER.c.referral_id)
    .where(NOTE.c.id == bindparam("note"), VERSION.c.stamp <= NOTE.c.stamp)
    .order_by(VERSION.c.stamp.desc(), OFFER.c.id.desc())
    .limit(1)
)


class Notes:
    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit

    def add(self, note: Note) -> None:
        row = {"id": note.id, "referral_id": note.referral_id, "kind": note.kind.value, "happened_at": note.happened_at}
        self._unit.later(NOTE, row)

    def get(self, id: str) -> Note:
        row = self._unit.execute(ONE, {"note": id}).one()
        return Note(row.id, row.referral_id, NoteKind(row.kind), row.happened_at)

    def newest_offer(self, id: str) -> Offer | None:
        """The referral's newest offer at the time of the note, as it is now; later ones are none of its business."""
        row = self._unit.execute(NEWEST_OFFER, {"note": id}).first()
        return None if row is None else to_offer(row)
