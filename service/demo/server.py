"""A small web server of the demonstration's own process: on loopback, in a thread, for as long as a block lasts."""

import socket
import threading
from types import TracebackType
from typing import Self

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


def loopback(port: int = 0) -> tuple[socket.socket, str]:
    """A port of this machine that is ours from now on, and its origin; port 0 takes a free one."""
    listening = socket.create_server(("127.0.0.1", port))
    return listening, f"http://127.0.0.1:{listening.getsockname()[1]}"


class LoopbackServer:
    """`with LoopbackServer(listening, application):` serves until the block ends."""

    def __init__(self, listening: socket.socket, application: Starlette) -> None:
        self._listening = listening
        self._server = uvicorn.Server(
            uvicorn.Config(
                application, http=_Protocol, lifespan="off", log_level="critical", timeout_graceful_shutdown=1
            )
        )
        self._thread = threading.Thread(target=self.serve, daemon=True)

    def serve(self) -> None:
        """Serve in this thread until told to stop; on the main thread SIGTERM and SIGINT tell it."""
        self._server.run(sockets=[self._listening])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=10)


class _Protocol(HttpToolsProtocol):
    """Lets an endpoint reach the connection it answers on, so that a fault can cut it."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["state"]["connection"] = self.transport
