"""Screening results, piece by piece, and every decision about them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sqlalchemy import Executable, Row, bindparam, select, update

from service.screening.decide import Decision, Judgement, Outcome, SelfHarm
from service.screening.instrument import Role, Stage
from service.screening.result import OF_ITS_OWN, Piece, Reading, ScreeningResult, Status
from service.store.dialect import Dialect
from service.store.tables.columns import table
from service.store.tables.woman import DecisionRow, ScreeningResultRow

if TYPE_CHECKING:
    from service.store.unit_of_work import UnitOfWork

RESULT, DECISION = table(ScreeningResultRow), table(DecisionRow)
ONE = select(RESULT).where(RESULT.c.id == bindparam("result_id"))
BY_KEY = select(RESULT).where(
    RESULT.c.patient_id == bindparam("patient_id"),
    RESULT.c.instrument_id == bindparam("instrument_id"),
    RESULT.c.respondent == bindparam("respondent"),
    RESULT.c.effective_at == bindparam("effective_at"),
)
# A source that tells no time is an administration of its own, whenever its messages come.
BY_SOURCE = select(RESULT).where(
    RESULT.c.patient_id == bindparam("patient_id"),
    RESULT.c.instrument_id == bindparam("instrument_id"),
    RESULT.c.respondent == bindparam("respondent"),
)
CHANGE = update(RESULT).where(RESULT.c.id == bindparam("result_id"))
JUDGE = CHANGE.values(
    outcome=bindparam("judged"), self_harm=bindparam("heard"), needs_review=bindparam("review"), waits_until=None
)
JOIN = CHANGE.values(referral_id=bindparam("referral"))
POSITIVE = (
    select(RESULT.c.id)
    .where(RESULT.c.referral_id == bindparam("referral"), RESULT.c.outcome == Outcome.POSITIVE.value)
    .limit(1)
)


class Results:
    """Remembers, within the unit, the rows it has read, so that a step may ask about the same result several times."""

    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit
        self._judged: dict[str, Judgement | None] = {}

    def find(self, key: ScreeningResult) -> ScreeningResult | None:
        values = {
            "patient_id": key.patient_id,
            "instrument_id": key.instrument_id,
            "respondent": key.respondent,
            "effective_at": key.effective,
        }
        by_key = BY_SOURCE if key.respondent.startswith(OF_ITS_OWN) else BY_KEY
        row = self._unit.execute(by_key, values).one_or_none()
        if row is None:
            self._judged[key.id] = None
            return None
        return self._read(row)

    def get(self, id: str) -> ScreeningResult:
        return self._read(self._unit.execute(ONE, {"result_id": id}).one())

    def judged(self, id: str) -> Judgement | None:
        if id not in self._judged:
            self.get(id)
        return self._judged[id]

    def save(self, result: ScreeningResult, waits_until: datetime | None) -> None:
        row = {
            "id": result.id,
            "tenant_id": result.tenant_id,
            "patient_id": result.patient_id,
            "instrument_id": result.instrument_id,
            "respondent": result.respondent,
            "effective_at": result.effective,
            "pieces": {"stage": result.stage.value, "pieces": [_piece(piece) for piece in result.pieces.values()]},
            "waits_until": waits_until,
        }
        self._unit.execute(_keep(self._unit.dialect), row)

    def record(self, result_id: str, decision: Decision, now: datetime) -> None:
        self._judge(result_id, decision.judgement)
        row = {
            "id": self._unit.new_id(),
            "result_id": result_id,
            "outcome": decision.outcome.value,
            "self_harm": decision.self_harm.value,
            "reasons": [reason.value for reason in decision.reasons],
            "rule_version": decision.rule_version,
            "decided_at": now,
        }
        self._unit.later(DECISION, row)

    def void(self, result_id: str) -> None:
        self._judge(result_id, None)

    def join(self, result_id: str, referral_id: str) -> None:
        self._unit.execute(JOIN, {"result_id": result_id, "referral": referral_id})

    def referral_of(self, id: str) -> str | None:
        referral: str | None = self._unit.execute(ONE, {"result_id": id}).one().referral_id
        return referral

    def positive_in(self, referral_id: str) -> bool:
        return self._unit.execute(POSITIVE, {"referral": referral_id}).first() is not None

    def _judge(self, result_id: str, judgement: Judgement | None) -> None:
        values = {
            "result_id": result_id,
            "judged": judgement.outcome if judgement else None,
            "heard": judgement.self_harm if judgement else None,
            "review": judgement.needs_review if judgement else None,
        }
        self._unit.execute(JUDGE, values)
        self._judged[result_id] = judgement

    def _read(self, row: Row[Any]) -> ScreeningResult:
        self._judged[row.id] = _judgement(row)
        pieces = [_to_piece(piece) for piece in row.pieces["pieces"]]
        return ScreeningResult(
            id=row.id,
            tenant_id=row.tenant_id,
            patient_id=row.patient_id,
            instrument_id=row.instrument_id,
            respondent=row.respondent,
            effective=row.effective_at,
            stage=Stage(row.pieces["stage"]),
            pieces=MappingProxyType({piece.source: piece for piece in pieces}),
        )


@cache
def _keep(dialect: Dialect) -> Executable:
    """Add it, or replace the pieces of the one with the same id."""
    new = dialect.insert(RESULT)
    changed = {"pieces": new.excluded.pieces, "waits_until": new.excluded.waits_until}
    return new.on_conflict_do_update(index_elements=[RESULT.c.id], set_=changed)


def _judgement(row: Row[Any]) -> Judgement | None:
    if row.outcome is None:
        return None
    return Judgement(Outcome(row.outcome), SelfHarm(row.self_harm), row.needs_review)


def _piece(piece: Piece) -> dict[str, object]:
    return {
        "source": piece.source,
        "status": piece.status.value,
        "expects": sorted(piece.expects),
        "readings": [
            [each.role.value, each.item, each.value, each.unreadable, each.code_role_mismatch]
            for each in piece.readings
        ],
    }


def _to_piece(kept: Mapping[str, Any]) -> Piece:
    readings = tuple(
        Reading(Role(role), item, value, unreadable, mismatch)
        for role, item, value, unreadable, mismatch in kept["readings"]
    )
    return Piece(kept["source"], Status(kept["status"]), readings, frozenset(kept["expects"]))
