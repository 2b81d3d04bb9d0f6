"""How many statements one request costs, counted in this process on the application as it is served."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
from sqlalchemy import Connection, Engine, event

from benchmarks.cases import Case, Message, Request
from benchmarks.world import World
from service.hl7v2.door import Door
from service.hl7v2.frame import Frame
from service.parts import prepare
from service.wiring import build_application, build_message_door

USED = 2


@dataclass(slots=True)
class Counted:
    """In order. BEGIN, COMMIT and the stamp of the commit go to the driver directly and are not in it."""

    statements: list[str] = field(default_factory=list)


def count(world: World, cases: tuple[Case, ...]) -> dict[str, int]:
    """Statements of one request of each case, by its name. Sends the first USED requests of each.

    Raises httpx.HTTPStatusError or ValueError when one is refused.
    """
    return asyncio.run(_count(world, cases))


async def _count(world: World, cases: tuple[Case, ...]) -> dict[str, int]:
    parts = prepare(world.settings)
    door, transport = build_message_door(parts), httpx.ASGITransport(build_application(parts))
    found: dict[str, int] = {}
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            for case in cases:
                # The first also looks up the token, which is then remembered for a second.
                first, second = case.some(world, USED)
                await _send(client, door, first)
                with counting() as counted:
                    await _send(client, door, second)
                found[case.name] = len(counted.statements)
    finally:
        await parts.close()
    return found


async def _send(client: httpx.AsyncClient, door: Door, request: Request | Message) -> None:
    if isinstance(request, Message):
        (acknowledged,) = await door.answer(Frame(request.body), None)
        if b"\rMSA|AA|" not in acknowledged or b"\rERR" in acknowledged:
            raise ValueError("A message was not used as a whole.")
        return
    answer = await client.request(request.method, request.target, content=request.body, headers=request.headers)
    answer.raise_for_status()


@contextmanager
def counting() -> Iterator[Counted]:
    """Counts the statements that SQLAlchemy executes anywhere in this process, an executemany as one."""
    counted = Counted()

    def note(_: Connection, __: object, statement: str, *___: object) -> None:
        counted.statements.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield counted
    finally:
        event.remove(Engine, "before_cursor_execute", note)
