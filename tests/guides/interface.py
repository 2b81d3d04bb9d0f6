"""Plays the commands and messages by which a hospital's interface goes live, in docs/hl7v2.md.

`make guides` writes what they answer into the page; the test compares. A fence `console` holds commands behind `$ ` and
what they say. One of `toml` or `er7` with the name of a file is written to that file, or added to it with a `+` behind
the name; one that names a golden file holds what is in that.
"""

import re
import shlex
import shutil
import subprocess
import sys
from contextlib import ExitStack, chdir
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from typer.testing import CliRunner

from service.__main__ import application
from tests.guides.page import Names
from tests.journeys.support import PROJECT, ServiceProcess, free_port

PAGE = PROJECT / "docs" / "hl7v2.md"
FENCE = re.compile(r"```(?P<kind>console|toml|er7)(?: (?P<file>\S+)(?P<more> \+)?)?\n(?P<text>.*?)```", re.DOTALL)
GOLDEN = "tests/golden/"
# What is another in every run, and as what it is shown.
_RECEIVED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00")
_MADE_AT = re.compile(r"(?<=\|)\d{14}\+0000(?=\|\|(?:ACK|RRI))")
_CONTROL = re.compile(r"(?<=\|)[0-9a-f]{20}(?=\|P\|)")
_NOW, _OWN_CONTROL = "T10:20:00+00:00", "019aa000000070008000"


@dataclass
class Player:
    """Goes through a page from top to bottom, in a folder of its own. `day` is what the page calls yesterday."""

    folder: Path
    service: ServiceProcess
    day: str = "2026-11-18"
    yesterday: str = field(default_factory=lambda: (datetime.now(UTC) - timedelta(days=1)).date().isoformat())
    names: Names = field(default_factory=Names)

    def play(self, fence: re.Match[str]) -> str:
        if fence["kind"] == "console":
            return f"```console\n{self._console(fence['text'])}```"
        if fence["file"] is not None and fence["file"].startswith(GOLDEN):
            return f"```er7 {fence['file']}\n{(PROJECT / fence['file']).read_text(encoding='utf-8')}```"
        if fence["file"] is not None:
            path = self.folder / fence["file"]
            before = f"{path.read_text(encoding='utf-8')}\n" if fence["more"] else ""
            path.write_text(before + self._for_service(fence["text"]), encoding="utf-8")
        return fence[0]

    def _console(self, text: str) -> str:
        shown = []
        for part in re.split(r"^(?=\$ )", text, flags=re.MULTILINE)[1:]:
            command, _, expected = part.partition("\n")
            said = self._run(command.removeprefix("$ "))
            self.names.learn(expected, said)
            shown.append(f"{command}\n{self._for_page(said)}")
        return "".join(shown)

    def _run(self, command: str) -> str:
        """What the command says on its output; one that does not end well says why, with its status."""
        program, *arguments = shlex.split(self._for_service(command))
        port = self.service.settings().mllp_port
        arguments = [str(port) if each == "2575" else each for each in arguments]
        if arguments[-1] == "&":
            self.service.start(*arguments[:-1], "--port", str(self.service.port))
            return ""
        if program == "mllp_send":
            started = [str(Path(sys.executable).parent / program), *arguments]
            sent = subprocess.run(started, cwd=self.folder, capture_output=True, timeout=60, check=True)
            said = sent.stdout.decode().replace("\x0b", "").replace("\x1c\r\n", "").replace("\r", "\n")
        else:
            assert program == "peer-referral", program
            with chdir(self.folder):
                ran = CliRunner().invoke(application, arguments, env=self.service.environment)
            assert ran.exit_code in (0, 1), ran.output
            said = ran.stdout
        return "".join(f"{line.rstrip()}\n" for line in said.splitlines())

    def _for_service(self, text: str) -> str:
        text = self.names.for_service(text)
        return text.replace(self.day, self.yesterday).replace(_digits(self.day), _digits(self.yesterday))

    def _for_page(self, said: str) -> str:
        said = _RECEIVED.sub(lambda found: found[0] if self.yesterday in found[0] else f"{self.day}{_NOW}", said)
        said = said.replace(self.yesterday, self.day).replace(_digits(self.yesterday), _digits(self.day))
        said = _MADE_AT.sub(f"{_digits(self.day)}102000+0000", said)
        return self.names.for_page(_CONTROL.sub(_OWN_CONTROL, said))


def _digits(day: str) -> str:
    return day.replace("-", "")


def played(page: str, folder: Path) -> str:
    """The page as it would be, had everything in it just happened."""
    shutil.copytree(PROJECT / "mappings", folder / "mappings")
    with ExitStack() as ended:
        settings = {"mappings_folder": str(folder / "mappings"), "mllp_port": str(free_port())}
        service = ServiceProcess(folder, **settings)
        ended.callback(service.stop)
        return FENCE.sub(Player(folder, service).play, page)
