"""Ids are UUID version 7 (RFC 9562, section 5.7): they sort by the time they were made, so new rows land side by side.

Within a millisecond they sort by its 4,096th part (section 6.2, method 3), so that what one unit makes stays in order.
"""

import os
import random
import re
import time
from collections.abc import Callable

IdMaker = Callable[[], str]
UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

# An id names and never proves anything, so it need not be hard to guess; asking the system each time would cost more
# than all the rest and hand the interpreter to another thread in the middle of a unit.
_random = random.Random(os.urandom(32))  # noqa: S311


def new_id() -> str:
    """A fresh UUIDv7 in its usual text form, 36 characters."""
    milliseconds, nanoseconds = divmod(time.time_ns(), 1_000_000)
    part = nanoseconds * 4_096 // 1_000_000
    value = milliseconds << 80 | 0x7 << 76 | part << 64 | 0x2 << 62 | _random.getrandbits(62)
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
