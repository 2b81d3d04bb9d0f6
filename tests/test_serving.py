"""How long a connection may take over one request, over real sockets."""

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest
import uvicorn
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from service import serving
from service.serving import Punctual

LIMIT = 0.3
HEADERS = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"


class Application:
    """Reads a body that it is sent to `/`, answers `/early` before it has come, and is `/slow` when it has."""

    def __init__(self) -> None:
        self.gone = threading.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        try:
            if scope["path"] != "/early":
                await request.body()
        except ClientDisconnect:
            self.gone.set()
            return
        if scope["path"] == "/slow":
            await asyncio.sleep(2 * LIMIT)
        await Response(b"answered")(scope, receive, send)


@pytest.fixture
def application() -> Application:
    return Application()


@pytest.fixture
def client(application: Application, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A connection to a server that gives a request a moment alone."""
    monkeypatch.setattr(serving, "REQUEST_SECONDS", LIMIT)
    server = uvicorn.Server(
        uvicorn.Config(application, http=Punctual, lifespan="off", log_level="critical", timeout_keep_alive=60)
    )
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        with socket.create_connection(listening.getsockname(), timeout=20) as connected:
            yield connected
        server.should_exit = True
        thread.join(20)


def heard(client: socket.socket) -> bytes:
    """All that comes until the server ends the connection."""
    return b"".join(iter(lambda: client.recv(65536), b""))


@pytest.mark.parametrize("sent", [b"", b"POST / HT", HEADERS], ids=["nothing", "half a line", "half its headers"])
def test_a_connection_on_which_no_request_comes_whole_is_ended(client: socket.socket, sent: bytes) -> None:
    client.sendall(sent)
    assert heard(client) == b""


def test_a_body_that_does_not_come_is_as_good_as_a_client_that_went_away(
    client: socket.socket, application: Application
) -> None:
    client.sendall(HEADERS + b"\r\nhalf")
    assert heard(client) == b""
    assert application.gone.wait(20)


def test_what_was_answered_early_may_not_be_sent_on_for_ever(client: socket.socket) -> None:
    client.sendall(HEADERS.replace(b"/", b"/early", 1) + b"\r\nhalf")
    assert heard(client).endswith(b"answered")


def test_a_request_that_came_whole_is_answered_however_long_that_takes(client: socket.socket) -> None:
    client.sendall(HEADERS.replace(b"/", b"/slow", 1) + b"Connection: close\r\n\r\nwhole")
    assert heard(client).endswith(b"answered")


def test_each_request_on_a_connection_has_the_time_anew(client: socket.socket) -> None:
    client.sendall(HEADERS.replace(b"/", b"/slow", 1) + b"\r\nwhole")
    while not client.recv(65536).endswith(b"answered"):
        pass
    client.sendall(HEADERS + b"Connection: close\r\n\r\nwhole")
    assert heard(client).endswith(b"answered")
