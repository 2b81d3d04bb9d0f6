"""Referrals, why each programme was chosen or passed over, and what the hospital told to do with them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, bindparam, insert, select, update

from service.referrals.instruction import HoldReason, Instruction, Order
from service.referrals.matching import Favour, Judged, PassedOver, Placement, Standing
from service.referrals.referral import Referral, ReferralState
from service.store.prepared import Prepared
from service.store.tables.columns import table
from service.store.tables.hold import InstructionRow
from service.store.tables.outgoing import DeliveryRow
from service.store.tables.referral import IS_OPEN, AlertRow, OfferRow, PlacementRow, ReferralRow

if TYPE_CHECKING:
    from service.store.unit_of_work import UnitOfWork

REFERRAL, PLACEMENT, INSTRUCTION = table(ReferralRow), table(PlacementRow), table(InstructionRow)
ONE = Prepared(select(REFERRAL).where(REFERRAL.c.id == bindparam("referral")))
OPEN_OF = Prepared(select(REFERRAL).where(REFERRAL.c.patient_id == bindparam("patient"), IS_OPEN))
MOVE = Prepared(
    update(REFERRAL).where(REFERRAL.c.id == bindparam("referral"), REFERRAL.c.state == bindparam("moved_from"))
)
INSTRUCTIONS = (
    select(INSTRUCTION)
    .where(INSTRUCTION.c.referral_id.in_(bindparam("referrals", expanding=True)))
    .order_by(INSTRUCTION.c.id)
)
PLACE_AGAIN = Prepared(update(REFERRAL).where(REFERRAL.c.id == bindparam("referral")))
ADD_INSTRUCTION = Prepared(insert(INSTRUCTION))


PLACEMENTS = Prepared(
    select(PLACEMENT).where(PLACEMENT.c.referral_id == bindparam("referral")).order_by(PLACEMENT.c.id)
)
VERDICTS: dict[str, Standing | PassedOver] = {each.value: each for each in (*Standing, *PassedOver)}


class Referrals:
    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit

    def open_of(self, patient_id: str) -> Referral | None:
        row = self._unit.execute(OPEN_OF, {"patient": patient_id}).one_or_none()
        return None if row is None else to_referral(row)

    def get(self, id: str) -> Referral:
        return to_referral(self._unit.execute(ONE, {"referral": id}).one())

    def add(self, referral: Referral) -> None:
        row = {
            "id": referral.id,
            "tenant_id": referral.tenant_id,
            "patient_id": referral.patient_id,
            "opened_at": referral.opened_at,
            "result_id": referral.result_id,
            **_columns(referral),
        }
        self._unit.make(REFERRAL, row)
        self._unit.empty |= {(table(each), referral.id) for each in (OfferRow, AlertRow, DeliveryRow)}

    def save(self, referral: Referral, moved_from: ReferralState) -> None:
        if (made := self._unit.made.get((REFERRAL, referral.id))) is not None:
            made.update(_columns(referral))
            return
        values = {"referral": referral.id, "moved_from": moved_from.value, **_columns(referral)}
        if self._unit.execute(MOVE, values).rowcount != 1:
            raise LookupError("the referral had moved under the woman's lock")
        self._unit.touch(REFERRAL, referral.id)

    def place_again(self, id: str, at: datetime | None) -> None:
        self._unit.execute(PLACE_AGAIN, {"referral": id, "place_again_at": at})

    def record_placement(self, referral_id: str, judged: Sequence[Judged], now: datetime) -> None:
        kept = [[each.programme_id, each.verdict.value, list(each.favours), each.open_places] for each in judged]
        row = {"id": self._unit.new_id(), "referral_id": referral_id, "judged": kept, "placed_at": now}
        self._unit.later(PLACEMENT, row)

    def placements(self, referral_id: str) -> list[Placement]:
        rows = self._unit.execute(PLACEMENTS, {"referral": referral_id})
        return [Placement(row.placed_at, tuple(_to_judged(*each) for each in row.judged)) for row in rows]

    def keep_instruction(self, referral_id: str, said: Instruction) -> None:
        row = {
            "id": self._unit.new_id(),
            "referral_id": referral_id,
            "order": said.order.value,
            "given_at": said.given_at,
            "reason": said.reason.value if said.reason else None,
            "practitioner": said.practitioner,
            "role": said.role,
            "text": said.text,
        }
        self._unit.execute(ADD_INSTRUCTION, row)

    def instructions(self, referral_ids: Collection[str]) -> dict[str, list[Instruction]]:
        found: dict[str, list[Instruction]] = {}
        for row in self._unit.execute(INSTRUCTIONS, {"referrals": sorted(referral_ids)}) if referral_ids else ():
            found.setdefault(row.referral_id, []).append(_to_instruction(row))
        return found


def _columns(referral: Referral) -> dict[str, object]:
    return {
        "version": referral.version,
        "state": referral.state.value,
        "reason": referral.reason,
        "changed_at": referral.changed_at,
        "place_again_at": None,
    }


def to_referral(row: Row[Any]) -> Referral:
    return Referral(
        id=row.id,
        version=row.version,
        tenant_id=row.tenant_id,
        patient_id=row.patient_id,
        state=ReferralState(row.state),
        opened_at=row.opened_at,
        changed_at=row.changed_at,
        reason=row.reason,
        result_id=row.result_id,
    )


def _to_judged(programme_id: str, verdict: str, favours: list[str], open_places: int) -> Judged:
    return Judged(programme_id, VERDICTS[verdict], tuple(Favour(each) for each in favours), open_places)


def _to_instruction(row: Row[Any]) -> Instruction:
    return Instruction(
        order=Order(row.order),
        given_at=row.given_at,
        reason=None if row.reason is None else HoldReason(row.reason),
        practitioner=row.practitioner,
        role=row.role,
        text=row.text,
    )
