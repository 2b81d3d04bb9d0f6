"""What goes into a column comes out of it, the same on both databases."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from types import NoneType
from typing import get_args

import pytest
from sqlalchemy import Column, Connection, Integer, MetaData, Table, Text, create_engine, insert, select
from sqlalchemy.exc import StatementError

from service.store import tables
from service.store.address import parse_url
from service.store.tables.columns import Instant, Json, Row

THING = Table(
    "thing",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("at", Instant),
    Column("tree", Json),
    Column("words", Text),
)
EDINBURGH_IN_SUMMER = timezone(timedelta(hours=1))


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    engine = create_engine(parse_url(database_url))
    with engine.connect() as connection:
        THING.drop(connection, checkfirst=True)
        THING.create(connection)
        yield connection
    engine.dispose()


@pytest.mark.parametrize(
    "instant",
    [
        datetime(2026, 7, 1, 9, 30, 0, 123456, tzinfo=EDINBURGH_IN_SUMMER),
        datetime(2026, 7, 1, 9, 30, tzinfo=UTC),
        datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC),
        datetime(2024, 2, 29, 23, 59, 59, 999999, tzinfo=timezone(timedelta(hours=-11))),
    ],
    ids=str,
)
def test_an_instant_comes_back_as_the_same_instant_in_utc(connection: Connection, instant: datetime) -> None:
    connection.execute(insert(THING), {"at": instant})
    found = connection.execute(select(THING.c.at)).scalar_one()

    assert found == instant
    assert found.tzinfo is UTC


def test_an_instant_without_offset_is_refused(connection: Connection) -> None:
    with pytest.raises(StatementError) as refused:
        connection.execute(insert(THING), {"at": datetime(2026, 7, 1, 9, 30)})  # noqa: DTZ001  # what is refused
    assert isinstance(refused.value.orig, ValueError)


def test_instants_sort_and_compare_by_time_whatever_their_offset(connection: Connection) -> None:
    earlier = datetime(2026, 7, 1, 9, 30, tzinfo=EDINBURGH_IN_SUMMER)
    later = datetime(2026, 7, 1, 9, 0, tzinfo=UTC)
    connection.execute(insert(THING), [{"id": 1, "at": later}, {"id": 2, "at": earlier}])

    assert connection.execute(select(THING.c.id).order_by(THING.c.at)).scalars().all() == [2, 1]
    assert connection.execute(select(THING.c.id).where(THING.c.at < later)).scalars().all() == [2]


@pytest.mark.parametrize("tree", [{"a": [1, 2.5, None, "ő"]}, [], "text", 0, False], ids=str)
def test_a_tree_comes_back_as_it_went_in(connection: Connection, tree: object) -> None:
    connection.execute(insert(THING), {"tree": tree})

    found = connection.execute(select(THING.c.tree)).scalar_one()
    assert (found, type(found)) == (tree, type(tree))


def test_nothing_is_kept_as_null(connection: Connection) -> None:
    connection.execute(insert(THING), {"tree": None, "at": None})

    assert connection.execute(select(THING.c.id).where(THING.c.tree.is_(None), THING.c.at.is_(None))).all()


def test_every_constraint_has_a_name_that_both_databases_agree_on() -> None:
    unnamed = [
        f"{table.name}: {constraint}"
        for table in tables.metadata.tables.values()
        for constraint in table.constraints
        if constraint.name is None
    ]
    assert unnamed == []


def test_no_moment_is_declared_without_its_time_zone() -> None:
    by_column = {
        f"{table.name}.{column.name}": type(column.type).__name__
        for table in tables.metadata.tables.values()
        for column in table.columns
    }
    assert [name for name, kind in by_column.items() if kind in ("DateTime", "TIMESTAMP")] == []
    assert "Instant" in by_column.values()


def test_a_column_may_be_null_only_where_its_annotation_says_so() -> None:
    declared = {
        f"{row.__tablename__}.{name}": NoneType in get_args(field.annotation)
        for row in Row.__subclasses__()
        for name, field in row.model_fields.items()
    }
    built = {
        f"{table.name}.{column.name}": column.nullable
        for table in tables.metadata.tables.values()
        for column in table.columns
    }
    assert declared == built
