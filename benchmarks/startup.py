"""Where the time goes while the service starts: its imports, from the log of a start that times them."""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

TIMED = {"PYTHONPROFILEIMPORTTIME": "1"}
_LINE = re.compile(r"import time: +(\d+) \| +(\d+) \| +([\w.]+)")


@dataclass(frozen=True, slots=True)
class Imported:
    """A package: milliseconds in its own modules, and from the beginning of its first import to the end of it.

    The second counts what it imports in turn, so that rows overlap; both are longer than without the timing.
    """

    package: str
    modules: int
    own_ms: float
    cumulative_ms: float


def read_log(log: Path) -> list[Imported]:
    """Packages by their time with all that they import, the dearest first."""
    return sorted(_read(log.read_text(errors="replace").splitlines()), key=lambda each: -each.cumulative_ms)


def _read(lines: Iterable[str]) -> list[Imported]:
    own: dict[str, list[float]] = defaultdict(list)
    cumulative: dict[str, float] = defaultdict(float)
    for line in lines:
        match = _LINE.match(line)
        if match is None:
            continue
        package = match[3].partition(".")[0]
        own[package].append(int(match[1]) / 1000)
        cumulative[package] = max(cumulative[package], int(match[2]) / 1000)
    return [Imported(package, len(times), sum(times), cumulative[package]) for package, times in own.items()]
