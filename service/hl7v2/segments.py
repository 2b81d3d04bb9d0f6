"""Reading a message in the vertical-bar encoding (HL7 v2.5.1 chapter 2, sections 2.5 to 2.7).

Nothing here knows what a segment means. Fields are split when they are asked for, and their escapes decoded once.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

NULL = '""'
"""The value that tells the receiver to delete what it has; an empty field says nothing (section 2.5.3.2)."""

_SEGMENT_NAME = re.compile(r"[A-Z][A-Z0-9]{2}")
_ENDS = re.compile(rb"\r\n|\n")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# MSH-18, table 0211, with what senders write for them; absent is tried as UTF-8 first.
_CODECS = {
    "ASCII": "ascii",
    "UNICODE UTF-8": "utf-8",
    "UTF-8": "utf-8",
    "UTF8": "utf-8",
    "8859/1": "iso8859-1",
    "8859/15": "iso8859-15",
}
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


@dataclass(frozen=True, slots=True)
class Delimiters:
    """MSH-1 and MSH-2. `subcomponent` and `escape` are empty when the sender names none, and then there are none."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"


@dataclass(frozen=True, slots=True)
class Segment:
    """One line. Fields, components and repetitions are counted from 1, as the standard does; MSH-1 is its delimiter.

    What is not there is the empty string. `place` is its place in the message, from 1.
    """

    name: str
    place: int
    delimiters: Delimiters
    codec: str
    _fields: Sequence[str] = field(repr=False)

    def raw(self, number: int) -> str:
        """The whole field as it was sent."""
        return self._fields[number] if 0 < number < len(self._fields) else ""

    def text(self, number: int, component: int = 1, repetition: int = 1, subcomponent: int = 1) -> str:
        """One value, decoded and without blanks around it."""
        whole = self.raw(number)
        if not whole:
            return ""
        if self.name == "MSH" and number <= 2:
            return whole
        marks = self.delimiters
        part = _part(_part(whole, marks.repetition, repetition), marks.component, component)
        return self._decoded(_part(part, marks.subcomponent, subcomponent)).strip()

    def repetitions(self, number: int) -> tuple[tuple[str, ...], ...]:
        """Each repetition that says something, as its components, of which each is its first subcomponent."""
        whole, marks = self.raw(number), self.delimiters
        parts = _parts(whole, marks.repetition) if whole else ()
        return tuple(
            tuple(self._decoded(_part(each, marks.subcomponent, 1)).strip() for each in _parts(part, marks.component))
            for part in parts
            if part
        )

    def _decoded(self, text: str) -> str:
        escape = self.delimiters.escape
        return text if not escape or escape not in text else _decode(text, self.delimiters, self.codec)


@dataclass(frozen=True, slots=True)
class Message:
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
    body = _ENDS.sub(b"\r", body.removeprefix(_BYTE_ORDER_MARK)).strip(b"\r\n \t")
    delimiters = _delimiters(body)
    codec, assumed = _codec(body, delimiters)
    try:
        lines = body.decode(codec).split("\r")
    except UnicodeDecodeError:
        raise NotReadable(Defect.CHARACTERS) from None
    segments = []
    for place, line in enumerate(lines, 1):
        if not line.strip():
            continue
        fields = line.split(delimiters.field)
        if not _SEGMENT_NAME.fullmatch(fields[0]):
            raise NotReadable(Defect.SEGMENT, place)
        if fields[0] == "MSH":
            fields.insert(1, delimiters.field)
        segments.append(Segment(fields[0], place, delimiters, codec, fields))
    return Message(delimiters, tuple(segments), codec, assumed)


def header_of(body: bytes) -> Segment | None:
    """The first segment as far as it can be read, so that also what is not readable gets an answer of its own."""
    body = body.removeprefix(_BYTE_ORDER_MARK).lstrip(b"\r\n \t")
    line = _ENDS.sub(b"\r", body[:4096]).split(b"\r", 1)[0]
    try:
        delimiters = _delimiters(line)
    except NotReadable:
        return None
    text = line.decode(ASSUMED)
    fields = text.split(delimiters.field)
    fields.insert(1, delimiters.field)
    return Segment("MSH", 1, delimiters, ASSUMED, fields)


def escaped(text: str, delimiters: Delimiters | None = None) -> str:
    """`text` as it may stand in a field: delimiters and line ends of its own become escape sequences."""
    marks = delimiters or Delimiters()
    codes = {
        marks.escape: "E",
        marks.field: "F",
        marks.component: "S",
        marks.repetition: "R",
        marks.subcomponent: "T",
        "\n": ".br",
    }
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(f"{marks.escape}{codes[each]}{marks.escape}" if each in codes else each for each in lines)


def _delimiters(body: bytes) -> Delimiters:
    if not body.startswith(b"MSH"):
        raise NotReadable(Defect.NO_HEADER)
    text = body[3:12].decode(ASSUMED)
    marks = text[1:].partition(text[:1])[0] if text else ""
    every = text[:1] + marks[:4]
    if len(marks) < 2 or len(set(every)) != len(every) or any(each.isalnum() or each.isspace() for each in every):
        raise NotReadable(Defect.DELIMITERS)
    return Delimiters(every[0], every[1], every[2], every[3:4], every[4:5])


def _codec(body: bytes, delimiters: Delimiters) -> tuple[str, bool]:
    """How to read it, and whether that is an assumption."""
    fields = body.split(b"\r", 1)[0].decode(ASSUMED).split(delimiters.field)
    named = fields[17].split(delimiters.repetition)[0].strip().upper() if len(fields) > 17 else ""
    if named:
        if named not in _CODECS:
            raise NotReadable(Defect.CHARACTER_SET)
        return _CODECS[named], False
    try:
        body.decode()
    except UnicodeDecodeError:
        return ASSUMED, True
    return "utf-8", False


def _part(text: str, mark: str, number: int) -> str:
    if not mark or mark not in text:
        return text if number == 1 else ""
    parts = text.split(mark)
    return parts[number - 1] if number <= len(parts) else ""


def _parts(text: str, mark: str) -> Sequence[str]:
    return text.split(mark) if mark else (text,)


def _decode(text: str, marks: Delimiters, codec: str) -> str:
    """In one pass from left to right, so that what an escape stands for is never read as another."""
    plain = {
        "F": marks.field,
        "S": marks.component,
        "T": marks.subcomponent,
        "R": marks.repetition,
        "E": marks.escape,
        "H": "",
        "N": "",
    }

    def stands_for(found: re.Match[str]) -> str:
        code = found[1]
        if code in plain:
            return plain[code]
        if code.startswith("."):
            return "\n"
        if code.startswith("X"):
            try:
                return bytes.fromhex(code[1:]).decode(codec)
            except ValueError:
                return found[0]
        # Another character set in the middle, or a sequence of the sender's own: kept as it came.
        return found[0]

    mark = re.escape(marks.escape)
    return re.sub(f"{mark}([^{mark}]*){mark}", stands_for, text)
