"""What can be made out of a body that is no message: enough to tell whether somebody has to look at it today."""

import re
from collections.abc import Iterable, Iterator

from service.flow.keep_unreadable import Recognised
from service.flow.rules import LEAST_TELLING, Rules
from service.hl7v2.dialect import Dialect
from service.hl7v2.read.recognise import recognise
from service.hl7v2.segments import ASSUMED, Delimiters, Message, Segment, header_of, read

_LINES = re.compile(rb"\r\n|\r|\n")
_NOT_TEXT = re.compile(rb"[\x01-\x08\x0b-\x1f]")
_BYTE_ORDER_MARKS = b"\xef\xbb\xbf\xff\xfe"
_WIDE = re.compile(rb"(?P<big>\xfe\xff|\0)|\xff\xfe|[^\0]\0", re.DOTALL)
# The characters of a code, of a number and of a delimiter are the same in every set that this reads by its bytes.
_CHARACTER_SET, _BY_BYTES = 18, "8859/1"
_USUAL_HEADER = Segment("MSH", 1, Delimiters(), ASSUMED, ("MSH", "|", "^~\\&"))
_HEADERS = (b"MSH", b"BHS", b"FHS")
_HOLD_RESULTS = ("ORU", "MDM", "REF")
# MSH-11 of training and of debugging (table 0103).
_TESTS = frozenset("TD")


def salvaged(body: bytes) -> Message:
    """All lines of it that are segments, whatever stands in their texts, as one message. A line that is none has the
    fields that follow in the one before it, where a line break has cut that: the rest of the text is left out.

    The first header that can be read is its header; without one the usual delimiters are assumed. Headers behind it,
    and those of a batch or a file, are left out.
    """
    lines = _lines(body)
    header = next(_headers(lines), _USUAL_HEADER)
    mark = header.delimiters.field
    between = re.escape(mark.encode())
    segment = re.compile(rb"(?!MSH)[A-Z][A-Z0-9]{2}(" + between + rb"|$)")
    # A name of a segment that is miswritten is no rest of a text.
    rest = re.compile(rb"(?!\w{1,3}" + between + rb"|MSH).*?(" + between + rb".*)")
    fields = [header.raw(number) for number in range(2, _CHARACTER_SET)]
    first = mark.join(["MSH", *fields, _BY_BYTES]).encode("latin-1")
    kept = [first]
    for line in lines:
        if segment.match(line):
            kept += (b"\r", line)
        elif (cut := rest.match(line)) and len(kept) > 1:
            kept.append(cut[1])
    return read(b"".join(kept))


def headers_in(body: bytes) -> list[Segment]:
    """Every header in it, also of a batch or a file: its third and fourth field name a sender too."""
    return list(_headers(_lines(body), _HEADERS))


def without_headers(body: bytes) -> bytes:
    """What it says, under whatever number and time it is sent."""
    return b"\r".join(line for line in _lines(body) if not line.startswith(_HEADERS)) or body


def _headers(lines: Iterable[bytes], names: tuple[bytes, ...] = (b"MSH",)) -> Iterator[Segment]:
    found = (_header(line) for line in lines if line[:3].upper() in names)
    return filter(None, found)


def _header(line: bytes) -> Segment | None:
    """By the usual delimiters where its own cannot be used."""
    mark = line[3:4] or b"|"
    usual = mark + b"^~\\&" + mark + line[4:].partition(mark)[2]
    return header_of(b"MSH" + line[3:]) or header_of(b"MSH" + usual)


def salvage(body: bytes, dialect: Dialect, rules: Rules) -> Recognised:
    """What it may be about: by its segments, else by a code of a known instrument that stands anywhere in it."""
    seen = recognise(salvaged(body), dialect, rules)
    if seen is not Recognised.NOTHING:
        return seen
    text = _by_bytes(body)
    known = any(code.encode() in text for code in _codes(dialect, rules) if len(code) >= LEAST_TELLING)
    return Recognised.AN_INSTRUMENT if known else Recognised.NOTHING


def is_test(body: bytes) -> bool:
    """Whether each message in it says so of itself."""
    said = {each.text(11).upper() for each in _headers(_lines(body))}
    return bool(said) and said <= _TESTS


def tells_of_results(body: bytes) -> bool:
    """Whether it is of a type that holds results, as far as its first header says."""
    return salvaged(body).header.text(9).upper() in _HOLD_RESULTS


def tells_of_one(body: bytes) -> bool:
    """Whether it names one patient, as far as can be told: the name of another may stand in a line that is no segment,
    and all that follows there is that one's."""
    return _by_bytes(body).count(b"PID") == 1


def _lines(body: bytes) -> list[bytes]:
    return [_NOT_TEXT.sub(b" ", line).strip() for line in _LINES.split(_by_bytes(body))]


def _by_bytes(body: bytes) -> bytes:
    """With one byte for each character that a code is written in; UTF-32 is UTF-16 with NUL between."""
    if wide := _WIDE.match(body):
        body = body.decode("utf-16-be" if wide["big"] else "utf-16-le", "replace").encode()
    return body.lstrip(_BYTE_ORDER_MARKS).replace(b"\0", b"")


def _codes(dialect: Dialect, rules: Rules) -> set[str]:
    """Those that anybody knows, and the site's own for its orders and what stands in them."""
    local = {code for order, uses in dialect.forms.items() for code in (order, *uses)}
    return {each.code for each in rules.by_code} | local | set(dialect.panels)
