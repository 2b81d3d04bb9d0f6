"""Servers in processes of their own: started, asked whether they are ready, weighed and ended."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PATIENCE_SECONDS = 60
DRAIN_SECONDS = 30
_READY = b"GET /readyz HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n"


class NotStarted(Exception):
    """A server did not become ready; the text says where its log is."""


@dataclass(frozen=True, slots=True)
class Usage:
    """`cpu_seconds` of all its threads since it started, `memory` resident now, in bytes."""

    cpu_seconds: float
    memory: int


@dataclass(frozen=True, slots=True)
class Server:
    """`ready_after` is in seconds of wall time from the start of the process to its first /readyz of 200."""

    pid: int
    port: int
    ready_after: float

    def usage(self) -> Usage:
        """As ps tells it; to the tick where there is a /proc, because ps may round to seconds."""
        memory, cpu = _ps(self.pid, "rss="), _ps(self.pid, "time=")
        stat = Path(f"/proc/{self.pid}/stat")
        if stat.exists():
            fields = stat.read_text().rpartition(")")[2].split()
            return Usage((int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), int(memory) * 1024)
        seconds = 0.0
        for part in re.split("[-:]", cpu):
            seconds = seconds * 60 + float(part)
        return Usage(seconds, int(memory) * 1024)


@contextmanager
def served(command: Sequence[str], port: int, environment: Mapping[str, str], log: Path) -> Iterator[Server]:
    """The server for as long as the block lasts. Raises NotStarted."""
    with log.open("wb") as file:
        began = time.perf_counter()
        process = subprocess.Popen([sys.executable, "-m", *command], env=environment, stdout=file, stderr=file)
    try:
        _wait(process, port, log)
        yield Server(process.pid, port, time.perf_counter() - began)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(DRAIN_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _wait(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.perf_counter() + PATIENCE_SECONDS
    while time.perf_counter() < deadline and process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
                connection.sendall(_READY)
                if connection.recv(64).startswith(b"HTTP/1.1 200"):
                    return
        except OSError:
            pass
        time.sleep(0.005)
    raise NotStarted(f"The server did not become ready; the last it said was:\n{log.read_text()[-2000:]}")


def _ps(pid: int, column: str) -> str:
    return subprocess.run(
        ["ps", "-o", column, "-p", str(pid)], capture_output=True, text=True, check=True
    ).stdout.strip()
