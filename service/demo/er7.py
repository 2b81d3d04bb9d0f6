"""HL7 v2 in the vertical-bar encoding (HL7 v2.6, chapter 2), as much of it as a small hospital's engine needs."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

MARKS = "^~\\&"
ESCAPES = {"E": "\\", "F": "|", "S": "^", "T": "&", "R": "~"}
START, END = b"\x0b", b"\x1c\r"
"""What stands before and behind a message on the wire (MLLP release 1)."""


class NotRead(Exception):
    """The bytes are no message in this encoding."""


@dataclass(frozen=True, slots=True)
class Segment:
    """`fields` have their number as their place: the first is the segment's name, and MSH-1 is the bar itself."""

    fields: tuple[str, ...]

    def raw(self, number: int) -> str:
        """The whole field as it was sent; empty when it was not."""
        return self.fields[number] if number < len(self.fields) else ""

    def text(self, number: int, component: int = 1) -> str:
        """A component of the first repetition, with its escapes read."""
        parts = self.raw(number).partition("~")[0].split("^")
        part = parts[component - 1] if component <= len(parts) else ""
        return re.sub(r"\\([EFSTR])\\", lambda found: ESCAPES[found[1]], part)


@dataclass(frozen=True, slots=True)
class Er7:
    """A message as its segments."""

    segments: tuple[Segment, ...]

    def named(self, name: str) -> list[Segment]:
        return [one for one in self.segments if one.fields[0] == name]

    def first(self, name: str) -> Segment:
        """One without any field where there is none of that name."""
        return next(iter(self.named(name)), Segment((name,)))

    @property
    def type(self) -> str:
        """MSH-9 without its structure, as ORU^R01."""
        header = self.first("MSH")
        return f"{header.text(9)}^{header.text(9, 2)}"

    @property
    def control(self) -> str:
        """MSH-10."""
        return self.first("MSH").text(10)


def read(body: bytes) -> Er7:
    """The message in `body`, with or without its frame. Raises NotRead."""
    found = lines(body)
    if not found or not found[0].startswith(f"MSH|{MARKS}|"):
        raise NotRead("The message does not begin with MSH and the usual delimiters")
    split = [line.split("|") for line in found]
    split[0].insert(1, "|")
    return Er7(tuple(Segment(tuple(fields)) for fields in split))


def lines(body: bytes) -> list[str]:
    """The segments of a message, as a person reads them; none when the bytes are no such message."""
    bare = body.removeprefix(START).removesuffix(END)
    return bare.decode("utf-8", "replace").strip("\r").split("\r") if bare.startswith(b"MSH|") else []


def written(*segments: str) -> bytes:
    return "".join(f"{each}\r" for each in segments).encode()


def segment(name: str, fields: Mapping[int, str]) -> str:
    """`fields` by number, ready to be sent. Of MSH they begin with MSH-3, for the first two are the delimiters."""
    begins, first = (f"{name}|{MARKS}", 3) if name == "MSH" else (name, 1)
    return "|".join((begins, *(fields.get(number, "") for number in range(first, max(fields) + 1))))


def text(value: str) -> str:
    """A value in which nothing can be taken for a delimiter."""
    marks = {mark: f"\\{name}\\" for name, mark in ESCAPES.items()}
    return "".join(marks.get(character, character) for character in value)


def time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y%m%d%H%M%S}+0000"
