"""Statements that are compiled once, for what the hot paths ask again and again.

They are written with SQLAlchemy Core like every other statement. Core works out anew at each execution how parameters
and columns are to be converted, at many times the cost of the driver itself; here that is done at the first execution
and kept. Errors are the driver's own. An `IN` over a list of unknown length cannot be prepared and goes through Core.
"""

from collections import namedtuple
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from operator import itemgetter
from typing import Any

from sqlalchemy import ColumnElement, Connection, Dialect, Executable, literal_column
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ClauseElement

Values = Mapping[str, object]
Convert = Callable[[Any], Any]


def constants(members: Iterable[StrEnum]) -> list[ColumnElement[str]]:
    """For an `IN` over our own words, which are part of the statement's text."""
    return [literal_column(f"'{member.value}'") for member in members]


class Rows:
    """What a statement answered; the names are those of SQLAlchemy's results. A row gives its columns as attributes."""

    def __init__(self, cursor: Any, make: Callable[[Sequence[Any]], Any]) -> None:
        self.rowcount: int = cursor.rowcount
        self._cursor, self._make = cursor, make

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


class Prepared:
    """A statement of Core; `run` takes the values of its parameters by name, or a list of them to run it for each."""

    def __init__(self, statement: Executable) -> None:
        self.statement = statement
        self._compiled: dict[tuple[str, tuple[str, ...]], _Compiled] = {}

    def run(self, connection: Connection, values: Values | Sequence[Values]) -> Rows:
        rows = [values] if isinstance(values, Mapping) else values
        compiled = self._for(connection.dialect, tuple(rows[0]))
        cursor: Any = connection.connection.cursor()
        given = [compiled.parameters(each) for each in rows]
        many = len(given) > 1
        parameters: Any = given if many else given[0]
        for listener in connection.dispatch.before_cursor_execute:
            listener(connection, cursor, compiled.sql, parameters, None, many)
        (cursor.executemany if many else cursor.execute)(compiled.sql, parameters)
        return Rows(cursor, compiled.make)

    def _for(self, dialect: Dialect, names: tuple[str, ...]) -> "_Compiled":
        key = (dialect.name, names)
        if key not in self._compiled:
            self._compiled[key] = _Compiled(self.statement, dialect, names)
        return self._compiled[key]


class _Compiled:
    """The text for one database and one set of parameter names, and what is to be converted on the way in and out."""

    def __init__(self, statement: Executable, dialect: Dialect, names: tuple[str, ...]) -> None:
        assert isinstance(statement, ClauseElement)  # noqa: S101
        compiled = statement.compile(dialect=dialect, column_keys=list(names))
        assert isinstance(compiled, SQLCompiler)  # noqa: S101
        if compiled.post_compile_params:
            raise TypeError("a statement with a list of unknown length cannot be prepared")
        self.sql = str(compiled)
        self._fixed = {name: value for name, value in compiled.params.items() if name not in names}
        self._named = compiled.positiontup is None
        types = {name: bind.type for bind, name in compiled.bind_names.items()}
        self._names = compiled.positiontup or list(types)
        self._pick = _picker(self._names)
        converters = (types[name].dialect_impl(dialect).bind_processor(dialect) for name in self._names)
        self._converters = _at_their_places(converters)
        self.make = _maker(statement, dialect)

    def parameters(self, values: Values) -> Any:
        given = {**self._fixed, **values} if self._fixed else values
        converted = _convert(self._pick(given), self._converters)
        return dict(zip(self._names, converted, strict=True)) if self._named else converted


def _maker(statement: Executable, dialect: Dialect) -> Callable[[Sequence[Any]], Any]:
    columns = list(getattr(statement, "exported_columns", ()))
    names = [str(column.key) for column in columns]
    row: Any = namedtuple("Row", names, rename=True)  # type: ignore[misc]  # noqa: PYI024  # its names come from the query
    converters = _at_their_places(
        column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns
    )

    def make(values: Sequence[Any]) -> Any:
        return row._make(_convert(list(values), converters))

    return make


def _picker(names: Sequence[str]) -> Callable[[Values], list[Any]]:
    """What takes the values of these names. An itemgetter of one gives it alone, and of none there is none."""
    if len(names) < 2:
        return lambda given: [given[name] for name in names]
    pick = itemgetter(*names)
    return lambda given: list(pick(given))


def _at_their_places(converters: Iterable[Convert | None]) -> list[tuple[int, Convert]]:
    """Most values go as they are: only the others are visited."""
    return [(place, convert) for place, convert in enumerate(converters) if convert is not None]


def _convert(values: list[Any], converters: Iterable[tuple[int, Convert]]) -> list[Any]:
    for place, convert in converters:
        values[place] = convert(values[place])
    return values
