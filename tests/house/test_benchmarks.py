"""What `make bench` says of its targets: a run that misses one fails, and what was not run is not taken for reached."""

from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
import typer

from benchmarks import __main__ as benchmarks
from benchmarks.cases import CASES, NO_GOAL, Goal
from benchmarks.load import Measured
from benchmarks.report import MEGABYTE, Figures, Started
from benchmarks.run import Run

Outcome = tuple[int, str]


def figures(name: str = "negative result", share: float = 0.31, goal: Goal = CASES[0].goal, **found: object) -> Figures:
    plain: dict[str, object] = {
        "per_second": 700.0,
        "p50_ms": 2.0,
        "p99_ms": 9.0,
        "answered": 100,
        "wrong": {},
        "client_us": 100.0,
    }
    measured = Measured(**plain | found)  # type: ignore[arg-type]
    return Figures(name, "sqlite", measured, 900.0, share, share, 12, goal)


def started(seconds: float = 2.0, megabytes: float = 120) -> Started:
    return Started("sqlite", seconds, seconds, seconds, seconds, MEGABYTE, int(megabytes * MEGABYTE))


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """The exit code and the output of a run that has measured just this."""

    def run(*found: Figures, start: Started | None = None, **options: object) -> Outcome:
        def perform(run: Run) -> None:
            run.figures += found
            run.started.append(start or started())

        monkeypatch.setattr(Run, "perform", perform)
        code = 0
        try:
            benchmarks.main(only=None, **options)  # type: ignore[arg-type]
        except typer.Exit as end:
            code = end.exit_code
        return code, capsys.readouterr().out

    return run


def test_a_run_that_reaches_its_targets_succeeds_and_names_what_was_not_run(bench: Callable[..., Outcome]) -> None:
    code, said = bench(figures())
    assert (code, "Missed" in said, "load µs" in said) == (0, False, True)
    assert "Not run, and not judged: positive result; " in said
    assert "postgresql." in said


MISSED = {
    "negative result: at least 0.30 of the floor; found 0.29": figures(share=0.29),
    "ORU: at least 600 a second; found 599": figures("ORU", goal=Goal(per_second=600), per_second=599.0),
    "ORU: 99 of 100 within 100 ms; found 100.1 ms": figures("ORU", goal=Goal(p99_ms=100), p99_ms=100.1),
    "empty poll, sqlite: no answer but the expected; found 3": figures("empty poll", goal=NO_GOAL, wrong={"503": 3}),
}


@pytest.mark.parametrize("told", MISSED)
def test_a_run_that_misses_a_target_fails_and_says_which(
    bench: Callable[..., Outcome], told: str, tmp_path: Path
) -> None:
    file = tmp_path / "figures.json"
    code, said = bench(MISSED[told], json=file)
    assert (code, f"Missed: {told}." in said) == (1, True)
    assert [each["holds"] for each in orjson.loads(file.read_bytes())["targets"]].count(False) == 1


@pytest.mark.parametrize(
    ("start", "told"),
    [
        (started(seconds=4.1), "ready: within 4 s; found 4.1 s"),
        (started(megabytes=201), "memory: under 200 MB; found 201 MB"),
    ],
)
def test_a_slow_start_and_too_much_memory_fail_it(bench: Callable[..., Outcome], start: Started, told: str) -> None:
    code, said = bench(figures(), start=start)
    assert (code, f"Missed: {told}." in said) == (1, True)
