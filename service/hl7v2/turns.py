"""One message at a time on a connection: whose turn it is, the most urgent first."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count

from service.delivery.channel import GaveWay


@dataclass(slots=True)
class Turns:
    """A lower rank goes first; of equal ones, whoever came first."""

    _taken: bool = False
    _waiting: list[tuple[int, int, asyncio.Future[None]]] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=count)

    def send_away(self, behind: int) -> None:
        """Whoever waits with a less urgent rank than this one does not get a turn, and is told by GaveWay."""
        for rank, _, waiting in self._waiting:
            if rank > behind and not waiting.done():
                waiting.set_exception(GaveWay())

    @asynccontextmanager
    async def turn(self, rank: int, at_most: float) -> AsyncIterator[None]:
        """The block has its turn. Raises TimeoutError when it did not come within `at_most` seconds, and GaveWay."""
        async with asyncio.timeout(at_most):
            await self._take(rank)
        try:
            yield
        finally:
            self._pass_on()

    async def _take(self, rank: int) -> None:
        if not self._taken:
            self._taken = True
            return
        mine = asyncio.get_running_loop().create_future()
        heappush(self._waiting, (rank, next(self._numbers), mine))
        try:
            await mine
        except asyncio.CancelledError:
            if not mine.cancelled() and mine.exception() is None:
                self._pass_on()  # the turn came in the moment in which it was given up
            raise

    def _pass_on(self) -> None:
        while self._waiting:
            *_, first = heappop(self._waiting)
            if not first.done():
                first.set_result(None)
                return
        self._taken = False
