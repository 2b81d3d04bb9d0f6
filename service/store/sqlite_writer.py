"""The one thread that writes to a SQLite file: it groups the units that wait into one durable commit."""

import time
from contextlib import suppress
from threading import Event, Thread

from sqlalchemy import URL

from service.shared.clock import Clock
from service.shared.errors import Unavailable
from service.store.address import create_privately
from service.store.dialect import BUSY_SECONDS, Dialect, Kind, sqlite_driver
from service.store.jobs import Job, OpenUnit, Outcome, Queue, late, tell, unavailable
from service.store.stamp import Stamp
from service.store.trouble import TransactionLost, Trouble, as_heard, error_name

GROUP = 64
PROBE_SECONDS = 0.25
# Every unit takes less, and so does every COMMIT of a disk that is well.
SILENT_SECONDS = 10.0
SILENT = "The disk does not answer."
NEVER = float("inf")

# Room for a few average units; a disk that takes this takes work again.
_PROBE = (
    "BEGIN IMMEDIATE",
    "CREATE TABLE IF NOT EXISTS store_probe (content BLOB)",
    "INSERT INTO store_probe VALUES (randomblob(65536))",
    "COMMIT",
    "BEGIN IMMEDIATE",
    "DROP TABLE store_probe",
    "COMMIT",
)


class StorageBroken(Exception):
    """The disk lost or garbled what it had accepted. The writer stops, for a later success would prove nothing."""


class SqliteWriter:
    """Owns the writing connection. Every waiter hears after its group's COMMIT.

    When a unit fails, its group is undone, and each of it is performed once more in a transaction of its own: to make a
    savepoint for each would have every page that a unit changes copied. When an error has ended the whole transaction,
    or COMMIT fails, the whole group hears Unavailable, nothing after it runs in that group, and new units are refused
    until a probe was written.
    """

    def __init__(self, url: URL, dialect: Dialect, open_unit: OpenUnit, clock: Clock, capacity: int) -> None:
        self._dialect, self._open_unit, self._clock = dialect, open_unit, clock
        self._engine = dialect.engine(url)
        self._url = url
        self._queue = Queue(capacity)
        self._tried = Event()
        # Since when the writer has been at what it does now, one unit or one COMMIT.
        self._busy_since = time.monotonic()
        self._thread = Thread(target=self._serve, name="store-writer", daemon=True)
        self._thread.start()
        self._tried.wait(2 * BUSY_SECONDS)

    def submit(self, job: Job) -> None:
        if self._silent():
            # Those that wait would begin too late; they hear it with the one that comes.
            tell(unavailable(self._queue.empty(), SILENT))
            raise Unavailable(SILENT)
        self._queue.put(job)

    def ready(self) -> str | None:
        return self._queue.reason or (SILENT if self._silent() else None)

    def _silent(self) -> bool:
        return time.monotonic() - self._busy_since > SILENT_SECONDS

    def close(self, patience: float) -> None:
        self._queue.close("The store is closing.")
        self._thread.join(patience)

    def _serve(self) -> None:
        reason = "The store has closed."
        try:
            self._start()
            while (jobs := self._next()) is not None:
                self._perform(jobs)
        except StorageBroken as broken:
            reason = str(broken)
        except BaseException as death:  # noqa: BLE001  # a thread has nobody to raise to: the waiters hear
            reason = f"The writer has died of {type(death).__name__}."
        finally:
            self._queue.close(reason)
            tell(unavailable(self._queue.empty(), reason))
            self._tried.set()
            self._disconnect()

    def _next(self) -> list[Job] | None:
        self._busy_since = NEVER
        jobs = self._queue.take(GROUP)
        self._busy_since = time.monotonic()
        return jobs

    def _start(self) -> None:
        try:
            self._connect()
            self._dialect.begin(self._connection, Kind.WRITE)
            self._dialect.rollback(self._connection)
        except Exception as error:  # noqa: BLE001  # whatever it is, a probe must show that it is over
            self._recover(error)
        self._tried.set()

    def _perform(self, jobs: list[Job]) -> None:
        outcomes = late(jobs)
        too_late = {id(outcome.job) for outcome in outcomes}
        group = [job for job in jobs if id(job) not in too_late]
        try:
            outcomes += self._commit(group)
        except BaseException as error:
            reason = f"The store could not commit ({error_name(error)})."
            self._queue.refuse(reason)
            tell(outcomes + unavailable(group, reason))
            if not isinstance(error, Exception):
                raise
            self._recover(error)  # closes the connection first, and with it whatever still stands of the transaction
        else:
            tell(outcomes)

    def _commit(self, group: list[Job]) -> list[Outcome]:
        """What the group hears once it is committed; when this raises nothing of it was kept, nor when it is put back
        and hears nothing yet."""
        if not group:
            return []
        self._dialect.begin(self._connection, Kind.WRITE)
        stamp = Stamp(self._connection, self._dialect, self._clock)
        performed: list[Outcome] = []
        for job in group:
            outcome = self._unit(job, stamp)
            self._busy_since = time.monotonic()
            if not self._driver.in_transaction:
                raise TransactionLost
            performed.append(outcome)
            if outcome.error is not None:
                self._dialect.rollback(self._connection)
                if len(group) == 1:
                    return performed
                self._queue.put_back(group)
                return []
        self._dialect.commit(self._connection)
        return performed

    def _unit(self, job: Job, stamp: Stamp) -> Outcome:
        try:
            unit = self._open_unit(self._connection, self._dialect, job.caller)
            value = job.work(unit)
            return Outcome(job, (value, unit.finish(stamp.take)))
        except Exception as error:
            trouble = self._dialect.classify_error(error)
            if trouble is Trouble.BROKEN:
                raise
            return Outcome(job, error=as_heard(error, trouble))

    def _recover(self, error: Exception) -> None:
        """Returns when a probe was written durably, or the store is closing. Whatever waits meanwhile hears at once."""
        while True:
            if self._dialect.classify_error(error) is Trouble.BROKEN:
                raise StorageBroken(f"The disk did not keep what was written ({error_name(error)}).")
            reason = f"The store cannot write ({error_name(error)})."
            self._queue.refuse(reason)
            try:
                self._disconnect()
                self._connect()
                for statement in _PROBE:
                    self._driver.execute(statement)
                return self._queue.accept()
            except Exception as again:  # noqa: BLE001  # not over yet
                error = again
            tell(unavailable(self._queue.empty(), reason))
            self._tried.set()
            if self._queue.closed:
                return None
            time.sleep(PROBE_SECONDS)

    def _connect(self) -> None:
        create_privately(self._url)
        self._connection = self._engine.connect()
        # SQLAlchemy's own transaction stays open for ever and means nothing to the driver, which is in autocommit.
        self._connection.begin()
        self._driver = sqlite_driver(self._connection)

    def _disconnect(self) -> None:
        with suppress(Exception):  # it was never opened, or is gone already
            self._connection.invalidate()
            self._connection.close()
