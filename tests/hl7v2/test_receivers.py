"""What we send, taken by other programs: hl7apy's server, which closes after each message, and that of hl7."""

import asyncio
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import hl7.mllp
import pytest
from hl7apy.mllp import AbstractHandler, MLLPServer
from hl7apy.parser import parse_message

from tests.hl7v2.sending import NewSender, V2Sender

Heard = list[str]
"""MSH-9 and OBX-5 of its first observation, of each message in turn."""


class Handler(AbstractHandler):  # type: ignore[misc]  # hl7apy has no types
    def __init__(self, message: str, heard: Heard, codes: list[str]) -> None:
        super().__init__(message)
        self.heard, self.codes = heard, codes

    def reply(self) -> str:
        message = parse_message(self.incoming_message)
        type, control = message.msh.msh_9.value, message.msh.msh_10.value
        self.heard.append(type)
        code = self.codes.pop(0) if self.codes else "AA"
        return f"\x0bMSH|^~\\&|H||||20261103||ACK^R01^ACK|1|P|2.6\rMSA|{code}|{control}\r\x1c\r"


@contextmanager
def by_hl7apy(heard: Heard, *codes: str) -> Iterator[str]:
    left = list(codes)
    handlers = dict.fromkeys(("ORU^R01^ORU_R01", "MDM^T02^MDM_T02"), (Handler, heard, left))
    with MLLPServer("127.0.0.1", 0, handlers) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"mllp://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@contextmanager
def by_hl7(heard: Heard, *codes: str) -> Iterator[str]:
    left, ports, stop = list(codes), queue.Queue[int](), threading.Event()

    async def attend(reader: Any, writer: Any) -> None:
        try:
            while not stop.is_set():
                message = await reader.readmessage()
                heard.append(str(message.segment("MSH")[9]))
                writer.writemessage(message.create_ack(left.pop(0) if left else "AA"))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def serve() -> None:
        server = await hl7.mllp.start_hl7_server(attend, "127.0.0.1", 0, encoding="utf-8")
        ports.put(server.sockets[0].getsockname()[1])
        async with server:
            await asyncio.to_thread(stop.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),), daemon=True)
    thread.start()
    yield f"mllp://127.0.0.1:{ports.get(timeout=10)}"
    stop.set()
    thread.join(10)


RECEIVERS = [pytest.param(by_hl7apy, id="hl7apy"), pytest.param(by_hl7, id="hl7")]
Receiver = Callable[..., Any]


def states(sender: V2Sender) -> list[str]:
    return [row["state"] for row in sender.rows("delivery")]


@pytest.mark.parametrize("receiver", RECEIVERS)
def test_everything_arrives(new_sender: NewSender, receiver: Receiver) -> None:
    heard: Heard = []
    with receiver(heard) as endpoint:
        sender = new_sender(endpoint)
        sender.offered()
        sender.in_danger()
        sender.step()
        assert sorted(heard) == ["MDM^T02^MDM_T02", *["ORU^R01^ORU_R01"] * 3]
        assert set(states(sender)) == {"done"}


@pytest.mark.parametrize("receiver", RECEIVERS)
def test_what_is_refused_for_now_comes_again(new_sender: NewSender, receiver: Receiver) -> None:
    heard: Heard = []
    with receiver(heard, "AE", "AE", "AE") as endpoint:
        sender = new_sender(endpoint)
        sender.offered()
        sender.settle()
        assert len(heard) == 6
        assert set(states(sender)) == {"done"}
