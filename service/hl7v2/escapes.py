"""Delimiters, and the escape sequences by which a text may hold them (HL7 v2.5.1 chapter 2, sections 2.5.4 and 2.7)."""

import re
from functools import lru_cache
from typing import NamedTuple

# Formatting commands that end a line (section 2.7.4); the others are about indentation and wrapping, and say nothing.
_LINE_ENDS = (".br", ".sp", ".ce")
# The last two would end the frame around the message, or begin another.
_CONTROLS = {"\n": ".br", "\x0b": "X0B", "\x1c": "X1C"}


class Delimiters(NamedTuple):
    """MSH-1 and MSH-2. `subcomponent` and `escape` are empty when the sender names none, and then there are none."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"


def escaped(text: str, delimiters: Delimiters | None = None) -> str:
    """`text` as it may stand in a field: delimiters, line ends and marks of a frame become escape sequences.

    Where there is no escape character, a blank stands in their place.
    """
    marks = delimiters or Delimiters()
    codes = {mark: code for code, mark in _stands_for(marks).items() if mark} | _CONTROLS
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    if not marks.escape:
        return "".join(" " if each in codes else each for each in lines)
    return "".join(f"{marks.escape}{codes[each]}{marks.escape}" if each in codes else each for each in lines)


@lru_cache(maxsize=64)
def _sequence(escape: str) -> re.Pattern[str]:
    mark = re.escape(escape)
    return re.compile(f"{mark}([^{mark}]*){mark}")


@lru_cache(maxsize=64)
def _stands_for(marks: Delimiters) -> dict[str, str]:
    """The escape sequences for the delimiters (section 2.7.1)."""
    return {
        "F": marks.field,
        "S": marks.component,
        "T": marks.subcomponent,
        "R": marks.repetition,
        "E": marks.escape,
    }


def decoded(text: str, marks: Delimiters, codec: str) -> str:
    """What `text` stands for.

    Found in one pass from left to right, so that what an escape stands for is never read as another.
    """
    delimiters = _stands_for(marks)

    def plain(found: re.Match[str]) -> str:
        code = found[1]
        if code in delimiters:
            return delimiters[code]
        if code in ("H", "N"):
            return ""
        if code.startswith("."):
            return "\n" if code.startswith(_LINE_ENDS) else ""
        if code.startswith("X"):
            try:
                characters = bytes.fromhex(code[1:]).decode(codec)
            except ValueError:
                return found[0]
            return found[0] if "\0" in characters else characters
        # Another character set in the middle, or a sequence of the sender's own: kept as it came.
        return found[0]

    return _sequence(marks.escape).sub(plain, text)
