"""Measures the service against a floor program in the same run: `python -m benchmarks`, or `make bench`."""

import os
import platform
import sys
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks import report
from benchmarks.cases import CASES
from benchmarks.run import Plan, Run

NAMES = ", ".join(case.name for case in CASES)


class Database(StrEnum):
    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


def main(
    database: Annotated[
        list[Database], typer.Option(help="which to measure; PostgreSQL needs the development tools")
    ] = list(Database),  # noqa: B006  # typer reads it once
    only: Annotated[list[str] | None, typer.Option(help=f"a case by its name, or by how it begins: {NAMES}")] = None,
    seconds: Annotated[float, typer.Option(min=0.5, help="how long each case is measured, in all its rounds")] = 4.0,
    warm_up: Annotated[float, typer.Option(min=0.0, help="how long it runs before that")] = 1.0,
    rounds: Annotated[int, typer.Option(min=1, help="how often a case and the floor take turns")] = 4,
    connections: Annotated[int, typer.Option(min=1, help="kept connections of the load")] = 16,
    women: Annotated[int, typer.Option(min=2, help="registered beforehand; each can be referred once")] = 6_000,
    json: Annotated[Path | None, typer.Option(help="also write the figures to this file")] = None,
) -> None:
    """Requests per second, CPU time, statements, start-up time and memory, with their ratios to the floor.

    It ends with 1 when a target is missed, and says which; what was not run is not judged, and named.
    """
    console = Console(stderr=True)
    cases = tuple(case for case in CASES if not only or case.name.startswith(tuple(only)))
    if not cases:
        raise typer.BadParameter(f"the cases are: {NAMES}", param_hint="--only")
    with tempfile.TemporaryDirectory(prefix="peer-referral-bench-") as folder:
        run = Run(Plan(cases, tuple(database), connections, warm_up, seconds, rounds, women, Path(folder)), console)
        run.perform()
    found = report.Report(
        platform.python_version(),
        os.cpu_count() or 0,
        run.figures,
        run.started,
        run.imports,
        run.readings,
        _left_out(run),
    )
    report.show(found, Console(width=None if sys.stdout.isatty() else report.WIDTH))
    if json is not None:
        report.write(found, json)
    if found.missed():
        raise typer.Exit(1)


def _left_out(run: Run) -> list[str]:
    """The cases and databases of which nothing was measured."""
    measured = {each.name for each in run.figures} | {each.database for each in run.started}
    return [each for each in (*(case.name for case in CASES), *Database) if each not in measured]


if __name__ == "__main__":
    typer.run(main)
