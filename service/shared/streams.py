"""Reading what somebody else decides the length of."""

from collections.abc import AsyncIterable


async def read_at_most(chunks: AsyncIterable[bytes], limit: int) -> bytes | None:
    """All of it in one piece; None as soon as it is longer than `limit` bytes, and no more is read then."""
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > limit:
            return None
    return bytes(body)
