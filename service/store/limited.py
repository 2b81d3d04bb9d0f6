"""A connection to PostgreSQL that waits for no answer for ever: a server that hangs is as good as one that is gone."""

from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus

T = TypeVar("T")

# What the server needs beyond its own limit to say that it was exceeded.
SPARE_SECONDS = 1
# For a network that drops everything: the system gives up what was sent and not acknowledged, and who waits and hears
# nothing. One that does not know tcp_user_timeout passes over it; a socket in the file system needs none of them.
NETWORK = {"tcp_user_timeout": 10_000, "keepalives_idle": 30, "keepalives_interval": 5, "keepalives_count": 3}


class Limited(psycopg.Connection[tuple[Any, ...]]):
    """After its limit without an answer it closes itself and raises psycopg.errors.ConnectionTimeout.

    The server's own limits come first. Ours is for a server that is stopped, or that no packet reaches: it may still
    commit what it was sent, and nobody can know, as after any connection lost during COMMIT.
    """

    _limit: float | None = None

    def prepare(self, lock: float, statement: float) -> None:
        """What every connection of ours begins with; one that fails at it is closed."""
        try:
            self.keep_to(lock, statement)
            # A server whose default is synchronous_commit = off would acknowledge what a power cut takes away.
            self.execute(
                "SET TIME ZONE 'UTC'; SELECT set_config('synchronous_commit', 'on', false)"
                " WHERE current_setting('synchronous_commit') = 'off'"
            )
        except BaseException:
            self.close()
            raise

    def keep_to(self, lock: float, statement: float) -> None:
        """How many seconds a statement may wait for a lock, and take in all; 0 is for ever."""
        self._limit = statement + SPARE_SECONDS if statement else None
        self.execute(
            f"SET lock_timeout = '{lock}s'; SET statement_timeout = '{statement}s';"
            f" SET idle_in_transaction_session_timeout = '{statement}s'"
        )

    def at_once(self, statement: str, seconds: float) -> None:
        """Executes what neither waits for anything nor works, with a limit of its own."""
        usual, self._limit = self._limit, seconds
        try:
            self.execute(statement.encode())
        finally:
            self._limit = usual

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        try:
            return super().wait(gen, interval, timeout or self._limit)
        except psycopg.OperationalError:
            # Whatever else failed, the server has answered or the connection is gone.
            if self.pgconn.transaction_status != TransactionStatus.ACTIVE:
                raise
            self.close()
            raise psycopg.errors.ConnectionTimeout("The server did not answer.") from None
