"""What other programs send over MLLP is taken, and each reads our acknowledgements by its own lights."""

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import hl7
import hl7.mllp
import pytest
from hl7.client import MLLPClient

from service import wiring
from service.hl7v2.frame import framed
from service.parts import open_office
from service.store.messages import MessageQuery
from tests.hl7v2.doors import changed, oru
from tests.interop.conftest import Node
from tests.journeys.conftest import NewService
from tests.journeys.support import ServiceProcess, free_port

pytestmark = pytest.mark.interop

SENT = [
    *(oru(f"M{number}", woman=f"W{number}", total=number) for number in range(9)),
    oru("M9", woman="W9", total=22).replace(b"Tester^Tessie", "Tëster^Tessië".encode()),
    changed(oru("OLD", woman="W10"), 12, "2.3"),
    changed(oru("ODD", woman="W11"), 9, "DFT^P03"),
    oru("NOBODY").replace(b"W1^^^HOSP&1.2.3&ISO^MR", b"W1"),
]
ANSWERED = [*(["AA", f"M{number}"] for number in range(10)), ["AA", "OLD"], ["AR", "ODD"], ["AA", "NOBODY"]]
Send = Callable[[int], Sequence[list[str]]]


@pytest.fixture
def service(new_service: NewService) -> ServiceProcess:
    started = new_service(mllp_port=str(free_port()))
    with open_office(started.settings()) as office:
        hospital = office.add_organisation("St Test", "hospital", None, None)
        office.add_sender(hospital, certificate=None, mllp_sender="EHR|MATERNITY")
    started.start("listen")
    return started


def port_of(service: ServiceProcess) -> int:
    port = service.settings().mllp_port
    assert port is not None
    return port


def everything_was_kept(service: ServiceProcess) -> None:
    with wiring.messages(service.settings()) as messages:
        kept = [each.disposition for each in reversed(messages.list(MessageQuery(100)))]
    assert kept == [*["accepted"] * 11, "type-unsupported", "identifier-unusable"]


def msa(answer: bytes | str) -> list[str]:
    """As the library `hl7` reads it."""
    text = (answer.decode() if isinstance(answer, bytes) else answer).strip("\x0b\x1c\r\n")
    segment = hl7.parse(text).segment("MSA")
    return [str(segment[1]), str(segment[2])]


def test_node_hl7_client(service: ServiceProcess, node: Node) -> None:
    command = node.command("send.cjs", port_of(service))
    texts = json.dumps([body.decode().rstrip("\r") for body in SENT])
    ran = subprocess.run(
        command, input=texts, env=node.environment, stdout=subprocess.PIPE, text=True, timeout=60, check=True
    )
    heard = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [each[:2] for each in heard] == ANSWERED
    assert {each[2] for each in heard} == {"ACK"}
    everything_was_kept(service)


def test_the_blocking_client_of_hl7(service: ServiceProcess) -> None:
    with MLLPClient("127.0.0.1", port_of(service)) as client:
        assert [msa(client.send_message(body)) for body in SENT] == ANSWERED
    everything_was_kept(service)


def test_the_streams_of_hl7(service: ServiceProcess) -> None:
    async def send() -> list[list[str]]:
        reader, writer = await hl7.mllp.open_hl7_connection("127.0.0.1", port_of(service), encoding="utf-8")
        # All at once: the answers have to come in the order of the messages.
        for body in SENT:
            writer.writemessage(hl7.parse(body.decode()))
        await writer.drain()
        answers = [msa(str(await reader.readmessage())) for _ in SENT]
        writer.close()
        await writer.wait_closed()
        return answers

    assert asyncio.run(send()) == ANSWERED
    everything_was_kept(service)


@pytest.mark.parametrize("loose", [False, True], ids=["a file as over MLLP", "a file with line feeds"])
def test_mllp_send(service: ServiceProcess, tmp_path: Path, loose: bool) -> None:
    program = shutil.which("mllp_send", path=str(Path(sys.executable).parent))
    assert program is not None, "mllp_send is not installed beside this Python: `make interop` does it"
    file = tmp_path / "messages.hl7"
    written = b"".join(each.replace(b"\r", b"\n") for each in SENT) if loose else b"".join(map(framed, SENT))
    file.write_bytes(written)
    options = ["--loose"] if loose else []
    ran = subprocess.run(
        [program, *options, "--port", str(port_of(service)), "--file", str(file), "127.0.0.1"],
        capture_output=True, timeout=60, check=True,
    )  # fmt: skip
    answers = ran.stdout.replace(b"\x1c\r\n", b"\x1c\r").split(b"\x1c\r")
    assert [msa(each) for each in answers if each.strip()] == ANSWERED
    everything_was_kept(service)
