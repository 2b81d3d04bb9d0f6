"""Statements that are compiled once, for what the hot paths ask again and again.

They are written with SQLAlchemy Core like every other statement. Core works out anew at each execution how parameters
and columns are to be converted, at many times the cost of the driver itself; here that is done at the first execution
and kept. Errors are the driver's own. An `IN` over a list of unknown length cannot be prepared and goes through Core.
"""

from collections import namedtuple
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from functools import cached_property, partial
from typing import Any

from sqlalchemy import ColumnElement, Connection, Dialect, Executable, Insert, LargeBinary, Table, literal_column
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ClauseElement
from sqlalchemy.sql.visitors import iterate

Values = Mapping[str, object]


def constants(members: Iterable[StrEnum]) -> list[ColumnElement[str]]:
    """For an `IN` over our own words, which are part of the statement's text."""
    return [literal_column(f"'{member.value}'") for member in members]


class Rows:
    """What a statement answered; the names are those of SQLAlchemy's results. A row gives its columns as attributes."""

    def __init__(self, cursor: Any, make: Callable[[Sequence[Any]], Any]) -> None:
        self._cursor, self._make = cursor, make

    @property
    def rowcount(self) -> int:
        count: int = self._cursor.rowcount
        return count

    def __iter__(self) -> Iterator[Any]:
        return map(self._make, self._cursor.fetchall())

    def all(self) -> list[Any]:
        return list(self)

    def first(self) -> Any:
        row = self._cursor.fetchone()
        return None if row is None else self._make(row)

    def one_or_none(self) -> Any:
        found = self.all()
        if len(found) > 1:
            raise LookupError("more than one row where one was meant")
        return found[0] if found else None

    def one(self) -> Any:
        found = self.one_or_none()
        if found is None:
            raise LookupError("no row where one was meant")
        return found

    def scalar_one_or_none(self) -> Any:
        found = self.one_or_none()
        return None if found is None else found[0]

    def scalar_one(self) -> Any:
        return self.one()[0]


class Link:
    """The driver's connection behind one of SQLAlchemy's, for the time of a unit, and who hears of its statements."""

    def __init__(self, connection: Connection) -> None:
        driver: Any = connection.connection.driver_connection
        self.connection, self.name, self.cursor = connection, connection.dialect.name, driver.cursor
        self.listeners = list(connection.dispatch.before_cursor_execute)


class Prepared:
    """A statement of Core; `run` takes the values of its parameters by name, or a list of them to run it for each."""

    def __init__(self, statement: Executable) -> None:
        self.statement = statement
        self._compiled: dict[tuple[str, ...], _Compiled] = {}

    @cached_property
    def tables(self) -> set[Table]:
        """Those that it speaks of, and those that a row which it inserts refers to."""
        assert isinstance(self.statement, ClauseElement)  # noqa: S101
        spoken_of = {each for each in iterate(self.statement) if isinstance(each, Table)}
        inserts = isinstance(self.statement, Insert)
        return spoken_of | {key.column.table for each in spoken_of if inserts for key in each.foreign_keys}

    def run(self, link: Link, values: Values | list[dict[str, Any]]) -> Rows:
        rows = values if isinstance(values, list) else [values]
        key = (link.name, *rows[0])
        compiled = self._compiled.get(key) or self._compiled.setdefault(key, _Compiled(self.statement, link, key[1:]))
        cursor, many = link.cursor(), len(rows) > 1
        parameters: Any = [*map(compiled.parameters, rows)] if many else compiled.parameters(rows[0])
        for hear in link.listeners:
            hear(link.connection, cursor, compiled.sql, parameters, None, many)
        (cursor.executemany if many else cursor.execute)(compiled.sql, parameters)
        return Rows(cursor, compiled.make)


class _Compiled:
    """The text for one database and one set of parameter names, and what is to be converted on the way in and out."""

    def __init__(self, statement: Executable, link: Link, names: tuple[str, ...]) -> None:
        dialect = link.connection.dialect
        assert isinstance(statement, ClauseElement)  # noqa: S101
        compiled = statement.compile(dialect=dialect, column_keys=list(names))
        assert isinstance(compiled, SQLCompiler)  # noqa: S101
        if compiled.post_compile_params:
            raise TypeError("a statement with a list of unknown length cannot be prepared")
        self.sql = str(compiled)
        self._fixed = {name: value for name, value in compiled.params.items() if name not in names}
        self._positions = compiled.positiontup
        # Most values go as they are, and both drivers take bytes so.
        types = {name: bind.type for bind, name in compiled.bind_names.items() if type(bind.type) is not LargeBinary}
        found = [(name, kind.dialect_impl(dialect).bind_processor(dialect)) for name, kind in types.items()]
        self._converters = [(name, convert) for name, convert in found if convert is not None]
        self.make = _maker(statement, dialect)

    def parameters(self, values: Values) -> Any:
        given = {**self._fixed, **values}
        for name, convert in self._converters:
            given[name] = convert(given[name])
        return given if self._positions is None else [*map(given.__getitem__, self._positions)]


def _maker(statement: Executable, dialect: Dialect) -> Callable[[Sequence[Any]], Any]:
    columns = list(getattr(statement, "exported_columns", ()))
    names = [str(column.key) for column in columns]
    row: Any = namedtuple("Row", names, rename=True)  # type: ignore[misc]  # noqa: PYI024  # its names come from the query
    found = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns]
    converters = [(place, convert) for place, convert in enumerate(found) if convert is not None]
    # What `_make` does, without a step through Python for each.
    as_row = partial(tuple.__new__, row)

    def make(values: Sequence[Any]) -> Any:
        converted = list(values)
        for place, convert in converters:
            converted[place] = convert(converted[place])
        return as_row(converted)

    return make if converters else as_row
