"""Migrations bring an empty database to the declared tables, once, whole or not at all, whoever else runs them."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection, TextClause, create_engine, inspect, text

from service.store import migrate as migrations
from service.store.address import parse_url
from service.store.migrate import MigrationFailed, check, is_current, latest, migrate, problem

FAILING = """
from alembic import op

revision = "9998"
down_revision = "{before}"


def upgrade() -> None:
    op.execute("CREATE TABLE half (id INTEGER PRIMARY KEY)")
    op.execute("{statement}")
"""


@pytest.fixture
def empty_url(database_url: str) -> str:
    """A database without any table."""
    engine = create_engine(parse_url(database_url), isolation_level="AUTOCOMMIT")
    if engine.dialect.name == "sqlite":
        for path in Path(str(engine.url.database)).parent.glob("service.db*"):
            path.unlink()
    else:
        with engine.connect() as connection:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()
    return database_url


def look(url: str, question: Callable[[Connection], object]) -> object:
    engine = create_engine(parse_url(url))
    with engine.connect() as connection:
        answer = question(connection)
    engine.dispose()
    return answer


def change(url: str, statement: TextClause) -> None:
    engine = create_engine(parse_url(url))
    with engine.begin() as connection:
        connection.execute(statement)
    engine.dispose()


def tables(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names())


def test_a_migrated_database_has_the_declared_tables_and_is_current(empty_url: str) -> None:
    assert look(empty_url, is_current) is False
    assert check(empty_url) != []

    migrate(empty_url)

    assert look(empty_url, is_current) is True
    assert check(empty_url) == []
    assert look(empty_url, lambda connection: connection.execute(text("SELECT last FROM commit_clock")).all()) == [(0,)]


def test_migrating_again_changes_nothing(empty_url: str) -> None:
    migrate(empty_url)
    later = text("UPDATE commit_clock SET last = 7")
    change(empty_url, later)

    migrate(empty_url)

    assert look(empty_url, lambda connection: connection.execute(text("SELECT last FROM commit_clock")).all()) == [(7,)]


def test_several_processes_may_migrate_at_once(empty_url: str) -> None:
    command = [sys.executable, "-c", "import sys; from service.store.migrate import migrate; migrate(sys.argv[1])"]
    processes = [subprocess.Popen([*command, empty_url]) for _ in range(3)]

    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert check(empty_url) == []


def test_the_newest_file_is_the_one_head(empty_url: str) -> None:
    from alembic.script import ScriptDirectory

    script = ScriptDirectory(str(migrations.MIGRATIONS))
    assert script.get_heads() == [latest()]
    assert [revision.revision for revision in script.walk_revisions()][-1] == "0001"


def test_a_database_of_a_later_version_is_current_and_is_left_alone(empty_url: str) -> None:
    migrate(empty_url)
    for later in ("UPDATE alembic_version SET version_num = '9999'", "ALTER TABLE patient ADD COLUMN later TEXT"):
        statement = text(later)
        change(empty_url, statement)

    migrate(empty_url)

    assert look(empty_url, problem) is None


@pytest.mark.parametrize(
    ("made", "named"),
    [
        ("ALTER TABLE patient DROP COLUMN district", "patient.district"),
        ("ALTER TABLE patient ADD COLUMN former TEXT NOT NULL DEFAULT ''", "patient.former NOT NULL"),
        ("ALTER TABLE patient RENAME TO person", "patient.birth_date"),
        ("DROP INDEX uq_referral_patient_id_open", "index uq_referral_patient_id_open"),
    ],
)
def test_tables_of_another_making_are_refused_though_they_say_they_are_of_this_version(
    empty_url: str, made: str, named: str
) -> None:
    migrate(empty_url)
    assert look(empty_url, problem) is None
    statement = text(made)
    change(empty_url, statement)

    with pytest.raises(MigrationFailed, match=f"unfinished version.*{named}.*Start with a new database"):
        migrate(empty_url)
    assert named in str(look(empty_url, problem))


@pytest.mark.parametrize("finished_before", [True, False], ids=["an upgrade", "the first migration"])
def test_a_migration_that_fails_leaves_nothing_and_can_be_run_again(
    empty_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, finished_before: bool
) -> None:
    if finished_before:
        migrate(empty_url)
    before = look(empty_url, tables)
    folder = tmp_path / "migrations"
    shutil.copytree(migrations.MIGRATIONS, folder)
    failing = folder / "versions" / "9998_fails.py"
    failing.write_text(FAILING.format(before=latest(), statement="SELECT no_such_column FROM half"))
    monkeypatch.setattr(migrations, "MIGRATIONS", folder)

    with pytest.raises(MigrationFailed) as failed:
        migrate(empty_url)
    assert "no_such_column" in str(failed.value.__cause__)
    assert "no_such_column" not in str(failed.value)
    assert look(empty_url, tables) == before
    assert look(empty_url, is_current) is False

    failing.write_text(failing.read_text().replace("no_such_column", "id"))
    migrate(empty_url)
    assert look(empty_url, is_current) is True
    assert look(empty_url, lambda connection: "half" in tables(connection)) is True
