"""One stamp for each commit, in whole milliseconds, so that a poller who reuses the highest one misses nothing."""

from sqlalchemy import Connection

from service.shared.clock import Clock, milliseconds
from service.store.dialect import Dialect


class Stamp:
    """The stamp of one transaction, taken when first asked for: last of all, for on PostgreSQL it holds a lock."""

    def __init__(self, connection: Connection, dialect: Dialect, clock: Clock) -> None:
        self._connection, self._dialect, self._clock = connection, dialect, clock
        self._taken: int | None = None

    def take(self) -> int:
        if self._taken is None:
            self._taken = self._dialect.take_stamp(self._connection, milliseconds(self._clock.now()))
        return self._taken
