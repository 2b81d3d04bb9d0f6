"""Tells the stories on a terminal of eighty columns: who said what to whom, what came back, how long it took."""

from collections.abc import Sequence
from functools import singledispatchmethod
from typing import Literal

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from service.demo.er7 import lines
from service.demo.step import Chronicle, Ending, Fact, Message, Step, Story
from service.demo.words import took

COLUMNS = 80


class Narrator:
    """Colours and symbols come only where the terminal has them: rich honours NO_COLOR, and a pipe gets plain text."""

    def __init__(self, console: Console) -> None:
        self._console = console
        fancy = console.encoding.startswith("utf")
        self._overflow: Literal["ellipsis", "crop"] = "ellipsis" if fancy else "crop"
        self._arrow, self._back, self._tick, self._cross = ("→", "←", "✓", "✗") if fancy else ("->", "<-", "ok", "x")

    @singledispatchmethod
    def show(self, told: object) -> None:
        raise TypeError(type(told).__name__)

    @show.register
    def _(self, story: Story) -> None:
        self._say("", f"[bold]Story {story.number}: {escape(story.title)}[/]", f"[dim]{escape(story.about)}[/]")

    @show.register
    def _(self, step: Step) -> None:
        self._say("", f"[bold cyan]{step.number:>2}[/] [bold]{escape(step.title)}[/]")
        for event in step.events:
            self.show(event)

    @show.register
    def _(self, message: Message) -> None:
        answer, colour = message.worst.answer or "cut", "green" if message.worst.good else "red"
        line = self._grid((24, None), (None, 1), (3, None), (7, None))
        line.columns[3].justify = "right"
        who = f"   {message.who} {self._arrow} {message.whom}"
        line.add_row(who, escape(message.request), f"[{colour}]{answer}[/]", f"[dim]{took(message.seconds)}[/]")
        self._console.print(line)
        for call in message.calls:
            self._segments("", lines(call.sent.body))
            # Of the answer its own header says nothing that is not in the first line.
            self._segments(self._back, lines(call.received.body)[1:])

    @show.register
    def _(self, fact: Fact) -> None:
        mark, colour = (self._cross, "red") if fact.problems else (self._tick, "green")
        self._hanging(f"[{colour}]{mark}[/]", escape(fact.text))
        for problem in fact.problems:
            self._hanging(" ", f"[red]{escape(problem)}[/]")

    @show.register
    def _(self, chronicle: Chronicle) -> None:
        self._say("", f"   [bold]{escape(chronicle.title)}[/]")
        table = self._grid((15, None), (17, None), (4, None), (12, None), (None, 1))
        for entry in chronicle.entries:
            table.add_row(f"   {entry.at}", entry.kind, entry.version, entry.status, escape(entry.told))
        self._console.print(table)

    @show.register
    def _(self, ending: Ending) -> None:
        how = f"{ending.facts} facts read back from the receiving side, {ending.calls} calls, {took(ending.seconds)}."
        if ending.verified:
            self._say("", f"[bold green]{self._tick} All {ending.of} stories came to their end.[/] {how}")
        else:
            lost = f"{ending.stories} of {ending.of} stories came to their end."
            self._say("", f"[bold red]{self._cross} {lost}[/] {how}")

    def _say(self, *lines: str) -> None:
        for line in lines:
            self._console.print(line, highlight=False, width=self._width)

    def _segments(self, mark: str, segments: Sequence[str]) -> None:
        """Of HL7 v2 each begins a line of its own; what is longer goes on below, a little further in."""
        for segment in segments:
            known = segment.encode(self._console.encoding, "replace").decode(self._console.encoding)
            first, rest = known[: self._width - 6], known[self._width - 6 :]
            further = (rest[begin : begin + self._width - 8] for begin in range(0, len(rest), self._width - 8))
            self._say(f"   {mark:<2} [dim]{escape(first)}[/]", *(f"        [dim]{escape(each)}[/]" for each in further))

    def _hanging(self, mark: str, text: str) -> None:
        line = self._grid((5, None), (None, 1))
        line.add_row(f"   {mark}", text)
        line.columns[1].no_wrap = False
        self._console.print(line)

    def _grid(self, *columns: tuple[int | None, int | None]) -> Table:
        grid = Table.grid(padding=(0, 1, 0, 0))
        grid.width = self._width
        for width, ratio in columns:
            grid.add_column(width=width, ratio=ratio, no_wrap=True, overflow=self._overflow)
        return grid

    @property
    def _width(self) -> int:
        return min(self._console.width, COLUMNS)
