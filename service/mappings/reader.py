"""Tables of TOML files that note what is wrong and go on, so that every problem is found in one reading."""

import tomllib
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import TypeVar, cast

from service.shared.errors import InvalidMappings

Toml = dict[str, object]
Kind = TypeVar("Kind")
Member = TypeVar("Member", bound=StrEnum)

_NAMES: dict[type, str] = {str: "text", int: "a whole number", bool: "true or false", date: "a date", dict: "a table"}


class Table:
    """What is missing or of the wrong type is noted and replaced by a stand-in, which is never used afterwards.

    `place` is the file and the key, as a problem names it. `close` notes every key that nobody asked for.
    """

    def __init__(self, place: str, content: Toml, problems: list[str]) -> None:
        self.place = place
        self._content = content
        self._problems = problems
        self._unread = set(content)
        self._inside: list[Table] = []

    def __contains__(self, key: str) -> bool:
        return key in self._content

    def names(self) -> tuple[str, ...]:
        return tuple(self._content)

    def note(self, key: str, what: str) -> None:
        self._problems.append(f"{self.place}.{key}: {what}" if key else f"{self.place}: {what}")

    def text(self, key: str) -> str:
        text = self._take(key, str, "").strip()
        if key in self._content and isinstance(self._content[key], str) and not text:
            self.note(key, "is empty")
        return text

    def optional_text(self, key: str) -> str | None:
        return self.text(key) if key in self else None

    def whole(self, key: str, at_least: int = 0) -> int:
        number = self._take(key, int, at_least)
        if number < at_least:
            self.note(key, f"is below {at_least}")
        return number

    def optional_whole(self, key: str, at_least: int = 0) -> int | None:
        return self.whole(key, at_least) if key in self else None

    def flag(self, key: str) -> bool:
        return self._take(key, bool, False)

    def optional_flag(self, key: str) -> bool:
        return key in self and self.flag(key)

    def day(self, key: str) -> date:
        return self._take(key, date, date.min)

    def member(self, key: str, kind: type[Member]) -> Member:
        return self._as_member(key, self._take(key, str, next(iter(kind)).value), kind)

    def members(self, key: str, kind: type[Member]) -> tuple[Member, ...]:
        return tuple(self._as_member(key, text, kind) for text in self.texts(key))

    def texts(self, key: str) -> tuple[str, ...]:
        values = self._take(key, list, cast("list[object]", []))
        if not all(isinstance(value, str) and value.strip() for value in values):
            self.note(key, "is not a list of texts")
        return tuple(value.strip() for value in values if isinstance(value, str))

    def optional_wholes(self, key: str) -> tuple[int, ...]:
        values = self._take(key, list, cast("list[object]", [])) if key in self else []
        if not all(type(value) is int for value in values):
            self.note(key, "is not a list of whole numbers")
        return tuple(value for value in values if type(value) is int)

    def optional_texts(self, key: str) -> tuple[str, ...]:
        return self.texts(key) if key in self else ()

    def table(self, key: str) -> "Table":
        return self._enter(key, self._take(key, dict, cast("Toml", {})))

    def optional_table(self, key: str) -> "Table | None":
        return self.table(key) if key in self else None

    def tables(self, key: str) -> list["Table"]:
        """The tables of an array; an array that is not there has none."""
        values = self._take(key, list, cast("list[object]", [])) if key in self else []
        if not all(isinstance(value, dict) for value in values):
            self.note(key, "is not an array of tables")
        return [self._enter(f"{key}[{n}]", value) for n, value in enumerate(values, 1) if isinstance(value, dict)]

    def leave(self, key: str) -> None:
        """Somebody else reads this key, if it is there."""
        self._unread.discard(key)

    def close(self) -> None:
        for key in sorted(self._unread):
            self.note(key, "is not a known key")
        for table in self._inside:
            table.close()

    def _enter(self, key: str, content: Toml) -> "Table":
        table = Table(f"{self.place}.{key}", content, self._problems)
        self._inside.append(table)
        return table

    def _take(self, key: str, kind: type[Kind], stand_in: Kind) -> Kind:
        self._unread.discard(key)
        if key not in self._content:
            self.note(key, "is missing")
            return stand_in
        value = self._content[key]
        # Not isinstance: true is no whole number, and a date with a time is no date.
        if type(value) is not kind:
            self.note(key, f"is not {_NAMES.get(kind, 'a list')}")
            return stand_in
        return value

    def _as_member(self, key: str, text: str, kind: type[Member]) -> Member:
        if text in set(kind):
            return kind(text)
        self.note(key, f"is none of {', '.join(kind)}")
        return next(iter(kind))


class Folder:
    """The TOML files below one folder, and every problem found in them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problems: list[str] = []
        self._tables: list[Table] = []

    def names(self, pattern: str) -> list[str]:
        return sorted(path.relative_to(self.path).as_posix() for path in self.path.glob(pattern))

    def content(self, name: str) -> Toml:
        """What the file says; nothing, and a problem noted, when it cannot be read as TOML."""
        try:
            return tomllib.loads((self.path / name).read_text("utf-8"))
        except FileNotFoundError:
            self.problems.append(f"{name}: there is no such file")
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            self.problems.append(f"{name}: cannot be read as TOML: {error}")
        return {}

    def table(self, name: str, content: Toml | None = None) -> Table:
        """The file as a table; `content` stands for what the file itself says."""
        table = Table(name, self.content(name) if content is None else content, self.problems)
        self._tables.append(table)
        return table

    def close(self) -> None:
        """Raises InvalidMappings when anything was wrong, an unknown key included."""
        for table in self._tables:
            table.close()
        if self.problems:
            raise InvalidMappings(self.problems)
