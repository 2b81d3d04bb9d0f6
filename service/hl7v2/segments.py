"""Reading a message in the vertical-bar encoding (HL7 v2.5.1 chapter 2, sections 2.5 to 2.7).

Nothing here knows what a segment means. Components are split when they are asked for, and their escapes decoded once.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from functools import lru_cache, partial
from itertools import count
from typing import NamedTuple

from service.hl7v2.characters import codec_of
from service.hl7v2.escapes import Delimiters, decoded, escaped

__all__ = [
    "ASSUMED",
    "NULL",
    "Defect",
    "Delimiters",
    "Message",
    "NotReadable",
    "Segment",
    "escaped",
    "header_of",
    "read",
]

NULL = '""'
"""The value that tells the receiver to delete what it has; an empty field says nothing (section 2.5.3.2)."""

# Delimiters are punctuation of ASCII, each of them once; version 2.7 has a fifth in MSH-2, for what was cut off.
_HEADER = re.compile(rb"MSH([!-/:-@\[-`{-~])((?:(?!\1)[!-/:-@\[-`{-~]){2,5})(?=\1|\r|\Z)")
_LONGEST_HEADER = 4096
_ENDS = re.compile(rb"\r\n|\n")
_BLANKS = b"\r\n \t"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
ASSUMED = "iso8859-1"
"""What a message is read as that names no character set and is not UTF-8."""


class Defect(StrEnum):
    """Why bytes are no message in this encoding."""

    NO_HEADER = "no-header"
    DELIMITERS = "delimiters"
    CHARACTER_SET = "character-set"
    CHARACTERS = "characters"
    SEGMENT = "segment"


class NotReadable(Exception):
    """The bytes cannot be read as a message. `line` is the segment's place, from 1, where it is one segment's fault."""

    def __init__(self, defect: Defect, line: int | None = None) -> None:
        super().__init__(defect.value)
        self.defect, self.line = defect, line


# Tuples, because a frozen dataclass takes four times as long to make, and every message makes a dozen.
class Segment(NamedTuple):
    """One line. Fields, components and repetitions are counted from 1, as the standard does; MSH-1 is its delimiter.

    What is not there is the empty string. `number` is its place among those of its name, from 1. `fields` begins with
    the name, so that a field has its number as its place.
    """

    name: str
    number: int
    delimiters: Delimiters
    codec: str
    fields: Sequence[str]

    def __repr__(self) -> str:
        # A trace may show this, and what the fields hold is nobody's business there.
        return f"Segment({self.name}, {self.number})"

    def raw(self, number: int) -> str:
        """The whole field as it was sent."""
        return self.fields[number] if 0 < number < len(self.fields) else ""

    def text(self, number: int, component: int = 1, repetition: int = 1, subcomponent: int = 1) -> str:
        """One value, decoded and without blanks around it."""
        text, marks = self.raw(number), self.delimiters
        if not text or (number <= 2 and self.name == "MSH"):
            return text
        if text.isalnum():
            # Neither a delimiter, an escape nor a blank is a letter or a digit.
            return text if component == repetition == subcomponent == 1 else ""
        try:
            text = text.split(marks.repetition)[repetition - 1].split(marks.component)[component - 1]
            text = (text.split(marks.subcomponent) if marks.subcomponent else [text])[subcomponent - 1]
        except IndexError:
            return ""
        return self._decoded(text)

    def repetitions(self, number: int) -> tuple[tuple[str, ...], ...]:
        """Each repetition that says something, as its components, of which each is its first subcomponent."""
        whole, marks = self.raw(number), self.delimiters
        if not whole:
            return ()
        if whole.isalnum():
            return ((whole,),)
        # An empty mark is in everything.
        is_plain = marks.subcomponent not in whole and marks.escape not in whole
        value = str.strip if is_plain else self._value
        parts = [part.split(marks.component) for part in whole.split(marks.repetition) if part]
        return tuple([tuple(map(value, part)) for part in parts])

    def _value(self, component: str) -> str:
        mark = self.delimiters.subcomponent
        return self._decoded(component.partition(mark)[0] if mark else component)

    def _decoded(self, text: str) -> str:
        escape = self.delimiters.escape
        return (decoded(text, self.delimiters, self.codec) if escape and escape in text else text).strip()


# What Segment(...) does, without a step through Python for each.
_segment: Callable[[tuple[object, ...]], Segment] = partial(tuple.__new__, Segment)


class Message(NamedTuple):
    """`codec` is the character set that it was read in; `assumed` says that it named none and was not UTF-8."""

    delimiters: Delimiters
    segments: tuple[Segment, ...]
    codec: str
    assumed: bool = False

    @property
    def header(self) -> Segment:
        return self.segments[0]

    def named(self, *names: str) -> Iterator[Segment]:
        return (each for each in self.segments if each.name in names)

    def first(self, name: str) -> Segment | None:
        return next(self.named(name), None)


def read(body: bytes) -> Message:
    """The message in `body`, which is one frame's or one file's. Segments may end with CR, LF or CRLF.

    Raises NotReadable; never anything else.
    """
    body = _normalised(body)
    delimiters = _delimiters(body)
    codec, assumed = _codec(body, delimiters)
    try:
        text = body.decode(codec)
    except UnicodeDecodeError:
        raise NotReadable(Defect.CHARACTERS) from None
    if "\0" in text:
        # No database of ours keeps it, and no field may hold it.
        raise NotReadable(Defect.CHARACTERS)
    lines = text.split("\r")
    if _odd(delimiters.field).search(text):
        lines = _without_blanks(lines, delimiters.field)
    split = [line.split(delimiters.field) for line in lines]
    split[0].insert(1, delimiters.field)
    numbers: dict[str, Iterator[int]] = defaultdict(partial(count, 1))
    segments = [_segment((each[0], next(numbers[each[0]]), delimiters, codec, each)) for each in split]
    return Message(delimiters, tuple(segments), codec, assumed)


def header_of(body: bytes) -> Segment | None:
    """The first segment as far as it can be read, so that also what is not readable gets an answer of its own."""
    line = _normalised(body[: 2 * _LONGEST_HEADER])[:_LONGEST_HEADER].partition(b"\r")[0]
    try:
        delimiters = _delimiters(line)
    except NotReadable:
        return None
    fields = line.decode(ASSUMED).split(delimiters.field)
    fields.insert(1, delimiters.field)
    return Segment("MSH", 1, delimiters, ASSUMED, fields)


def _normalised(body: bytes) -> bytes:
    """Without byte order mark and blanks around it, and with CR alone at the end of each line."""
    body = body.removeprefix(_BYTE_ORDER_MARK).strip(_BLANKS)
    return _ENDS.sub(b"\r", body) if b"\n" in body else body


def _delimiters(body: bytes) -> Delimiters:
    found = _HEADER.match(body)
    if found is None:
        raise NotReadable(Defect.DELIMITERS if body.startswith(b"MSH") else Defect.NO_HEADER)
    return _named(found[1] + found[2])


@lru_cache(maxsize=64)
def _named(marks: bytes) -> Delimiters:
    if len(set(marks)) < len(marks):
        raise NotReadable(Defect.DELIMITERS)
    each = marks.decode("ascii")
    return Delimiters(each[0], each[1], each[2], each[3:4], each[4:5])


def _codec(body: bytes, delimiters: Delimiters) -> tuple[str, bool]:
    """How to read it, and whether that is an assumption."""
    fields = body.partition(b"\r")[0].split(delimiters.field.encode(), 18)
    named = fields[17].decode(ASSUMED).partition(delimiters.repetition)[0].strip() if len(fields) > 17 else ""
    if named:
        codec = codec_of(named)
        if codec is None:
            raise NotReadable(Defect.CHARACTER_SET)
        return codec, False
    try:
        body.decode()
    except UnicodeDecodeError:
        return ASSUMED, True
    return "utf-8", False


@lru_cache(maxsize=64)
def _odd(mark: str) -> re.Pattern[str]:
    """The end of a line after which no segment of a message follows, or a second header."""
    return re.compile(rf"\r(?!(?!MSH)[A-Z][A-Z0-9]{{2}}(?:{re.escape(mark)}|\r|\Z))")


def _without_blanks(lines: Sequence[str], mark: str) -> list[str]:
    """Raises NotReadable for the first line that is no segment, not even an empty one."""
    kept = [line for line in lines if line.strip()]
    for place, line in enumerate(kept[1:], 2):
        if _odd(mark).match(f"\r{line}"):
            raise NotReadable(Defect.SEGMENT, place)
    return kept
