"""Brings a database to the tables of this version. Alembic is imported only here, and only when it is needed."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from service.shared.errors import ServiceError, Unavailable
from service.store.address import create_privately, exclusive, parse_url
from service.store.dialect import Dialect, dialect_of
from service.store.trouble import Trouble, error_name, is_by_driver

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"


class MigrationFailed(ServiceError):
    """What a migration did may not stay. Nothing of it was kept, so it can be run again once it has been mended."""


def migrate(url: str) -> None:
    """Runs what is missing, in one transaction under a lock. Running it again, or twice at once, does nothing more.

    Unavailable, MigrationFailed, or a defect's own error, leaves everything as it was. MigrationFailed is also for
    tables that say they are of this version and are others.
    """
    address = parse_url(url)
    dialect = dialect_of(address)
    create_privately(address)
    try:
        with exclusive(url, "migrate", wait=True), dialect.engine(address).connect() as connection:
            dialect.begin_migration(connection)
            try:
                _migrate(connection, dialect)
            except BaseException:
                dialect.rollback(connection)
                raise
    except Exception as error:
        if dialect.classify_error(error) is not Trouble.OTHER:
            raise Unavailable(f"The database cannot be reached, or migrated now ({error_name(error)}).") from error
        if is_by_driver(error):
            raise MigrationFailed(f"The database refuses to be migrated ({error_name(error)}).") from error
        raise


def _migrate(connection: Connection, dialect: Dialect) -> None:
    if not is_current(connection):
        upgrade(connection)
    if wrong := problem(connection):
        raise MigrationFailed(wrong)
    dialect.commit(connection)


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Bring the tables to `revision`, within the transaction that `begin_migration` opened."""
    from alembic import command

    command.upgrade(_config(connection), revision)
    if connection.dialect.name == "sqlite" and connection.execute(text("PRAGMA foreign_key_check")).first():
        raise MigrationFailed("A row would refer to another that is gone.")


def is_current(connection: Connection) -> bool:
    """Whether the tables are of this version or a later one: migrations expand first, so this version runs on both."""
    return (version(connection) or "") >= latest()


def problem(connection: Connection) -> str | None:
    """Why this program cannot work on the tables, and what to do about it; None when it can."""
    if not is_current(connection):
        return "The database's tables are older than this program. Run `peer-referral migrate` first."
    if version(connection) == latest() and (others := _unlike_declared(connection)):
        return (
            f"The database was made by an unfinished version of this program: {', '.join(sorted(others)[:3])}. "
            "Nothing was changed. Start with a new database or data folder; for what is in this one, run that version."
        )
    return None


def _unlike_declared(connection: Connection) -> set[str]:
    """The columns and indexes that only the database has, or only the declaration."""
    from service.store.tables import metadata

    look = inspect(connection)
    columns = look.get_multi_columns(filter_names=list(metadata.tables))
    built = {_column(name, each["name"], each["nullable"]) for (_, name), some in columns.items() for each in some}
    indexes = look.get_multi_indexes(filter_names=list(metadata.tables))
    declared = {_column(table.name, each.name, each.nullable) for table in metadata.sorted_tables for each in table.c}
    wanted = {f"index {index.name}" for table in metadata.tables.values() for index in table.indexes}
    return (built ^ declared) | (wanted - {f"index {each['name']}" for some in indexes.values() for each in some})


def _column(table: str, column: str, nullable: bool | None) -> str:
    return f"{table}.{column}{'' if nullable else ' NOT NULL'}"


def version(connection: Connection) -> str | None:
    """The number of the newest migration that has run, None in a database that is not ours yet."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    number = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if number is None else str(number)


def latest() -> str:
    """The number of the newest migration. The files are named 0001_what_it_does.py, the number is the revision."""
    return max((path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py")), default="")


def check(url: str) -> list[str]:
    """What differs between a migrated database and the tables as declared; empty when they agree."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from service.store import tables

    address = parse_url(url)
    dialect = dialect_of(address)
    with dialect.engine(address).connect() as connection:
        dialect.begin_migration(connection)
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, tables.metadata)
        dialect.rollback(connection)
    return [str(difference) for difference in differences]


def revise(message: str) -> str:
    """Writes the next migration from what the declared tables have more than the migrated ones; gives its number.

    For developers: what it wrote is a draft to be read and completed by hand.
    """
    from alembic import command

    number = f"{int(latest() or 0) + 1:04d}"
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/draft.db"
        dialect = dialect_of(parse_url(url))
        with dialect.engine(parse_url(url)).connect() as connection:
            dialect.begin_migration(connection)
            upgrade(connection)
            command.revision(_config(connection), message, autogenerate=True, rev_id=number)
            dialect.rollback(connection)
    return number


def _config(connection: Connection) -> "Config":
    from alembic.config import Config

    # SQLAlchemy's transaction, which the driver does not know, tells alembic that somebody else commits.
    if not connection.in_transaction():
        connection.begin()
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    return config
