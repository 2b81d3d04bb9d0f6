"""Fields as they stand in a message (HL7 v2.6, chapters 2 and 2A), with the usual delimiters."""

import re
import textwrap
from collections.abc import Sequence
from datetime import datetime, tzinfo

from service.hl7v2.segments import escaped
from service.hl7v2.write.outbound import Coded

# Of the widths that records show a line in, the narrowest that is usual.
LINE_WIDTH = 80
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def text(value: str) -> str:
    """One line: a value in which nothing can be taken for a delimiter, or for the end of a segment."""
    return escaped(_CONTROLS.sub(" ", value)).strip()


def components(*values: str) -> str:
    """Those that are empty at the end are left out."""
    return "^".join(map(text, values)).rstrip("^")


def coded(code: Coded) -> str:
    return components(*code)


def time(moment: datetime, zone: tzinfo) -> str:
    """As a clock shows it there, with the offset: what does not heed an offset is right all the same."""
    return f"{moment.astimezone(zone):%Y%m%d%H%M%S%z}"


def lines(words: str) -> Sequence[str]:
    """A text in lines that every record can show, each for an OBX of its own; its own line ends stay. A word is broken
    where it is longer than a line, as whole sentences are in writing that has no spaces."""
    parts = (" ".join(part.split()) for part in re.split(r"[\r\n]+", words))
    return tuple(line for part in parts for line in textwrap.wrap(part, LINE_WIDTH, break_on_hyphens=False))
