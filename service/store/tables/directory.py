"""Organisations and the programmes they run."""

from datetime import datetime

from sqlalchemy import Boolean, Index, Integer
from sqlmodel import Field

from service.store.tables.columns import Instant, Json, Row, Text, optional, required


class OrganisationRow(Row, table=True):
    """A hospital (a tenant) or a community organisation. What we owe a hospital goes to its `fhir_endpoint` or to its
    `hl7v2_endpoint`, never to both."""

    __tablename__ = "organisation"

    id: str = Field(primary_key=True, sa_type=Text)
    name: str = required(Text)
    kind: str = required(Text)
    fhir_endpoint: str | None = optional(Text)
    hl7v2_endpoint: str | None = optional(Text)
    identifier_system: str | None = optional(Text)
    identifier_value: str | None = optional(Text)
    active: bool = required(Boolean)
    added_at: datetime = required(Instant)


class ProgrammeRow(Row, table=True):
    """`description` holds what matching asks of it beside the columns."""

    __tablename__ = "programme"
    __table_args__ = (Index("ix_programme_organisation_id", "organisation_id"),)

    id: str = Field(primary_key=True, sa_type=Text)
    organisation_id: str = required(Text, foreign_key="organisation.id")
    name: str = required(Text)
    active: bool = required(Boolean)
    places: int = required(Integer)
    description: dict[str, object] = required(Json)
    changed_at: datetime = required(Instant)
