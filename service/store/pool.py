"""Threads with a connection each: they perform every unit on PostgreSQL, and the reads on SQLite."""

import random
import time
from contextlib import suppress
from threading import Event, Lock, Thread

from sqlalchemy import URL, Connection

from service.shared.clock import Clock
from service.shared.errors import Unavailable
from service.store.dialect import BUSY_SECONDS, Dialect, Kind
from service.store.jobs import Answered, Job, OpenUnit, Outcome, Queue, late, tell, unavailable
from service.store.stamp import Stamp
from service.store.trouble import Trouble, as_heard, error_name

IDLE_SECONDS = 5.0
RECONNECT_SECONDS = 0.5
# A database that is well is heard more often: whoever has nothing to do looks whether it answers, at once.
SILENT_SECONDS = IDLE_SECONDS + BUSY_SECONDS
# At most, and at least half of it: long enough for the unit that won the race to go on, and never the same for two that
# lost at once, who would only meet again.
RETRY_SECONDS = 0.1


class Pool:
    """As many threads as connections, and one bounded queue.

    It refuses new units while it has no connection at all, and when none of its threads has got through for too long.
    """

    def __init__(
        self,
        url: URL,
        dialect: Dialect,
        open_unit: OpenUnit,
        clock: Clock,
        *,
        size: int,
        capacity: int,
        read_only: bool = False,
    ) -> None:
        self.dialect, self.open_unit, self.clock = dialect, open_unit, clock
        self.queue = Queue(capacity)
        self._engine = dialect.engine(url, read_only=read_only)
        self._lock = Lock()
        self._connections = 0
        self._heard = time.monotonic()
        self._tried = Event()
        self._threads = [Thread(target=self._serve, name=f"store-{n}", daemon=True) for n in range(size)]
        for thread in self._threads:
            thread.start()
        self._tried.wait(2 * BUSY_SECONDS)

    def submit(self, job: Job) -> None:
        if reason := self.ready():
            raise Unavailable(reason)
        self.queue.put(job)

    def ready(self) -> str | None:
        return self.queue.reason or ("The database does not answer." if self._silent() else None)

    def heard(self) -> None:
        """A thread has got through to the database and back."""
        self._heard = time.monotonic()
        self.queue.accept()

    def _silent(self) -> bool:
        return time.monotonic() - self._heard > SILENT_SECONDS

    def close(self, patience: float) -> None:
        self.queue.close("The store is closing.")
        until = time.monotonic() + patience
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def connect(self) -> Connection | None:
        """A proven connection, or None; when no other answers, those that wait hear that there is none."""
        connection: Connection | None = None
        try:
            connection = self._engine.connect()
            # SQLAlchemy's own transaction stays open for ever and means nothing to the driver, which is in autocommit.
            connection.begin()
            self.dialect.begin(connection, Kind.READ)
            self.dialect.commit(connection)
        except Exception as error:  # noqa: BLE001  # whatever it is, there is no connection
            if connection is not None:
                _let_go(connection)
            reason = f"The database cannot be reached ({error_name(error)})."
            with self._lock:
                cut_off = self._connections == 0 or self._silent()
                if cut_off:
                    self.queue.refuse(reason)
            if cut_off:
                tell(unavailable(self.queue.empty(), reason))
            return None
        else:
            with self._lock:
                self._connections += 1
                self.heard()
            return connection
        finally:
            self._tried.set()

    def disconnect(self, connection: Connection) -> None:
        with self._lock:
            self._connections -= 1
        _let_go(connection)

    def _serve(self) -> None:
        seat = Seat(self)
        try:
            seat.serve()
        except BaseException as death:  # noqa: BLE001  # a thread has nobody to raise to: the waiters hear
            reason = f"A thread of the store has died of {type(death).__name__}."
            self.queue.close(reason)
            tell(unavailable(self.queue.empty(), reason))
            seat.leave()


def _let_go(connection: Connection) -> None:
    """Else it would stay open at the database until the garbage collector came by."""
    with suppress(Exception):  # it is lost already
        connection.invalidate()
        connection.close()


class Seat:
    """One thread of a pool with its own connection. Without one it takes no unit, so that another thread may."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._dialect = pool.dialect
        self._connection = pool.connect()
        self._begun = False

    def serve(self) -> None:
        queue = self._pool.queue
        while True:
            if self._connection is None:
                if queue.closed:
                    return None
                time.sleep(RECONNECT_SECONDS)
                self._connection = self._pool.connect()
                continue
            jobs = queue.take(1, IDLE_SECONDS)
            if jobs is None:
                return self.leave()
            if not jobs:
                self._prove(self._connection)
            for job in jobs:
                tell(late([job]) or [self._perform(job)])
            if self._connection is not None:
                self._pool.heard()

    def leave(self) -> None:
        if self._connection is not None:
            self._pool.disconnect(self._connection)
            self._connection = None

    def _perform(self, job: Job) -> Outcome:
        error: Exception = Unavailable("The connection was lost.")
        for last in (False, True):
            if self._connection is None:
                break
            try:
                return Outcome(job, self._attempt(job, self._connection))
            except Exception as raised:  # noqa: BLE001  # whatever a unit raises is for its waiter
                trouble = self._dialect.classify_error(raised)
                error = as_heard(raised, trouble)
                self._undo(self._connection)
                # A connection that was cut while it was idle is no failure of the unit, of which nothing had begun.
                if last or not (trouble is Trouble.RETRY or (trouble is Trouble.UNAVAILABLE and not self._begun)):
                    break
                if trouble is Trouble.RETRY:
                    time.sleep(random.uniform(RETRY_SECONDS / 2, RETRY_SECONDS))  # noqa: S311  # no secret
            except BaseException as death:
                tell(unavailable([job], f"A thread of the store has died of {type(death).__name__}."))
                raise
        return Outcome(job, error=error)

    def _attempt(self, job: Job, connection: Connection) -> Answered:
        self._begun = False
        self._dialect.begin(connection, job.kind)
        self._begun = True
        unit = self._pool.open_unit(connection, self._dialect, job.caller)
        value = job.work(unit)
        take_stamp = Stamp(connection, self._dialect, self._pool.clock).take
        stamp = None if job.kind is Kind.READ else unit.finish(take_stamp)
        self._dialect.commit(connection)
        return value, stamp

    def _undo(self, connection: Connection) -> None:
        try:
            self._dialect.rollback(connection)
        except Exception:  # noqa: BLE001  # a connection that cannot even do this is lost
            self._pool.disconnect(connection)
            self._connection = self._pool.connect()

    def _prove(self, connection: Connection) -> None:
        """A thread that has nothing to do looks whether its connection still works, so that no unit has to find out."""
        try:
            self._dialect.begin(connection, Kind.READ)
            self._dialect.commit(connection)
        except Exception:  # noqa: BLE001  # what it was shows when the connection is made anew
            self._undo(connection)
