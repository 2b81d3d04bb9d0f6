"""What it costs to read one ORU^R01 alone: bare splits, our reader, our values, and hl7apy."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from hl7apy.parser import parse_message

from benchmarks.world import HOSPITAL, NEGATIVE, oru
from service import mappings
from service.hl7v2.frame import Frame
from service.hl7v2.look import look
from service.hl7v2.segments import read
from service.hl7v2.understand import understand
from service.settings import Settings

SECONDS = 1.0
BATCH = 20


@dataclass(frozen=True, slots=True)
class Reading:
    """Microseconds of CPU time for one message, of the quickest of several batches."""

    name: str
    cpu_us: float


def compare(settings: Settings) -> list[Reading]:
    """The message is that of the negative result. The last one is hl7apy's, which only splits it into a tree."""
    now = datetime.now(UTC)
    body = oru("TEST-000001", "F1", "M1", NEGATIVE, now)
    text, rules = body.decode(), mappings.load(settings.mappings_folder)
    dialect = mappings.load_dialects(rules, settings.mappings_folder)[HOSPITAL]
    ways: dict[str, Callable[[], object]] = {
        "split into fields": lambda: [line.split("|") for line in body.decode().split("\r")],
        "our segments": lambda: read(body),
        "our values": lambda: understand(look(Frame(body)), dialect, rules, now),
        "hl7apy": lambda: parse_message(text),
    }
    return [Reading(name, _cpu_us(way)) for name, way in ways.items()]


def _cpu_us(way: Callable[[], object]) -> float:
    quickest, until = float("inf"), time.perf_counter() + SECONDS
    while time.perf_counter() < until:
        began = time.process_time()
        for _ in range(BATCH):
            way()
        quickest = min(quickest, (time.process_time() - began) / BATCH)
    return 1_000_000 * quickest
