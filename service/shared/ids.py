"""Ids are UUID version 7 (RFC 9562, section 5.7): they sort by the time they were made, so new rows land side by
side."""

import os
import time
from collections.abc import Callable

IdMaker = Callable[[], str]


def new_id() -> str:
    """A fresh UUIDv7 in its usual text form, 36 characters."""
    milliseconds = time.time_ns() // 1_000_000
    value = int.from_bytes(milliseconds.to_bytes(6, "big") + os.urandom(10), "big")
    value = value & ~(0xF << 76) | (0x7 << 76)
    value = value & ~(0x3 << 62) | (0x2 << 62)
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
