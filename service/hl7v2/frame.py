"""MLLP framing (HL7 Minimal Lower Layer Protocol, release 1): bytes of a connection in, whole messages out."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

LONGEST = 1_048_576
# So much that is no message before one begins is no sender of messages.
LONGEST_NOISE = 65_536
_BLANKS = b"\r\n\x00 \t"
_START, _END = b"\x0b", b"\x1c"
_RESTART = _START + b"MSH"
_ENDS_A_FRAME = (b"\r", b"\n")
# A line that begins as a segment does: with its name, and a mark behind it.
_TELLS = re.compile(rb"(?:\A|[\r\n])\s*[A-Z][A-Z0-9]{2}[!-/:-@\[-`{-~]")
_HEADER = re.compile(rb"(?<![^\r\n\xbf])MSH[^\r\n]{1,4096}")


class Fault(StrEnum):
    """What is wrong with a frame as such. Its body is what there was of it, at most the longest that is allowed."""

    EMBEDDED = "embedded"
    CUT_SHORT = "cut-short"
    TOO_LONG = "too-long"
    NOISE = "noise"
    OUTSIDE = "outside-frame"


class Frame(NamedTuple):
    body: bytes
    fault: Fault | None = None


@dataclass(slots=True)
class Framer:
    """Finds the frames of one connection, however the bytes are cut into pieces.

    A frame ends with FS CR. Also with FS alone where another begins, the connection ends, or nothing follows for a
    moment (`flush`): there are senders that leave the CR out. FS or VT elsewhere is content that nobody may send, and
    the frame is told of as such; only VT MSH begins a new one, and what stood before it was cut short. After TOO_LONG
    and NOISE nothing more is found: the connection is to be closed.

    What is in no frame is skipped, unless a line of it begins as a segment does: then FS CR stood inside a text, or VT
    is missing, and it is OUTSIDE. Its body begins with the header of the message before it, unless it has
    one of its own. It is found where the next frame begins, or by `flush`.

    `skipped` counts the bytes so far that were in no frame, blanks apart.
    """

    longest: int = LONGEST
    skipped: int = 0
    _buffer: bytearray = field(default_factory=bytearray)
    _outside: bytearray = field(default_factory=bytearray)
    _header: bytes = b""
    _inside: bool = False
    _searched: int = 0
    _noise: int = 0
    _closed: bool = False

    @property
    def inside(self) -> bool:
        """Whether a frame has begun and not ended."""
        return self._inside

    @property
    def ends_without_return(self) -> bool:
        """Whether all that is missing of a frame is the CR behind its FS."""
        return self._inside and self._buffer.endswith(_END)

    @property
    def outside(self) -> bool:
        """Whether there is something in no frame that may be a part of a message."""
        return _TELLS.search(self._outside) is not None

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that `data` completes, in their order."""
        self._buffer += data
        while (found := self._next()) is not None:
            if found.fault is not Fault.CUT_SHORT or found.body.strip(_BLANKS):
                yield found

    def flush(self) -> Frame | None:
        """What is left when nothing more comes: a whole frame when only its CR is missing, else one cut short, or what
        is OUTSIDE."""
        if not self._inside:
            return self._take_outside()
        if self.ends_without_return:
            return self._take(len(self._buffer) - 1, len(self._buffer))
        return self._take(len(self._buffer), len(self._buffer), Fault.CUT_SHORT)

    def _next(self) -> Frame | None:
        if self._closed:
            self._buffer.clear()
            return None
        if not self._inside:
            self._begin()
            if (self.inside or self._noise > LONGEST_NOISE) and (outside := self._take_outside()) is not None:
                return outside
        if self._noise > LONGEST_NOISE:
            return self._give_up(Fault.NOISE)
        return self._end() if self._inside else None

    def _begin(self) -> None:
        """Go to where a frame begins, past everything before."""
        start = self._buffer.find(_START)
        before = len(self._buffer) if start < 0 else start
        if before:
            meaning = len(self._buffer[:before].translate(None, _BLANKS))
            self.skipped += meaning
            self._noise += meaning
            if len(self._outside) <= LONGEST_NOISE:
                self._outside += self._buffer[:before] if self._outside else self._buffer[:before].lstrip(_BLANKS)
        del self._buffer[: before + 1]
        self._inside, self._searched = start >= 0, 0

    def _end(self) -> Frame | None:
        """The frame that has begun, when its end is there."""
        buffer = self._buffer
        while True:
            end = buffer.find(_END, self._searched)
            reach = len(buffer) if end < 0 else end
            again = buffer.find(_RESTART, self._searched, reach)
            if (reach if again < 0 else again) > self.longest:
                return self._give_up(Fault.TOO_LONG)
            if again >= 0:
                return self._take(again, again, Fault.CUT_SHORT)
            if end < 0:
                # VT M S H may be cut anywhere, so its beginning is looked at once more.
                self._searched = max(0, len(buffer) - len(_RESTART) + 1)
                return None
            after = buffer[end + 1 : end + 2]
            if not after:
                self._searched = end
                return None
            if after in _ENDS_A_FRAME:
                return self._take(end, end + 2)
            if after == _START:
                return self._take(end, end + 1)
            self._searched = end + 1

    def _take(self, length: int, used: int, fault: Fault | None = None) -> Frame:
        body = bytes(self._buffer[:length])
        del self._buffer[:used]
        self._inside, self._searched, self._noise = False, 0, 0
        header = _HEADER.search(body[:8192])
        self._header = header[0] if header else b""
        embedded = _START in body or _END in body
        return Frame(body, fault or (Fault.EMBEDDED if embedded else None))

    def _take_outside(self) -> Frame | None:
        found = bytes(self._outside) if self.outside else None
        self._outside.clear()
        if found is None:
            return None
        return Frame(
            found if found.startswith(b"MSH") else b"\r".join(filter(None, (self._header, found))), Fault.OUTSIDE
        )

    def _give_up(self, fault: Fault) -> Frame:
        body = b"" if fault is Fault.NOISE else bytes(self._buffer[: self.longest])
        self._buffer.clear()
        self._inside, self._closed = False, True
        return Frame(body, fault)


def framed(body: bytes) -> bytes:
    """A message as it goes over the wire."""
    return _START + body + _END + b"\r"
