"""The figures, as one value that goes to the terminal and to a file."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson
from rich.console import Console, JustifyMethod
from rich.table import Table

from benchmarks.cases import NO_GOAL, Goal
from benchmarks.load import Measured
from benchmarks.reading import Reading
from benchmarks.startup import Imported

MEGABYTE = 1_000_000
READY_SECONDS = 4.0
MEMORY_MEGABYTES = 200.0
IMPORTS_SHOWN = 12
WIDTH = 110


@dataclass(frozen=True, slots=True)
class Figures:
    """One case on one database, or the floor. `share` is its requests per second over the floor's beside it,
    `cpu_share` the floor's CPU time over its own.

    `cpu_us` is the server's CPU time for one request, in microseconds. On a busy machine it is the better measure.
    """

    name: str
    database: str
    measured: Measured
    cpu_us: float
    share: float
    cpu_share: float
    statements: int | None = None
    goal: Goal = NO_GOAL


@dataclass(frozen=True, slots=True)
class Started:
    """Seconds until ready: wall time on a new database, again, and again with the door for HL7 v2; CPU time of the
    second start. Memory in bytes, after the second start and after the load."""

    database: str
    first_seconds: float
    again_seconds: float
    listening_seconds: float
    again_cpu_seconds: float
    memory_at_start: int
    memory_after_load: int


@dataclass(frozen=True, slots=True)
class Target:
    name: str
    wanted: str
    found: str
    holds: bool


@dataclass(frozen=True, slots=True)
class Report:
    """`figures` holds the floor several times: before each case as it was beside it. `not_run` names the cases and the
    databases that this run left out, of which nothing is judged."""

    python: str
    cores: int
    figures: Sequence[Figures]
    started: Sequence[Started]
    imports: Sequence[Imported]
    readings: Sequence[Reading]
    not_run: Sequence[str] = ()

    def targets(self) -> Iterator[Target]:
        for each in self.figures:
            if each.measured.wrong:
                wrong = f"{sum(each.measured.wrong.values()):,}"
                yield Target(f"{each.name}, {each.database}", "no answer but the expected", wrong, holds=False)
            if each.database == "sqlite":
                yield from _goals(each)
        for start in self.started:
            if start.database == "sqlite":
                slowest, most = max(start.first_seconds, start.again_seconds), start.memory_after_load / MEGABYTE
                yield Target("ready", f"within {READY_SECONDS:.0f} s", f"{slowest:.1f} s", slowest <= READY_SECONDS)
                wanted = f"under {MEMORY_MEGABYTES:.0f} MB"
                yield Target("memory", wanted, f"{most:.0f} MB", most < MEMORY_MEGABYTES)

    def missed(self) -> list[Target]:
        return [each for each in self.targets() if not each.holds]


def _goals(each: Figures) -> Iterator[Target]:
    goal, found = each.goal, each.measured
    if goal.share is not None:
        wanted = f"at least {goal.share:.2f} of the floor"
        yield Target(each.name, wanted, f"{each.share:.2f}", each.share >= goal.share)
    if goal.per_second is not None:
        wanted = f"at least {goal.per_second:,.0f} a second"
        yield Target(each.name, wanted, f"{found.per_second:,.0f}", found.per_second >= goal.per_second)
    if goal.p99_ms is not None:
        wanted = f"99 of 100 within {goal.p99_ms:.0f} ms"
        yield Target(each.name, wanted, f"{found.p99_ms:.1f} ms", found.p99_ms <= goal.p99_ms)


def write(report: Report, file: Path) -> None:
    """JSON, with the targets worked out."""
    tree = {**asdict(report), "targets": list(report.targets())}
    file.write_bytes(orjson.dumps(tree, option=orjson.OPT_INDENT_2))


def show(report: Report, console: Console) -> None:
    for table in (_figures(report), _readings(report), _started(report), _imports(report), _targets(report)):
        console.print(table, end="\n\n")
    if report.not_run:
        console.print(f"Not run, and not judged: {'; '.join(report.not_run)}.")
    for each in report.missed():
        console.print(f"Missed: {each.name}: {each.wanted}; found {each.found}.")


_RIGHT = (">per s", ">of floor", ">p50 ms", ">p99 ms", ">CPU µs", ">of floor", ">load µs", ">SQL", ">wrong")


def _figures(report: Report) -> Table:
    table = _table("Requests", "case", "database", *_RIGHT)
    for each in report.figures:
        found = each.measured
        table.add_row(
            each.name,
            each.database,
            f"{found.per_second:,.0f}",
            f"{each.share:.2f}",
            f"{found.p50_ms:.1f}",
            f"{found.p99_ms:.1f}",
            f"{each.cpu_us:,.0f}",
            f"{each.cpu_share:.2f}",
            f"{found.client_us:,.0f}",
            "" if each.statements is None else str(each.statements),
            ", ".join(f"{status}: {times}" for status, times in found.wrong.items()),
        )
    return table


def _readings(report: Report) -> Table:
    table = _table("Reading one ORU^R01 alone", "by", ">CPU µs", ">per s", ">of hl7apy's time")
    slowest = max((each.cpu_us for each in report.readings), default=0.0)
    for each in report.readings:
        per_second, share = 1_000_000 / each.cpu_us, each.cpu_us / slowest
        table.add_row(each.name, f"{each.cpu_us:,.1f}", f"{per_second:,.0f}", f"{share:.4f}")
    return table


def _started(report: Report) -> Table:
    columns = ">new, s", ">again, s", ">with HL7 v2, s", ">again, CPU s", ">at start, MB", ">after load, MB"
    table = _table("Start and memory", "database", *columns)
    for each in report.started:
        memory = (each.memory_at_start, each.memory_after_load)
        table.add_row(
            each.database,
            f"{each.first_seconds:.2f}",
            f"{each.again_seconds:.2f}",
            f"{each.listening_seconds:.2f}",
            f"{each.again_cpu_seconds:.2f}",
            *(f"{bytes_ / MEGABYTE:.0f}" for bytes_ in memory),
        )
    return table


def _imports(report: Report) -> Table:
    table = _table("Imports while starting", "package", ">modules", ">own ms", ">with all it imports, ms")
    for each in report.imports[:IMPORTS_SHOWN]:
        table.add_row(each.package, str(each.modules), f"{each.own_ms:.0f}", f"{each.cumulative_ms:.0f}")
    return table


def _targets(report: Report) -> Table:
    table = _table("Targets", "what", "wanted", ">found", "")
    for each in report.targets():
        table.add_row(each.name, each.wanted, each.found, "[green]holds[/]" if each.holds else "[red]does not hold[/]")
    return table


def _table(title: str, *columns: str) -> Table:
    """A column whose name begins with > holds numbers."""
    table = Table(title=title, title_justify="left", box=None, header_style="bold", pad_edge=False)
    for name in columns:
        justify: JustifyMethod = "right" if name.startswith(">") else "left"
        table.add_column(name.removeprefix(">"), justify=justify, no_wrap=True)
    return table
