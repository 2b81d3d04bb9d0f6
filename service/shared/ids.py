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
    # 0x1 and 15 digits: the milliseconds in 48 bits and their part in 12; then 0x and 16: the variant and the chance.
    ticks = hex(1 << 60 | time.time_ns() * 4_096 // 1_000_000)
    chance = hex(0x2 << 62 | _random.getrandbits(62))
    return f"{ticks[3:11]}-{ticks[11:15]}-7{ticks[15:]}-{chance[2:6]}-{chance[6:]}"
