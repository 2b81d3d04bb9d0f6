"""Work that takes its time stands aside, so that nobody else waits for it."""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

Given = ParamSpec("Given")
Made = TypeVar("Made")
LONG = 64 * 1024


async def aside(body: bytes, work: Callable[Given, Made], *given: Given.args, **named: Given.kwargs) -> Made:
    """What `work` makes of a body: by a thread of its own from 64 KiB on, for each of them may take seconds."""
    if len(body) < LONG:
        return work(*given, **named)
    return await asyncio.to_thread(work, *given, **named)
