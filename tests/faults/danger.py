"""A service that is killed at chosen moments of a story, and clients that repeat whatever was not answered."""

import asyncio
import itertools
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import partial

import httpx

from service.demo.client import CallFailed, Exchange, Identity, SmartClient
from service.demo.hospital import Received
from service.demo.record import Resource
from service.demo.record_stage import SERVICE_CLIENT_ID
from tests.journeys.support import ServiceProcess

PATIENCE = 60.0
NEVER = itertools.repeat(False)
Struck = Callable[[str], bool]


def spared(_: str) -> bool:
    return False


class Danger(deque[Received]):
    """Kills the service, as the record's journal and as what the clients ask at each of their moments.

    `calls` says for one moment after the other whether it is struck: before and after each call to the service that
    changes something. `deliveries` says it, by the method, of each time that the service writes into the record.
    """

    def __init__(self, service: ServiceProcess) -> None:
        super().__init__(maxlen=10_000)
        self.kills = 0
        self._service, self._starting = service, threading.Lock()
        self.lies_in()

    def lies_in(self, calls: Iterator[bool] = NEVER, deliveries: Struck = spared) -> None:
        """Of what is not named there is none any more."""
        self._calls, self._deliveries = calls, deliveries

    def meets_a_call(self) -> bool:
        """Whether the service was killed now; it was ready before, so that the moment is this one."""
        if not next(self._calls):
            return False
        with self._starting:
            self._service.wait_until_ready()
            self._kill()
        return True

    def append(self, heard: Received) -> None:
        """The record has kept it and has not answered yet: whoever sent it never hears that it arrived."""
        super().append(heard)
        written = heard.client_id == SERVICE_CLIENT_ID and heard.method in ("POST", "PUT") and heard.body is not None
        # A call from a service that somebody is just killing is none to kill it by.
        if written and self._starting.acquire(blocking=False):
            if self._deliveries(heard.method):
                self._kill()
            self._starting.release()

    def _kill(self) -> None:
        self._service.kill()
        self._service.start(ready=False)
        self.kills += 1


class CarefulClient(SmartClient):
    """As a hospital's queue or a programme's system does it: what got no answer is sent again as it was, and a refusal
    of the repeat is looked into, for the first may have been heard."""

    def __init__(self, base: str, identity: Identity, http: httpx.AsyncClient, danger: Danger) -> None:
        super().__init__(base, identity, http)
        self._danger = danger

    async def token(self) -> Exchange:
        granted, _ = await _until_answered(super().token)  # each time with an assertion of its own
        return granted

    async def request(
        self, method: str, path: str, body: Resource | None = None, headers: Mapping[str, str] | None = None
    ) -> Exchange:
        ask = partial(super().request, method, path, body, headers)
        if method == "GET":
            return (await _until_answered(ask))[0]
        self._danger.meets_a_call()
        answer, repeated = await _until_answered(ask)
        if self._danger.meets_a_call():
            answer, repeated = (await _until_answered(ask))[0], True  # the first answer never arrived
        if repeated and answer.status == httpx.codes.PRECONDITION_FAILED and body is not None:
            found = await self.request("GET", path)
            return found if found.body.get("status") == body["status"] else answer
        return answer


async def _until_answered(ask: Callable[[], Awaitable[Exchange]]) -> tuple[Exchange, bool]:
    """The answer, and whether it was asked for more than once. Raises CallFailed."""
    until = time.monotonic() + PATIENCE
    for attempt in itertools.count():
        try:
            answer = await ask()
        except CallFailed as failure:
            if not isinstance(failure.__cause__, httpx.HTTPError) or time.monotonic() > until:
                raise
        else:
            if answer.status != httpx.codes.SERVICE_UNAVAILABLE or time.monotonic() > until:
                return answer, attempt > 0
        await asyncio.sleep(0.05)
    raise AssertionError
