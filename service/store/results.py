"""Screening results, piece by piece, and every decision about them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, bindparam, select

from service.referrals.alert import ResultVersion
from service.screening.decide import Decision, Judgement, Outcome, SelfHarm
from service.screening.instrument import Role, Stage
from service.screening.result import OF_ITS_OWN, Piece, Reading, ScreeningResult, Status
from service.store.dialect import Dialect
from service.store.prepared import Prepared
from service.store.tables.columns import table
from service.store.tables.woman import DecisionRow, ScreeningResultRow

if TYPE_CHECKING:
    from service.store.unit_of_work import UnitOfWork

RESULT, DECISION = table(ScreeningResultRow), table(DecisionRow)
ONE = Prepared(select(RESULT).where(RESULT.c.id == bindparam("result_id")))
BY_KEY = Prepared(
    select(RESULT).where(
        RESULT.c.patient_id == bindparam("patient_id"),
        RESULT.c.instrument_id == bindparam("instrument_id"),
        RESULT.c.respondent == bindparam("respondent"),
        RESULT.c.effective_at == bindparam("effective_at"),
    )
)
# A source that tells no time is an administration of its own, whenever its messages come.
BY_SOURCE = Prepared(
    select(RESULT).where(
        RESULT.c.patient_id == bindparam("patient_id"),
        RESULT.c.instrument_id == bindparam("instrument_id"),
        RESULT.c.respondent == bindparam("respondent"),
    )
)
OF_PATIENT = Prepared(select(RESULT).where(RESULT.c.patient_id == bindparam("patient")).order_by(RESULT.c.id))
COLUMNS = tuple(RESULT.c.keys())
CHANGING = ("version", "pieces", "outcome", "self_harm", "needs_review", "harm", "referral_id", "waits_until")
POSITIVE = Prepared(
    select(RESULT.c.id)
    .where(RESULT.c.referral_id == bindparam("referral"), RESULT.c.outcome == Outcome.POSITIVE.value)
    .limit(1)
)


class Results:
    """Reads each row once in a unit and writes it once, when the unit finishes, however often a step has changed it."""

    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit
        self._rows: dict[str, dict[str, Any]] = {}
        self._held: dict[tuple[object, ...], ScreeningResult] = {}
        self._changed: dict[str, None] = {}

    def find(self, key: ScreeningResult) -> ScreeningResult | None:
        if (held := self._held.get(_key(key))) is not None:
            return held
        values = {
            "patient_id": key.patient_id,
            "instrument_id": key.instrument_id,
            "respondent": key.respondent,
            "effective_at": key.effective,
        }
        by_key = BY_SOURCE if key.respondent.startswith(OF_ITS_OWN) else BY_KEY
        row = self._unit.execute(by_key, values).one_or_none()
        return None if row is None else self._read(row)

    def get(self, id: str) -> ScreeningResult:
        return self._read(self._unit.execute(ONE, {"result_id": id}).one())

    def of_patient(self, patient_id: str) -> list[ScreeningResult]:
        self.write()
        kept = [self._read(row) for row in self._unit.execute(OF_PATIENT, {"patient": patient_id}).all()]
        return [self._held.get(_key(result), result) for result in kept]

    def judged(self, id: str) -> Judgement | None:
        return _judgement(self._row(id))

    def hold(self, result: ScreeningResult) -> None:
        self._held[_key(result)] = result

    def save(self, result: ScreeningResult, waits_until: datetime | None) -> None:
        """Add it, or replace the pieces of the one with the same id."""
        known = self._rows.get(result.id) or {
            "id": result.id,
            "tenant_id": result.tenant_id,
            "patient_id": result.patient_id,
            "instrument_id": result.instrument_id,
            "respondent": result.respondent,
            "effective_at": result.effective,
            "outcome": None,
            "self_harm": None,
            "needs_review": None,
            "harm": None,
            "referral_id": None,
            "version": 0,
            "pieces": None,
        }
        pieces = {"stage": result.stage, "pieces": [_piece(piece) for piece in result.pieces.values()]}
        version = known["version"] + (pieces != known["pieces"])
        self._rows[result.id] = {**known, "version": version, "pieces": pieces, "waits_until": waits_until}
        self._changed[result.id] = None
        self.hold(result)

    def record(self, result_id: str, decision: Decision, now: datetime) -> None:
        self._judge(result_id, decision.judgement)
        row = {
            "id": self._unit.new_id(),
            "result_id": result_id,
            "outcome": decision.outcome.value,
            "self_harm": decision.self_harm.value,
            "reasons": decision.reasons,
            "rule_version": decision.rule_version,
            "decided_at": now,
        }
        self._unit.later(DECISION, row)

    def void(self, result_id: str) -> None:
        self._judge(result_id, None)

    def version(self, id: str) -> ResultVersion:
        return ResultVersion(id, self._row(id)["version"])

    def join(self, result_id: str, referral_id: str) -> None:
        self._change(result_id, referral_id=referral_id)

    def referral_of(self, id: str) -> str | None:
        referral: str | None = self._row(id)["referral_id"]
        return referral

    def positive_in(self, referral_id: str) -> bool:
        self.write()
        return self._unit.execute(POSITIVE, {"referral": referral_id}).first() is not None

    def write(self) -> None:
        """The unit finishes: the rows that were changed go out."""
        if self._changed:
            self._unit.execute(_keep(self._unit.dialect), [self._rows[id] for id in self._changed])
            self._changed.clear()

    def forget(self) -> None:
        """The rows are about to change by another way: what was read of them is read anew."""
        self.write()
        self._rows.clear()
        self._held.clear()

    def _judge(self, result_id: str, judgement: Judgement | None) -> None:
        self._change(
            result_id,
            outcome=judgement.outcome.value if judgement else None,
            self_harm=judgement.self_harm.value if judgement else None,
            needs_review=judgement.needs_review if judgement else None,
            harm=judgement.harm if judgement else None,
            waits_until=None,
        )

    def _change(self, id: str, **values: object) -> None:
        self._row(id).update(values)
        self._changed[id] = None

    def _row(self, id: str) -> dict[str, Any]:
        if id not in self._rows:
            self.get(id)
        return self._rows[id]

    def _read(self, row: Row[Any]) -> ScreeningResult:
        self._rows[row.id] = dict(zip(COLUMNS, row, strict=True))
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


def _key(result: ScreeningResult) -> tuple[object, ...]:
    effective = None if result.respondent.startswith(OF_ITS_OWN) else result.effective
    return result.patient_id, result.instrument_id, result.respondent, effective


@cache
def _keep(dialect: Dialect) -> Prepared:
    new = dialect.insert(RESULT)
    changed = {name: new.excluded[name] for name in CHANGING}
    return Prepared(new.on_conflict_do_update(index_elements=[RESULT.c.id], set_=changed))


def _judgement(row: Mapping[str, Any]) -> Judgement | None:
    if row["outcome"] is None:
        return None
    return Judgement(Outcome(row["outcome"]), SelfHarm(row["self_harm"]), row["needs_review"], row["harm"])


def _piece(piece: Piece) -> dict[str, object]:
    return {
        "source": piece.source,
        "status": piece.status,
        "expects": sorted(piece.expects),
        "names": sorted(piece.names),
        "readings": [*map(list, piece.readings)],
    }


def _to_piece(kept: Mapping[str, Any]) -> Piece:
    readings = tuple(
        Reading(Role(role), item, value, unreadable, mismatch)
        for role, item, value, unreadable, mismatch in kept["readings"]
    )
    expects, names = frozenset(kept["expects"]), frozenset(kept["names"])
    return Piece(kept["source"], Status(kept["status"]), readings, expects, names)
