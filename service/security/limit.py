"""Slows whoever keeps failing, without slowing anyone else."""

from collections import OrderedDict, deque

FAILURES = 10
WINDOW_SECONDS = 60.0
MOST_KEYS = 10_000


class FailureLimit:
    """Counts failures for each key in the last minute, in this process; beyond 10,000 keys the oldest is forgotten.

    The key is a client id together with the address it is claimed from, so that nobody can lock a client out from
    elsewhere, and a client that fails does not hold up another behind the same address.
    """

    def __init__(self) -> None:
        self._failures: OrderedDict[tuple[str, str], deque[float]] = OrderedDict()

    def wait_seconds(self, key: tuple[str, str], present: float) -> int:
        """How long this key must wait before it is heard again; 0 when it is heard now."""
        times = self._failures.get(key)
        if times is None or len(times) < FAILURES:
            return 0
        return max(0, int(times[0] + WINDOW_SECONDS - present) + 1) if present < times[0] + WINDOW_SECONDS else 0

    def failed(self, key: tuple[str, str], present: float) -> None:
        # The deque holds as many as are allowed, so its first entry alone tells when the next attempt is heard.
        self._failures.setdefault(key, deque(maxlen=FAILURES)).append(present)
        self._failures.move_to_end(key)
        if len(self._failures) > MOST_KEYS:
            self._failures.popitem(last=False)
