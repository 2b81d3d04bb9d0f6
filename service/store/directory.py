"""Organisations: hospitals, and those who offer support."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, bindparam, select, update

from service.flow.received import Identifier
from service.shared.caller import OrganisationKind
from service.store.prepared import Prepared
from service.store.tables.columns import table
from service.store.tables.directory import OrganisationRow

if TYPE_CHECKING:
    from service.store.unit_of_work import UnitOfWork

ORGANISATION = table(OrganisationRow)
NAMES = select(ORGANISATION.c.id, ORGANISATION.c.name).where(
    ORGANISATION.c.id.in_(bindparam("organisations", expanding=True))
)
ONE_ORGANISATION = Prepared(select(ORGANISATION).where(ORGANISATION.c.id == bindparam("organisation")))
MOVE = Prepared(
    update(ORGANISATION)
    .where(ORGANISATION.c.id == bindparam("organisation"))
    .values(fhir_endpoint=bindparam("fhir"), hl7v2_endpoint=bindparam("hl7v2"))
)


@dataclass(frozen=True, slots=True)
class Organisation:
    """`fhir_endpoint` is the base of its record, `hl7v2_endpoint` where its interface engine listens (mllp://host:port,
    or mllps), each None when it takes nothing in that way; one of them is."""

    id: str
    name: str
    kind: OrganisationKind
    fhir_endpoint: str | None
    identifier: Identifier | None
    active: bool
    added_at: datetime
    hl7v2_endpoint: str | None = None

    @property
    def endpoint(self) -> str | None:
        """Where what we owe it goes, None when it takes nothing."""
        return self.fhir_endpoint or self.hl7v2_endpoint

    @property
    def line(self) -> str | None:
        """The endpoint to which one message at a time is under way: by HL7 v2; None where it goes by FHIR."""
        return None if self.fhir_endpoint else self.hl7v2_endpoint


class Organisations:
    """The directory that every client may read, and where each hospital's record is."""

    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit

    def find(self, id: str) -> Organisation | None:
        row = self._unit.execute(ONE_ORGANISATION, {"organisation": id}).one_or_none()
        return None if row is None else _to_organisation(row)

    def fhir_endpoint(self, id: str) -> str | None:
        found = self.find(id)
        return None if found is None else found.fhir_endpoint

    def line(self, id: str) -> str | None:
        found = self.find(id)
        return None if found is None else found.line

    def names(self, ids: Collection[str]) -> dict[str, str]:
        """The names of these organisations."""
        rows = self._unit.execute(NAMES, {"organisations": sorted(ids)})
        return {row.id: row.name for row in rows}

    def all(self) -> list[Organisation]:
        return [_to_organisation(row) for row in self._unit.execute(select(ORGANISATION).order_by(ORGANISATION.c.id))]

    def add(self, organisation: Organisation) -> None:
        identifier = organisation.identifier
        row = {
            "id": organisation.id,
            "name": organisation.name,
            "kind": organisation.kind.value,
            "fhir_endpoint": organisation.fhir_endpoint,
            "hl7v2_endpoint": organisation.hl7v2_endpoint,
            "identifier_system": identifier.system if identifier else None,
            "identifier_value": identifier.value if identifier else None,
            "active": organisation.active,
            "added_at": organisation.added_at,
        }
        self._unit.later(ORGANISATION, row)

    def move(self, id: str, fhir_endpoint: str | None, hl7v2_endpoint: str | None) -> None:
        """What we owe it goes there from now on. What its record gave ids to at another FHIR base is looked up anew."""
        former = self.fhir_endpoint(id)
        if former is not None:
            self._unit.aliases.forget(id, former)
        self._unit.execute(MOVE, {"organisation": id, "fhir": fhir_endpoint, "hl7v2": hl7v2_endpoint})


def _to_organisation(row: Row[Any]) -> Organisation:
    system = row.identifier_system
    return Organisation(
        id=row.id,
        name=row.name,
        kind=OrganisationKind(row.kind),
        fhir_endpoint=row.fhir_endpoint,
        hl7v2_endpoint=row.hl7v2_endpoint,
        identifier=None if system is None else Identifier(system, row.identifier_value),
        active=row.active,
        added_at=row.added_at,
    )
