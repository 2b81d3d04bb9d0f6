"""What can be made out of a body that is no message: enough to tell whether somebody has to look at it today."""

import re

from service.flow.keep_unreadable import Recognised
from service.flow.rules import Rules
from service.hl7v2.segments import Message, NotReadable, header_of, read

_LINES = re.compile(rb"\r\n|\r|\n")
_NOT_TEXT = re.compile(rb"[\x00-\x08\x0b-\x1f]")
# The characters of a code, of a number and of a delimiter are the same in every set that this reads by its bytes.
_CHARACTER_SET, _BY_BYTES = 18, "8859/1"


def salvaged(body: bytes) -> Message | None:
    """The lines of it that are segments, whatever stands in their texts; None when it does not even begin as one."""
    header = header_of(body)
    if header is None:
        return None
    mark = re.escape(header.delimiters.field.encode())
    segment = re.compile(rb"[A-Z][A-Z0-9]{2}(" + mark + rb"|$)")
    fields = [header.raw(number) for number in range(2, _CHARACTER_SET)]
    first = header.delimiters.field.join(["MSH", *fields, _BY_BYTES]).encode("latin-1", errors="replace")
    _, *others = _LINES.split(body.lstrip(b"\xef\xbb\xbf\r\n \t"))
    lines = [_NOT_TEXT.sub(b" ", line) for line in others]
    try:
        return read(b"\r".join([_NOT_TEXT.sub(b" ", first), *(line for line in lines if segment.match(line))]))
    except NotReadable:
        return None


def text_recognised(body: bytes, rules: Rules) -> Recognised:
    """Whether a code of a known instrument stands anywhere in it."""
    known = any(code.code.encode() in body for code in rules.by_code if len(code.code) > 3)
    return Recognised.AN_INSTRUMENT if known else Recognised.NOTHING
