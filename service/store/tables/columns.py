"""The column types and rules that every table shares, so that both databases keep and give back the same values."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, ClassVar

import orjson
from sqlalchemy import DateTime, Dialect, LargeBinary, MetaData, Table, Text
from sqlalchemy.types import TypeDecorator, TypeEngine
from sqlmodel import Field, SQLModel

__all__ = ["Instant", "Json", "Row", "Text", "is_one_of", "optional", "required", "table"]

# Named constraints, because a migration can only drop or change what has a name that both databases agree on.
NAMES = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Row(SQLModel):
    """What every table derives from with `table=True`; a row class never leaves the store."""

    metadata: ClassVar[MetaData] = MetaData(naming_convention=NAMES)


# Every message writes a dozen of these two, so that each is converted in one step, and not in one of ours and another
# of the type that it is kept as.
class Instant(TypeDecorator[datetime]):
    """An instant: aware on the way in, aware and in UTC on the way out. A naive datetime is refused with ValueError."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any]:
        if dialect.name == "sqlite":
            return _text
        return lambda instant: None if instant is None else _in_utc(instant)

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _in_utc(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise ValueError("An instant needs its offset; this one has none.")
    return instant.astimezone(UTC)


# A unit writes the same instant again and again, and to write it out costs more than all else that is done to it.
@lru_cache(maxsize=256)
def _text(instant: datetime | None) -> str | None:
    """As SQLAlchemy itself writes a DateTime into SQLite."""
    return None if instant is None else _in_utc(instant).isoformat(" ", "microseconds").removesuffix("+00:00")


class Json(TypeDecorator[Any]):
    """A JSON tree kept as its UTF-8 bytes; None is SQL NULL, so it is refused by a required column."""

    impl = LargeBinary
    cache_ok = True

    def bind_processor(self, _dialect: Dialect) -> Callable[[Any], Any]:
        return lambda value: None if value is None else orjson.dumps(value)

    def result_processor(self, _dialect: Dialect, _type: object) -> Callable[[Any], Any]:
        return lambda kept: None if kept is None else orjson.loads(kept)


def required(column_type: type[TypeEngine[Any]] | TypeEngine[Any], **options: Any) -> Any:
    """A NOT NULL column of this type. SQLModel leaves a column given as `sa_column` nullable without a word."""
    return Field(sa_type=column_type, nullable=False, **options)


def optional(column_type: type[TypeEngine[Any]] | TypeEngine[Any], **options: Any) -> Any:
    """A column of this type that may be NULL and is None unless set."""
    return Field(default=None, sa_type=column_type, nullable=True, **options)


def is_one_of(column: str, words: Iterable[StrEnum]) -> str:
    """For what an index is of. SQLite makes a table of an IN over three or more, anew for every row it inserts."""
    return "(" + " OR ".join(f"{column} = '{word.value}'" for word in words) + ")"


def table(row: type[Row]) -> Table:
    """The Core table of a row class, which is what every statement outside administration is written on."""
    found: Table = row.__table__  # type: ignore[attr-defined]  # SQLModel adds it when the class is made
    return found
