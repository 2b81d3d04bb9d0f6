"""The steps of referrals that hospitals' records are told in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, exists, select

from service.referrals.note import ABOUT_THE_PROGRAMME, Note, NoteKind
from service.referrals.offer import Offer
from service.store.offers import OFFER, VERSION, to_offer
from service.store.prepared import Prepared, constants
from service.store.tables.columns import table
from service.store.tables.referral import NoteRow, ReferralRow

if TYPE_CHECKING:
    from service.store.unit_of_work import UnitOfWork

NOTE, REFERRAL = table(NoteRow), table(ReferralRow)
ONE = Prepared(select(NOTE).where(NOTE.c.id == bindparam("note")))
# What a step moved carries the stamp of its note. Since then an offer may have become that of another referral of hers.
MOVED = {
    kind: Prepared(
        select(OFFER)
        .join_from(NOTE, REFERRAL, REFERRAL.c.id == NOTE.c.referral_id)
        .join(OFFER, OFFER.c.patient_id == REFERRAL.c.patient_id)
        .where(
            NOTE.c.id == bindparam("note"),
            exists().where(
                VERSION.c.offer_id == OFFER.c.id,
                VERSION.c.stamp == NOTE.c.stamp,
                VERSION.c.state.in_(constants(states)),
            ),
        )
        .order_by(OFFER.c.id)
    )
    for kind, states in ABOUT_THE_PROGRAMME.items()
}


class Notes:
    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit

    def add(self, note: Note) -> None:
        row = {"id": note.id, "referral_id": note.referral_id, "kind": note.kind.value, "happened_at": note.happened_at}
        self._unit.later(NOTE, row)

    def get(self, id: str) -> Note:
        row = self._unit.execute(ONE, {"note": id}).one()
        return Note(row.id, row.referral_id, NoteKind(row.kind), row.happened_at)

    def offers_moved(self, note: Note) -> list[Offer]:
        """The offers that the step of the note has moved, as they are now; others are none of its business."""
        if note.kind not in MOVED:
            return []
        return [to_offer(row) for row in self._unit.execute(MOVED[note.kind], {"note": note.id})]
