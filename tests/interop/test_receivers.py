"""What we send is taken by an engine that others have written; those written in Python are in tests/hl7v2."""

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.hl7v2.sending import NewSender, V2Sender
from tests.interop.conftest import Node
from tests.journeys.support import free_port

pytestmark = pytest.mark.interop

Heard = list[list[str]]


@contextmanager
def node_hl7_server(node: Node, heard: Heard, *codes: str) -> Iterator[str]:
    port = free_port()
    engine = subprocess.Popen(
        node.command("receive.cjs", port, *codes), env=node.environment, stdout=subprocess.PIPE, text=True
    )
    assert engine.stdout is not None
    assert engine.stdout.readline() == "listens\n"
    lines = engine.stdout

    def hear() -> None:
        heard.extend(json.loads(line) for line in lines)

    reading = threading.Thread(target=hear, daemon=True)
    reading.start()
    try:
        yield f"mllp://127.0.0.1:{port}"
    finally:
        engine.kill()
        engine.wait(10)
        reading.join(10)
        lines.close()


def states(sender: V2Sender) -> set[str]:
    return {row["state"] for row in sender.rows("delivery")}


def test_everything_arrives_and_is_read_as_it_was_meant(new_sender: NewSender, node: Node) -> None:
    heard: Heard = []
    with node_hl7_server(node, heard) as endpoint:
        sender = new_sender(endpoint)
        sender.offered()
        sender.in_danger()
        sender.settle()
        assert states(sender) == {"done"}
    # It reads what came before on the same connection once more with each message.
    assert {(type, topic) for type, topic, _ in heard} == {
        ("ORU", "referral-status"), ("ORU", "programme"), ("ORU", "alert-words"), ("MDM", "11506-3"),
    }  # fmt: skip
    assert all(value for _, _, value in heard)


def test_what_is_refused_for_now_comes_again(new_sender: NewSender, node: Node) -> None:
    heard: Heard = []
    with node_hl7_server(node, heard, "AE", "AE") as endpoint:
        sender = new_sender(endpoint)
        sender.offered()
        sender.settle()
        assert states(sender) == {"done"}
        assert max(row["attempts"] for row in sender.rows("delivery")) > 1
