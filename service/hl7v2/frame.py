"""MLLP framing (HL7 Minimal Lower Layer Protocol, release 1): bytes of a connection in, whole messages out."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

START, END, RETURN, FEED = 0x0B, 0x1C, 0x0D, 0x0A
LONGEST = 1_048_576
# So much that is no message before one begins is no sender of messages.
LONGEST_NOISE = 65_536
_BLANKS = b"\r\n\x00 \t"
_RESTART = b"\x0bMSH"


class Fault(StrEnum):
    """What is wrong with a frame as such. Its body is what there was of it, at most the longest that is allowed."""

    EMBEDDED = "embedded"
    CUT_SHORT = "cut-short"
    TOO_LONG = "too-long"
    NOISE = "noise"


@dataclass(frozen=True, slots=True)
class Frame:
    body: bytes
    fault: Fault | None = None


@dataclass(slots=True)
class Framer:
    """Finds the frames of one connection, however the bytes are cut into pieces.

    A frame ends with FS CR. Also with FS alone where another begins, the connection ends, or nothing follows for a
    moment (`flush`): there are senders that leave the CR out. FS or VT elsewhere is content that nobody may send, and
    the frame is told of as such; only VT MSH begins a new one, and what stood before it was cut short. After TOO_LONG
    and NOISE nothing more is found: the connection is to be closed.
    """

    longest: int = LONGEST
    _buffer: bytearray = field(default_factory=bytearray)
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
        return self._inside and self._buffer.endswith(bytes([END]))

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that `data` completes, in their order."""
        self._buffer += data
        while not self._closed and (self._inside or self._begin()):
            found = self._next()
            if found is None:
                break
            if found.body.strip(_BLANKS) or found.fault is not Fault.CUT_SHORT:
                yield found
        if self._closed:
            self._buffer.clear()
        elif self._noise > LONGEST_NOISE:
            self._closed = True
            yield Frame(b"", Fault.NOISE)

    def flush(self) -> Frame | None:
        """What is left when nothing more comes: a whole frame when only its CR is missing, else one cut short."""
        if not self._inside:
            return None
        whole = self.ends_without_return
        body = bytes(self._buffer[:-1] if whole else self._buffer)
        self._leave(len(self._buffer))
        return _frame(body) if whole else Frame(body, Fault.CUT_SHORT)

    def _begin(self) -> bool:
        start = self._buffer.find(START)
        before = len(self._buffer) if start < 0 else start
        self._noise += len(self._buffer[:before].strip(_BLANKS))
        del self._buffer[: before if start < 0 else start + 1]
        self._inside, self._searched = start >= 0, 0
        return self._inside

    def _next(self) -> Frame | None:
        buffer = self._buffer
        while True:
            end = buffer.find(END, self._searched)
            again = _restart(buffer, self._searched, len(buffer) if end < 0 else end)
            if again is not None:
                return self._take(again, again, Fault.CUT_SHORT)
            if min(end if end >= 0 else len(buffer), len(buffer)) > self.longest:
                self._closed = True
                return Frame(bytes(buffer[: self.longest]), Fault.TOO_LONG)
            if end < 0:
                # VT M S H may be cut anywhere, so its beginning is looked at once more.
                self._searched = max(0, len(buffer) - 3)
                return None
            if end + 1 == len(buffer):
                self._searched = end
                return None
            if buffer[end + 1] in (RETURN, FEED):
                return self._take(end, end + 2)
            if buffer[end + 1] == START:
                return self._take(end, end + 1)
            self._searched = end + 1

    def _take(self, length: int, used: int, fault: Fault | None = None) -> Frame:
        body = bytes(self._buffer[:length])
        self._leave(used)
        return Frame(body, fault) if fault else _frame(body)

    def _leave(self, used: int) -> None:
        del self._buffer[:used]
        self._inside, self._searched, self._noise = False, 0, 0


def framed(body: bytes) -> bytes:
    """A message as it goes over the wire."""
    return bytes([START]) + body + bytes([END, RETURN])


def _frame(body: bytes) -> Frame:
    embedded = START in body or END in body
    return Frame(body, Fault.EMBEDDED if embedded else None)


def _restart(buffer: bytearray, begin: int, end: int) -> int | None:
    found = buffer.find(_RESTART, begin, end)
    return None if found < 0 else found
