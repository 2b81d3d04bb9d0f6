"""Where the database is, and what is to be done about a SQLite file, which PostgreSQL does itself."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from service.shared.errors import InvalidSettings


def parse_url(url: str) -> URL:
    """The address of a database; InvalidSettings unless it is a SQLite file or a PostgreSQL database."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise InvalidSettings("The database is no URL; it must be sqlite:///a-file or postgresql://…") from None
    if parsed.get_backend_name() in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() == "sqlite" and parsed.database and parsed.database != ":memory:":
        return parsed.set(drivername="sqlite+pysqlite")
    raise InvalidSettings("The database must be sqlite:///a-file or postgresql://…; one in memory keeps nothing.")


def is_there(address: URL) -> bool:
    """Whether there is a file; only the server knows whether it has a database."""
    return address.get_backend_name() != "sqlite" or _file(address).exists()


def create_privately(address: URL) -> None:
    """A new database file that only this user can read; SQLite gives its log the same mode. PostgreSQL has its own."""
    if address.get_backend_name() != "sqlite":
        return
    path = _file(address)
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        # Never opened again by hand: closing any descriptor of a file drops the locks that SQLite holds on it.
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


@contextmanager
def exclusive(url: str, purpose: str = "serve", *, wait: bool = False) -> Iterator[None]:
    """Held by one process at a time for each SQLite file and purpose; PostgreSQL needs none, and nothing is held there.

    Raises InvalidSettings when another process holds it, unless told to `wait`. The system releases it when the process
    ends, however it ends.
    """
    address = parse_url(url)
    if address.get_backend_name() != "sqlite":
        yield
        return
    import fcntl

    path = _file(address, f".{purpose}.lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InvalidSettings(
                f"Another process holds {path.name}. One process serves a SQLite file; PostgreSQL takes several."
            ) from None
        yield
    finally:
        os.close(descriptor)


def _file(address: URL, beside: str = "") -> Path:
    return Path(f"{address.database}{beside}")
