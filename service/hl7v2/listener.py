"""Listening for HL7 v2 over MLLP: who may connect, and who is asking when a message comes."""

import asyncio
import socket
import ssl
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any, Literal, Protocol

from service.hl7v2.connection import Connection, Limits, Refused, tell_fault
from service.hl7v2.frame import Frame
from service.security.certificates import Context
from service.shared import telemetry
from service.shared.caller import Caller


class Door(Protocol):
    async def answer(self, frame: Frame, caller: Caller | None, /) -> Sequence[bytes]:
        """The acknowledgements in their order, without their framing; none when the sender asked for none.

        `caller` is whom the connection's certificate names; None where it shows none. Raises NotKept when the sender is
        told that nothing was kept, Unavailable when it is to be left without an answer.
        """


class Senders(Protocol):
    async def caller(self, by: Literal["certificate"], name: str, /) -> Caller | None:
        """Whom the certificate of this name, its SHA-256 in hexadecimal, stands for now. Raises Unavailable."""


class Refusals(Protocol):
    async def write(self, reason: str, address: str, /) -> None:
        """Keep in the audit that somebody at this address was not let in. Never raises."""


class Listener:
    """Serves MLLP on one socket, on the running event loop. With `tls` every connection is encrypted by what it gives
    then, and where that asks for a certificate, the certificate names the sender.
    """

    def __init__(
        self,
        door: Door,
        senders: Senders,
        refusals: Refusals,
        limits: Limits | None = None,
        tls: Context | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self._door, self._senders, self._refusals, self._tls = door, senders, refusals, tls
        self._arriving: set[Connection] = set()
        self._connections: set[Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def encrypted(self) -> bool:
        return self._tls is not None

    def start(self, at: socket.socket) -> None:
        """Take connections at a socket that is bound and listening. It is closed when this drains."""
        at.setblocking(False)
        self._begin(self._accept(at))
        self._begin(self._watch())

    async def drain(self, patience: float) -> None:
        """Take no more connections, answer what was received whole, and close; what takes longer is cut off."""
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
        self._arriving.discard(connection)
        self._connections.add(connection)
        self._empty.clear()
        telemetry.MLLP_CONNECTIONS.set(len(self._connections))

    async def answer(self, frame: Frame, connection: Connection) -> Sequence[bytes]:
        if connection.certificate is None:
            return await self._door.answer(frame, None)
        # Asked for each message, so that a client that was revoked is not heard on a connection it still has.
        caller = await self._senders.caller("certificate", connection.certificate)
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

    async def _accept(self, at: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with at:
            while True:
                try:
                    accepted, peer = await loop.sock_accept(at)
                except OSError as problem:
                    # No file is left to open, or whoever knocked has left. Those who are here need the time more.
                    telemetry.tell_defect("mllp-not-accepted", problem)
                    await asyncio.sleep(1)
                    continue
                connection = Connection(self, str(peer[0]))
                if (full := self._full_for(connection.address)) is None:
                    self._arriving.add(connection)
                    self._begin(self._welcome(connection, accepted))
                else:
                    accepted.close()
                    tell_fault(full, connection.address)

    def _full_for(self, address: str) -> str | None:
        """Why there is no place for one more from there, None where there is."""
        present = self._arriving | self._connections
        if sum(each.address == address for each in present) >= self.limits.of_one_address:
            return None if self._makes_room(address) else "too-many-of-one-address"
        if len(present) >= self.limits.connections:
            return None if self._makes_room() else "too-many-connections"
        return None

    def _makes_room(self, address: str | None = None) -> bool:
        """Whether one, from there, that has been idle for longer than a message may take has given way, so that a
        sender that opens connections and uses none shuts nobody out. An engine that still wants it connects again."""
        now = asyncio.get_running_loop().time()
        crowd = (each for each in self._connections if address in (None, each.address))
        longest = max(crowd, key=lambda each: each.idle(now), default=None)
        if longest is None or longest.idle(now) < self.limits.message_seconds:
            return False
        longest.refuse("gave-way")
        return True

    async def _welcome(self, connection: Connection, accepted: socket.socket) -> None:
        tls = None if self._tls is None else self._tls()
        patience = None if tls is None else self.limits.handshake_seconds
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: connection, accepted, ssl=tls, ssl_handshake_timeout=patience
            )
        except ssl.SSLError:
            tell_fault("handshake-refused", connection.address)
            await self._refusals.write("handshake-refused", connection.address)
        except OSError:
            # Who only looks whether somebody listens here leaves before it ends, and is no case for the audit.
            tell_fault("handshake-not-ended", connection.address)
        finally:
            self._arriving.discard(connection)

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
