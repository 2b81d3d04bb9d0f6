"""The programmes that organisations run, and how many of their places are taken."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import date, datetime
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import LargeBinary, Row, bindparam, func, select, type_coerce

from service.referrals.needs import Access
from service.referrals.offer import TAKES_A_PLACE
from service.referrals.programme import DeliveryMode, Model, Programme, Serves, Statements
from service.screening.instrument import Stage
from service.shared.clock import milliseconds
from service.store.dialect import Dialect
from service.store.prepared import Prepared, constants
from service.store.tables.columns import table
from service.store.tables.directory import OrganisationRow, ProgrammeRow
from service.store.tables.referral import OfferRow
from service.store.tables.woman import ConsentRow

if TYPE_CHECKING:
    from service.store.unit_of_work import UnitOfWork

ORGANISATION, PROGRAMME = table(OrganisationRow), table(ProgrammeRow)
OFFER, CONSENT = table(OfferRow), table(ConsentRow)
TAKEN = (
    select(func.count())
    .where(OFFER.c.programme_id == PROGRAMME.c.id, OFFER.c.state.in_(constants(TAKES_A_PLACE)))
    .scalar_subquery()
    .label("places_taken")
)
# As bytes, by which what was once read of them is known again.
DESCRIPTION = type_coerce(PROGRAMME.c.description, LargeBinary).label("described")
COLUMNS = (*(each for each in PROGRAMME.c if each is not PROGRAMME.c.description), DESCRIPTION, TAKEN)
ALL = Prepared(
    select(*COLUMNS)
    .join_from(PROGRAMME, ORGANISATION, ORGANISATION.c.id == PROGRAMME.c.organisation_id)
    .where(PROGRAMME.c.active, ORGANISATION.c.active)
    .order_by(PROGRAMME.c.id)
)
EVERY = Prepared(select(*COLUMNS).order_by(PROGRAMME.c.id))
ONE = Prepared(select(*COLUMNS).where(PROGRAMME.c.id == bindparam("programme")))
# In one order for every unit, so that two of them do not wait for each other.
HEARD_OF = (
    select(PROGRAMME.c.id)
    .where(
        PROGRAMME.c.organisation_id.in_(
            select(CONSENT.c.recipient_id).where(CONSENT.c.patient_id == bindparam("patient"))
        )
    )
    .order_by(PROGRAMME.c.id)
)
CALLED = select(PROGRAMME.c.id, PROGRAMME.c.name).where(PROGRAMME.c.id.in_(bindparam("programmes", expanding=True)))


@dataclass(frozen=True, slots=True)
class Listed:
    """A programme as the directory shows it; `version` is another one whenever the description or the places are."""

    programme: Programme
    changed_at: datetime

    @property
    def version(self) -> str:
        return f"{milliseconds(self.changed_at)}.{self.programme.open_places}"


class Programmes:
    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit

    def all(self) -> list[Programme]:
        """The active ones of active organisations."""
        return [_to_programme(row) for row in self._unit.execute(ALL)]

    def every(self) -> list[Listed]:
        """Also those that take nobody new."""
        return [_to_listed(row) for row in self._unit.execute(EVERY)]

    def listed(self, id: str) -> Listed | None:
        row = self._unit.execute(ONE, {"programme": id}).one_or_none()
        return None if row is None else _to_listed(row)

    def called(self, ids: Collection[str]) -> dict[str, str]:
        """The names of these programmes."""
        return {row.id: row.name for row in self._unit.execute(CALLED, {"programmes": sorted(ids)})}

    def get(self, id: str) -> Programme:
        return _to_programme(self._unit.execute(ONE, {"programme": id}).one())

    def lock_for(self, patient_id: str) -> None:
        if not self._unit.dialect.alone:
            self._unit.execute(_locked(self._unit.dialect), {"patient": patient_id}).all()

    def named(self, organisation_id: str, name: str) -> str | None:
        """The id of the organisation's programme of that name."""
        statement = select(PROGRAMME.c.id).where(
            PROGRAMME.c.organisation_id == organisation_id, PROGRAMME.c.name == name
        )
        found: str | None = self._unit.execute(statement).scalar_one_or_none()
        return found

    def put(self, programme: Programme, now: datetime) -> None:
        """Add it, or replace what is known of the one with the same id."""
        row = {
            "id": programme.id,
            "organisation_id": programme.organisation_id,
            "name": programme.name,
            "active": programme.active,
            "places": programme.places,
            "description": _description(programme),
            "changed_at": now,
        }
        statement = self._unit.dialect.insert(PROGRAMME)
        changed = {column: statement.excluded[column] for column in row if column != "id"}
        self._unit.execute(statement.on_conflict_do_update(index_elements=[PROGRAMME.c.id], set_=changed), row)


@cache
def _locked(dialect: Dialect) -> Prepared:
    return Prepared(dialect.lock(HEARD_OF))


def _description(programme: Programme) -> dict[str, object]:
    renewed = programme.training_renewed_until
    return {
        "model": programme.model.value,
        "modes": [mode.value for mode in programme.modes],
        "languages": sorted(programme.languages),
        "districts": sorted(programme.districts),
        "stages": sorted(stage.value for stage in programme.stages),
        "interpreters": programme.interpreters,
        "respond_within_hours": programme.respond_within_hours,
        "training_renewed_until": renewed.isoformat() if renewed else None,
        "telephone": programme.telephone,
        "serves": {
            "from_age": programme.serves.from_age,
            "to_age": programme.serves.to_age,
            "first_baby_only": programme.serves.first_baby_only,
            "communities": sorted(programme.serves.communities),
            "communities_only": programme.serves.communities_only,
            "access": sorted(programme.serves.access),
        },
        "states": asdict(programme.states),
    }


def _to_listed(row: Row[Any]) -> Listed:
    return Listed(_to_programme(row), row.changed_at)


def _to_programme(row: Row[Any]) -> Programme:
    return Programme(
        id=row.id,
        organisation_id=row.organisation_id,
        name=row.name,
        active=row.active,
        places=row.places,
        places_taken=row.places_taken,
        **_described(row.described),
    )


# Every positive result reads all programmes, and what they say of themselves changes rarely.
@lru_cache(maxsize=1_000)
def _described(description: bytes) -> dict[str, Any]:
    kept = orjson.loads(description)
    renewed = kept["training_renewed_until"]
    return {
        "model": Model(kept["model"]),
        "modes": tuple(DeliveryMode(mode) for mode in kept["modes"]),
        "languages": frozenset(kept["languages"]),
        "districts": frozenset(kept["districts"]),
        "stages": frozenset(Stage(stage) for stage in kept["stages"]),
        "interpreters": kept["interpreters"],
        "respond_within_hours": kept["respond_within_hours"],
        "training_renewed_until": date.fromisoformat(renewed) if renewed else None,
        "telephone": kept["telephone"],
        "serves": _to_serves(kept["serves"]),
        "states": Statements(**{**kept["states"], "training_topics": tuple(kept["states"]["training_topics"])}),
    }


def _to_serves(kept: dict[str, Any]) -> Serves:
    return Serves(
        from_age=kept["from_age"],
        to_age=kept["to_age"],
        first_baby_only=kept["first_baby_only"],
        communities=frozenset(kept["communities"]),
        communities_only=kept["communities_only"],
        access=frozenset(Access(each) for each in kept["access"]),
    )
