"""Tells the story on a terminal: who said what to whom, what came back, how long it took. Eighty columns are enough."""

import re
import time
from collections.abc import Sequence
from urllib.parse import unquote

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from service.demo.record import Resource

UUID = re.compile(r"([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{8}([0-9a-f]{4})")
COLUMNS = 80


class Narrator:
    """Colours and symbols come only where the terminal has them: rich honours NO_COLOR, and a pipe gets plain text."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._fancy = console.encoding.startswith("utf")
        self._begun = time.perf_counter()
        self.steps = self.calls = self.verified = 0

    def open(self, title: str, *lines: str) -> None:
        self._say(f"[bold]{escape(title)}[/]", *(f"[dim]{escape(line)}[/]" for line in lines))

    def step(self, title: str) -> None:
        self.steps += 1
        self._say("", f"[bold cyan]{self.steps:>2}[/] [bold]{escape(title)}[/]")

    def said(
        self, who: str, whom: str, method: str, url: str, status: int, seconds: float, times: int = 1, as_sent: str = ""
    ) -> None:
        """One line for a call, or for several alike (`times`, with their time together).

        `as_sent` stands in place of the path when it tells more.
        """
        self.calls += times
        request = f"{method} {as_sent or _short(url)}" + (f" ({times} times)" if times > 1 else "")
        answer = str(status) if status else "cut"
        colour = "green" if 200 <= status < 300 else "red"
        took = f"{1000 * seconds:.0f} ms" if seconds < 10 else f"{seconds:.1f} s"
        line = self._grid((23, None), (None, 1), (3, None), (7, None))
        line.columns[3].justify = "right"
        line.add_row(f"   {who} {self._arrow} {whom}", escape(request), f"[{colour}]{answer}[/]", f"[dim]{took}[/]")
        self._console.print(line)

    def found(self, text: str, problems: Sequence[str] = ()) -> None:
        """A check that was made on the receiving side, with what was wrong about it if anything was."""
        if not problems:
            self.verified += 1
        mark, colour = (self._cross, "red") if problems else (self._tick, "green")
        self._hanging(f"[{colour}]{mark}[/]", escape(text))
        for problem in problems:
            self._hanging(" ", f"[red]{escape(problem)}[/]")

    def failed(self, line: str) -> None:
        self._say("")
        self._hanging(f"[bold red]{self._cross}[/]", f"[bold red]The story ends here: {escape(line)}[/]")

    def chronicle(self, title: str, versions: Sequence[Resource]) -> None:
        """Every version the record holds, one line each: time, resource, version, status and what else it tells."""
        self._say("", f"[bold]{escape(title)}[/]")
        table = self._grid((15, None), (17, None), (4, None), (12, None), (None, 1))
        for resource in sorted(versions, key=lambda one: str(one["meta"]["lastUpdated"])):
            meta, status = resource["meta"], resource.get("status", "on file")
            told = ", ".join(_output(output) for output in resource.get("output", ()))
            table.add_row(
                f"   {meta['lastUpdated'][11:23]}",
                resource["resourceType"],
                f"v{meta['versionId']}",
                status,
                escape(told),
            )
        self._console.print(table)

    def close(self) -> None:
        seconds = time.perf_counter() - self._begun
        self._say(
            "",
            f"[bold green]{self._tick} The loop is closed.[/] {self.steps} steps, {self.verified} facts read back from",
            f"  the receiving side, {self.calls} calls, {seconds:.1f} s.",
        )

    @property
    def _arrow(self) -> str:
        return "→" if self._fancy else "->"

    @property
    def _tick(self) -> str:
        return "✓" if self._fancy else "ok"

    @property
    def _cross(self) -> str:
        return "✗" if self._fancy else "x"

    def _say(self, *lines: str) -> None:
        for line in lines:
            self._console.print(line, highlight=False, width=self._width)

    def _hanging(self, mark: str, text: str) -> None:
        line = self._grid((5, None), (None, 1))
        line.add_row(f"   {mark}", text)
        line.columns[1].no_wrap = False
        self._console.print(line)

    def _grid(self, *columns: tuple[int | None, int | None]) -> Table:
        grid = Table.grid(padding=(0, 1, 0, 0))
        grid.width = self._width
        for width, ratio in columns:
            grid.add_column(width=width, ratio=ratio, no_wrap=True, overflow="ellipsis" if self._fancy else "crop")
        return grid

    @property
    def _width(self) -> int:
        return min(self._console.width, COLUMNS)


def _short(url: str) -> str:
    """Path and query as a person reads them, with long ids cut in the middle."""
    path = unquote(re.sub(r"^https?://[^/]+", "", url))
    return UUID.sub(r"\1..\2", re.sub(r"https?://[^|&]+\|", "..|", path))


def _output(output: Resource) -> str:
    kind = next((coding.get("code", "?") for coding in output.get("type", {}).get("coding", ())), "?")
    value = next((value for name, value in output.items() if name.startswith("value")), "?")
    return f"{kind} {str(value)[:16]}"
