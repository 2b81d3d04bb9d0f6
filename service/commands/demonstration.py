"""The demonstration: the real service in a process of its own, everybody else simulated, everything on this machine."""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
from rich.console import Console

from service.demo.cast import assemble
from service.demo.hospital import HospitalRecord
from service.demo.narrator import Narrator
from service.demo.page.serve import live_page
from service.demo.step import Telling
from service.demo.story import play
from service.settings import Settings, read_settings
from service.shared.errors import InvalidSettings, ServiceError
from service.store.address import exclusive

READY_WITHIN_SECONDS = 60.0
FOLDER = "peer-referral-demo-"


class NotServed(ServiceError):
    """The service did not come up."""


def demonstrate(*, exit_after: bool, pause: float) -> int:
    """0 when every step was verified on its receiving side; serves on unless told to exit after the stories.

    `pause` is how many seconds to wait after each step, for an audience that follows.
    """
    console = Console()
    telling = Telling((Narrator(console).show,))
    clear_away()
    with tempfile.TemporaryDirectory(prefix=FOLDER) as folder:
        settings = _settings(Path(folder))
        url = settings.public_url
        with _served(settings) as service, HospitalRecord() as record, live_page(telling, f"{url}/docs") as page:
            # The service needs seconds to import all that it is made of, and so does what enrols: both do it at once.
            from service.commands.enrolment import enrol

            _wait_until_ready(service, url)
            players = enrol(settings, assemble(record.base))
            where = f"Live page          {page}\nAPI documentation  {url}/docs\nThe service's data {folder}"
            console.print(f"{where}\nEverybody in the stories is invented.", highlight=False)
            verified = asyncio.run(play(url, players, record, telling, pause=pause))
            if not exit_after:
                console.print(f"\n{where}\nStop with Ctrl-C.", highlight=False)
                _wait_for_interrupt(service)
    return 0 if verified else 1


def clear_away() -> None:
    """Remove what demonstrations that were killed have left: our folders from which nobody serves any more."""
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDER}*"):
        with suppress(InvalidSettings, OSError):
            found = folder.lstat()
            # One that has just been made is served from as soon as its service has started.
            if found.st_uid == os.getuid() and time.time() - found.st_mtime > READY_WITHIN_SECONDS:
                with exclusive(_settings(folder).database):
                    shutil.rmtree(folder)


def _settings(folder: Path) -> Settings:
    """Of what is set for another service on this machine, nothing that says where its data or its clients are."""
    return read_settings(
        data_folder=folder,
        database_url="",
        base_url="",
        host="127.0.0.1",
        port=_free_port(),
        allow_loopback=True,
        log_level="warning",
    )


@contextmanager
def _served(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    environment = {
        **os.environ,
        "PEER_REFERRAL_DATA_FOLDER": str(settings.data_folder),
        "PEER_REFERRAL_DATABASE_URL": "",
        "PEER_REFERRAL_BASE_URL": "",
        "PEER_REFERRAL_ALLOW_LOOPBACK": "true",
        "PEER_REFERRAL_LOG_LEVEL": settings.log_level,
    }
    command = [sys.executable, "-m", "service", "serve", "--host", settings.host, "--port", str(settings.port)]
    # The pipe ends with this process, however that ends, and the service with the pipe.
    process = subprocess.Popen(  # noqa: S603  # our own
        [*command, "--end-with-input"], env=environment, cwd=Path(__file__).parents[2], stdin=subprocess.PIPE
    )
    assert process.stdin is not None  # noqa: S101  # it was asked for
    try:
        yield process
    finally:
        process.stdin.close()
        process.wait(30)


def _wait_until_ready(process: subprocess.Popen[bytes], url: str) -> None:
    until = time.monotonic() + READY_WITHIN_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            if httpx.get(f"{url}/readyz", timeout=1).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise NotServed("The service did not become ready; what it said is above.")


def _wait_for_interrupt(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait()
    except KeyboardInterrupt:
        return


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
