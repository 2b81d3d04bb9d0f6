"""A migrated database and the declared tables agree on both databases, column by column."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, create_engine, inspect, text

from service.store import tables
from service.store.address import parse_url
from service.store.migrate import check, migrate


@pytest.fixture(scope="module")
def migrated(database_url: str) -> Iterator[Connection]:
    migrate(database_url)
    engine = create_engine(parse_url(database_url))
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def test_nothing_differs_between_the_migrations_and_the_declared_tables(
    migrated: Connection, database_url: str
) -> None:
    assert check(database_url) == []


def test_every_declared_table_is_there_and_no_other(migrated: Connection) -> None:
    assert set(inspect(migrated).get_table_names()) == {*tables.metadata.tables, "alembic_version"}


def test_every_column_may_be_null_exactly_where_it_is_declared_so(migrated: Connection) -> None:
    built = {
        f"{name}.{column['name']}": column["nullable"]
        for name in tables.metadata.tables
        for column in inspect(migrated).get_columns(name)
    }
    declared = {f"{column}": column.nullable for table in tables.metadata.tables.values() for column in table.columns}
    assert built == declared


def test_every_instant_keeps_its_time_zone(migrated: Connection) -> None:
    """On PostgreSQL a column without one would be read in whatever zone the session has; SQLite keeps text in UTC."""
    if migrated.dialect.name == "postgresql":
        statement = "SELECT table_name || '.' || column_name, data_type FROM information_schema.columns"
        rows = migrated.execute(text(f"{statement} WHERE table_schema = 'public'"))
        built = {str(row[0]): str(row[1]) for row in rows}
        kind = "timestamp with time zone"
    else:
        built = {
            f"{name}.{column['name']}": str(column["type"])
            for name in tables.metadata.tables
            for column in inspect(migrated).get_columns(name)
        }
        kind = "DATETIME"
    instants = {
        f"{column}"
        for table in tables.metadata.tables.values()
        for column in table.columns
        if type(column.type).__name__ == "Instant"
    }
    assert len(instants) > 20
    assert {name for name, type in built.items() if type == kind} == instants
    assert not [name for name, type in built.items() if type == "timestamp without time zone"]


def test_every_index_and_constraint_of_ours_is_there(migrated: Connection) -> None:
    """The comparison above does not look at partial indexes on SQLite, and one of them keeps referrals single."""
    built = {index["name"]: index for index in inspect(migrated).get_indexes("referral")}
    assert built["uq_referral_patient_id_open"]["unique"]
    statement = (
        "SELECT sql FROM sqlite_master WHERE name = :name"
        if migrated.dialect.name == "sqlite"
        else "SELECT indexdef FROM pg_indexes WHERE indexname = :name"
    )
    definition = migrated.execute(text(statement), {"name": "uq_referral_patient_id_open"}).scalar_one()
    for state in ("in-review", "awaiting-consent", "placing", "offered", "supported", "on-hold"):
        assert f"'{state}'" in definition
    for state in ("completed", "closed", "entered-in-error"):
        assert f"'{state}'" not in definition


def test_migrating_again_is_harmless(migrated: Connection, database_url: str) -> None:
    statement = text(
        "INSERT INTO organisation (id, name, kind, active, added_at)"
        " VALUES ('kept', 'Kept', 'hospital', true, '2026-06-01T00:00:00+00:00')"
    )
    migrated.execute(statement)
    migrated.commit()
    before = migrated.execute(text("SELECT * FROM commit_clock")).all()
    migrated.rollback()

    for _ in range(2):
        migrate(database_url)
    assert migrated.execute(text("SELECT id FROM organisation")).all() == [("kept",)]
    assert migrated.execute(text("SELECT * FROM commit_clock")).all() == before
