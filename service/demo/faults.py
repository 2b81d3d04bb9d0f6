"""Switches that make the simulated record misbehave the way real ones do."""

import random
import threading
from dataclasses import dataclass
from enum import StrEnum


class DisturbanceKind(StrEnum):
    ERROR = "error"
    """Answer 500 and store nothing."""
    THROTTLE = "throttle"
    """Answer 429 with Retry-After and store nothing."""
    DELAY = "delay"
    """Do it, but only after a while."""
    LOST_ANSWER = "lost-answer"
    """Store it, then close the connection without a word."""
    HTML = "html"
    """Store it, then answer 200 with somebody's web page, as a proxy in between would."""


@dataclass(frozen=True, slots=True)
class Disturbance:
    """Strikes calls of this `method` and resource `type` (None: any; the token endpoint is type `token`).

    `times` is how often it strikes before it is used up (None: until cleared), `rate` the share of matching calls it
    strikes, `seconds` the delay or the Retry-After.
    """

    kind: DisturbanceKind
    method: str | None = None
    type: str | None = None
    times: int | None = 1
    rate: float = 1.0
    seconds: float = 1.0

    def concerns(self, method: str, kind: str) -> bool:
        return self.method in (None, method) and self.type in (None, kind)


class Disturbances:
    """The faults now switched on; the first that strikes wins. Safe to switch from another thread."""

    def __init__(self, seed: int = 0) -> None:
        self._lock = threading.Lock()
        self._chance = random.Random(seed)
        self._armed: list[Disturbance] = []
        self._struck: list[int] = []

    def add(self, fault: Disturbance) -> None:
        with self._lock:
            self._armed.append(fault)
            self._struck.append(0)

    def clear(self) -> None:
        with self._lock:
            self._armed.clear()
            self._struck.clear()

    def strike(self, method: str, kind: str) -> Disturbance | None:
        """The fault that this call meets, if any; it counts as used."""
        with self._lock:
            for position, fault in enumerate(self._armed):
                left = fault.times is None or self._struck[position] < fault.times
                if left and fault.concerns(method, kind) and self._chance.random() < fault.rate:
                    self._struck[position] += 1
                    return fault
        return None
