"""Listening for HL7 v2 over MLLP: who may connect, and who is asking when a message comes."""

import asyncio
import socket
import ssl
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any, Protocol

from service.hl7v2.connection import Connection, Limits, Refused
from service.hl7v2.frame import Frame
from service.security.senders import fingerprint
from service.shared import telemetry
from service.shared.caller import Caller

BACKLOG = 2048


class Door(Protocol):
    async def answer(self, frame: Frame, caller: Caller | None, /) -> Sequence[bytes]:
        """The acknowledgements in their order, without their framing; none when the sender asked for none.

        `caller` is whom the connection's certificate names; None where it shows none. Raises Unavailable when the
        sender is to be left without an answer.
        """


class Senders(Protocol):
    async def caller(self, *, certificate: str | None = None) -> Caller | None:
        """Whom this certificate, named by its SHA-256 in hexadecimal, stands for now. Raises Unavailable."""


class Refusals(Protocol):
    async def write(self, reason: str, address: str, /) -> None:
        """Keep in the audit that somebody at this address was not let in. Never raises."""


class Listener:
    """Serves MLLP on one socket, on the running event loop. With `tls` every connection is encrypted, and where that
    asks for a certificate, the certificate names the sender.
    """

    def __init__(
        self,
        door: Door,
        senders: Senders,
        refusals: Refusals,
        limits: Limits | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self._door, self._senders, self._refusals, self._tls = door, senders, refusals, tls
        self._connections: set[Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._empty = asyncio.Event()
        self._empty.set()

    async def start(self, at: socket.socket) -> None:
        """Take connections at a socket that is bound and listening."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self), sock=at, backlog=BACKLOG)
        self._begin(self._watch())

    async def drain(self, patience: float) -> None:
        """Take no more connections, answer what was received whole, and close; what takes longer is cut off."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        for task in self._tasks:
            task.cancel()
        for connection in list(self._connections):
            connection.drain()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._empty.wait(), patience)
        for connection in list(self._connections):
            connection.transport.abort()

    # What a connection asks

    def arrived(self, connection: Connection) -> None:
        if self._server is None or len(self._connections) >= self.limits.connections:
            connection.refuse("too-many-connections")
            return
        self._connections.add(connection)
        self._empty.clear()
        telemetry.MLLP_CONNECTIONS.set(len(self._connections))
        if self._tls is None:
            connection.admit(connection.transport, None)
        else:
            self._begin(self._secure(connection, self._tls))

    async def answer(self, frame: Frame, connection: Connection) -> Sequence[bytes]:
        if connection.certificate is None:
            return await self._door.answer(frame, None)
        # Asked for each message, so that a client that was revoked is not heard on a connection it still has.
        caller = await self._senders.caller(certificate=connection.certificate)
        if caller is None:
            await self._refusals.write("certificate-unknown", connection.address)
            raise Refused("certificate-unknown")
        return await self._door.answer(frame, caller)

    def left(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if not self._connections:
            self._empty.set()
        telemetry.MLLP_CONNECTIONS.set(len(self._connections))

    # What it does beside them

    async def _secure(self, connection: Connection, tls: ssl.SSLContext) -> None:
        plain = connection.transport
        try:
            secured = await asyncio.get_running_loop().start_tls(
                plain, connection, tls, server_side=True, ssl_handshake_timeout=self.limits.handshake_seconds
            )
        except OSError as problem:
            # Who only looks whether somebody listens here leaves before it ends, and is no case for the audit.
            refused = isinstance(problem, ssl.SSLError)
            connection.refuse("handshake-refused" if refused else "handshake-not-ended")
            self.left(connection)
            if refused:
                await self._refusals.write("handshake-refused", connection.address)
            return
        if secured is None:
            self.left(connection)
            return
        shown = secured.get_extra_info("ssl_object").getpeercert(binary_form=True)
        connection.admit(secured, fingerprint(shown) if shown else None)

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        pause = min(self.limits.return_seconds, self.limits.message_seconds, self.limits.idle_seconds) / 4
        while True:
            await asyncio.sleep(pause)
            for connection in list(self._connections):
                connection.look(loop.time())

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
