"""What an error means for the unit that met it, and what its waiter is told."""

from enum import Enum, auto

from sqlalchemy.exc import DBAPIError

from service.shared.errors import ServiceError, Unavailable


class Trouble(Enum):
    """What to do about an error: run the unit again, ask its sender to, stop for good, or nothing: it is not ours."""

    RETRY = auto()
    UNAVAILABLE = auto()
    BROKEN = auto()
    OTHER = auto()


class StatementRefused(ServiceError):
    """A statement broke a rule of the database: a defect of ours. It names the error and the constraint, no value."""


class Overtaken(ServiceError):
    """Another unit has changed what this one rests on while it waited: it is run once more."""


class TransactionLost(Exception):
    """The transaction had ended before its COMMIT, because of an error that a unit may have swallowed."""


# What is no driver's error, in either database.
OURS: dict[type[BaseException], Trouble] = {TransactionLost: Trouble.UNAVAILABLE, Overtaken: Trouble.RETRY}


def original(error: BaseException) -> BaseException:
    """The driver's own error, taken out of SQLAlchemy's."""
    return error.orig if isinstance(error, DBAPIError) and error.orig is not None else error


def error_name(error: BaseException) -> str:
    """The code of a driver's error and the constraint it is about, never its message."""
    driver = original(error)
    code = getattr(driver, "sqlite_errorname", None) or getattr(driver, "sqlstate", None) or type(driver).__name__
    constraint = getattr(getattr(driver, "diag", None), "constraint_name", None)
    return f"{code} {constraint}" if constraint else str(code)


def as_heard(error: Exception, trouble: Trouble) -> Exception:
    """What the waiter of a failed unit is told: never a driver's message, for it may quote what was being written."""
    if trouble is not Trouble.OTHER:
        return Unavailable(f"The store could not commit ({error_name(error)}).")
    return StatementRefused(error_name(error)) if is_by_driver(error) else error


def is_by_driver(error: BaseException) -> bool:
    return type(original(error)).__module__.partition(".")[0] in ("sqlite3", "psycopg")
