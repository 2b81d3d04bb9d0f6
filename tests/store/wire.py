"""A wire to a PostgreSQL that can stop carrying, as a frozen server or a network that drops everything does."""

import contextlib
import socket
import threading
from collections.abc import Iterator

from sqlalchemy import URL


class Wire:
    """Forwards connections on loopback to a server. What it holds back arrives when it carries again."""

    def __init__(self, server: URL) -> None:
        self._server = server
        self._asks, self._answers = threading.Event(), threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.carry()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        (host, port) = self._listener.getsockname()
        without = self._server.difference_update_query(["host", "port"])
        return without.set(host=host, port=port).render_as_string(hide_password=False)

    def stop(self) -> None:
        self._asks.clear()
        self.stop_answers()

    def stop_answers(self) -> None:
        self._answers.clear()

    def carry(self) -> None:
        self._asks.set()
        self._answers.set()

    def close(self) -> None:
        self.carry()
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                client, _ = self._listener.accept()
                server = self._connect()
                for ends in ((client, server, self._asks), (server, client, self._answers)):
                    threading.Thread(target=self._forward, args=ends, daemon=True).start()

    def _connect(self) -> socket.socket:
        folder, port = self._server.query.get("host"), self._server.port or 5432
        if folder is None:
            return socket.create_connection((str(self._server.host), port))
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{folder}/.s.PGSQL.{port}")
        return server

    def _forward(self, source: socket.socket, target: socket.socket, carries: threading.Event) -> None:
        with contextlib.suppress(OSError):  # the other end is gone
            while data := source.recv(65_536):
                carries.wait()
                target.sendall(data)
        carries.wait()
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        target.close()


@contextlib.contextmanager
def wire_to(server: URL) -> Iterator[Wire]:
    wire = Wire(server)
    try:
        yield wire
    finally:
        wire.close()
