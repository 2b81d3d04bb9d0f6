"""A service that is killed at chosen moments of a story, and clients that repeat whatever was not answered."""

import asyncio
import itertools
import random
import ssl
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial

import httpx

from service.demo.client import CallFailed, Exchange, Identity, SmartClient
from service.demo.engine import Heard
from service.demo.hospital import Received
from service.demo.mllp import Acknowledged, Sender
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
        self._service, self._starting, self._chosen = service, threading.Lock(), random.Random(11)
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

    def meets_a_message(self) -> bool:
        """The same of one that is under way on a connection, up to some hundredths of a second after it was sent."""
        if not next(self._calls):
            return False
        with self._starting:
            time.sleep(self._chosen.uniform(0, 0.03))
            self._kill()
        return True

    def meets_a_delivery(self, method: str) -> None:
        """The receiver has kept it and has not answered yet: whoever sent it never hears that it arrived."""
        # What comes from a service that somebody is just killing is nothing to kill it by.
        if self._starting.acquire(blocking=False):
            if self._deliveries(method):
                self._kill()
            self._starting.release()

    def append(self, heard: Received) -> None:
        super().append(heard)
        if heard.client_id == SERVICE_CLIENT_ID and heard.method in ("POST", "PUT") and heard.body is not None:
            self.meets_a_delivery(heard.method)

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


class Heeded(list[Heard]):
    """What an engine has heard, each message of which is a moment of the danger."""

    def __init__(self, danger: Danger) -> None:
        super().__init__()
        self._danger = danger

    def append(self, heard: Heard) -> None:
        super().append(heard)
        self._danger.meets_a_delivery(heard.message.type)


class CarefulSender(Sender):
    """As an interface engine does it: what got no answer is sent again as it was, on a new connection. In danger is it
    before each message, while it is under way, and when the answer has come, which is then heard by nobody."""

    def __init__(self, port: int, tls: ssl.SSLContext, danger: Danger) -> None:
        super().__init__(port, tls)
        self._danger, self._under_way = danger, False
        self.repeats = 0

    async def send(self, message: bytes) -> Acknowledged:
        self._danger.meets_a_call()
        self._under_way = True
        answered = await self._until_answered(message)
        if not self._danger.meets_a_call():
            return answered
        await self.aclose()
        self.repeats += 1
        again = await self._until_answered(message)
        assert again.call.received.body == answered.call.received.body
        return again

    async def _until_answered(self, message: bytes) -> Acknowledged:
        until = time.monotonic() + PATIENCE
        while True:
            try:
                return await super().send(message)
            except CallFailed:
                if time.monotonic() > until:
                    raise
            self.repeats += 1
            await self.aclose()
            await asyncio.sleep(0.05)

    async def _answer(self, reader: asyncio.StreamReader) -> bytes:
        first, self._under_way = self._under_way, False
        if first and self._danger.meets_a_message():
            raise ConnectionResetError
        return await super()._answer(reader)


class CarefulBrowser(httpx.AsyncHTTPTransport):
    """As a clinician does it whose page does not come: once more, until it says that it was answered."""

    def __init__(self, danger: Danger) -> None:
        super().__init__()
        self._danger = danger

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._danger.meets_a_call()
        until = time.monotonic() + PATIENCE
        for attempt in itertools.count():
            with suppress(httpx.TransportError):
                answer = await super().handle_async_request(request)
                if answer.status_code == httpx.codes.GONE and attempt:
                    return httpx.Response(httpx.codes.OK, request=request)
                if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                    return answer
            assert time.monotonic() < until
            await asyncio.sleep(0.05)
        raise AssertionError


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
