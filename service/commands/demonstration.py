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
from typing import IO

import httpx
from rich.console import Console

from service.demo.cast import Cast, assemble
from service.demo.certificates import Certificate, self_signed
from service.demo.engine import HospitalEngine
from service.demo.hospital import HospitalRecord
from service.demo.infirmary import site_file
from service.demo.mllp import Sender
from service.demo.narrator import Narrator
from service.demo.page.serve import live_page
from service.demo.step import Telling
from service.demo.story import Infirmary, Players, play
from service.settings import PREFIX, Settings, read_settings
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
    with tempfile.TemporaryDirectory(prefix=FOLDER) as name:
        folder = Path(name)
        ours, theirs = self_signed(folder, "service"), self_signed(folder, "infirmary")
        settings = _settings(folder, mappings_folder=folder / "mappings", **by_messages(ours, theirs))
        url, mllp_port = settings.public_url, settings.mllp_port
        assert mllp_port is not None  # noqa: S101  # it was just chosen
        with (
            HospitalRecord() as record,
            HospitalEngine(theirs.listening(ours)) as engine,
            _served(settings) as service,
            live_page(telling, f"{url}/docs") as page,
        ):
            players = prepared(settings, assemble(record.base, engine.endpoint, theirs.file.read_bytes()))
            _begin(service)
            _wait_until_ready(service, url)
            where = f"Live page          {page}\nAPI documentation  {url}/docs\nThe service's data {folder}"
            console.print(f"{where}\nEverybody in the stories is invented.", highlight=False)
            infirmary = Infirmary(engine, Sender(mllp_port, theirs.calling(ours)))
            verified = asyncio.run(play(url, players, record, infirmary, telling, pause=pause))
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


def _settings(folder: Path, **more: object) -> Settings:
    """Of what is set for another service on this machine, nothing that says where its data or its clients are."""
    return read_settings(
        data_folder=folder,
        database_url="",
        base_url="",
        host="127.0.0.1",
        port=_free_port(),
        allow_loopback=True,
        log_level="warning",
        **more,
    )


def by_messages(ours: Certificate, theirs: Certificate) -> dict[str, object]:
    """How the service takes and sends HL7 v2: over TLS, with the infirmary's engine alone."""
    return {
        "mllp_host": "127.0.0.1",
        "mllp_port": _free_port(),
        "mllp_certificate": ours.file,
        "mllp_key": ours.key,
        "mllp_client_ca": theirs.file,
        "mllp_out_certificate": ours.file,
        "mllp_out_key": ours.key,
        "mllp_out_ca": theirs.file,
    }


def prepared(settings: Settings, cast: Cast) -> Players:
    """Everybody registered, and the infirmary's file among the mappings that the service is going to read."""
    from service.commands.enrolment import enrol
    from service.mappings import own_folder

    assert settings.mappings_folder is not None  # noqa: S101  # it was given
    shutil.copytree(own_folder(), settings.mappings_folder)
    players = enrol(settings, cast)
    written = site_file(players.infirmary.organisation_id, players.programme.organisation_id)
    (settings.mappings_folder / "sites" / "infirmary.toml").write_text(written, encoding="utf-8")
    return players


@contextmanager
def _served(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    """`serve` in a process of its own, which has loaded what it is made of and waits for the word to begin."""
    given = settings.model_dump(mode="json", exclude_none=True)
    environment = {**os.environ, **{f"{PREFIX}{name.upper()}": str(value) for name, value in given.items()}}
    waits = "import os, service.serving; os.read(0, 1); from service.__main__ import main; main()"
    # The pipe ends with this process, however that ends, and the service with the pipe.
    process = subprocess.Popen(  # noqa: S603  # our own
        [sys.executable, "-c", waits, "serve", "--end-with-input"],
        env=environment,
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        _input(process).close()
        process.wait(30)


def _begin(process: subprocess.Popen[bytes]) -> None:
    _input(process).write(b"\n")
    _input(process).flush()


def _input(process: subprocess.Popen[bytes]) -> IO[bytes]:
    assert process.stdin is not None  # noqa: S101  # it was asked for
    return process.stdin


def _wait_until_ready(process: subprocess.Popen[bytes], url: str) -> None:
    until = time.monotonic() + READY_WITHIN_SECONDS
    with httpx.Client(timeout=1, trust_env=False) as client:
        while time.monotonic() < until and process.poll() is None:
            try:
                if client.get(f"{url}/readyz").status_code == httpx.codes.OK:
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
