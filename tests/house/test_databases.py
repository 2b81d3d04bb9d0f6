"""The databases that tests are given are real ones: durable, apart from each other, and gone afterwards."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.exc import OperationalError

PostgresqlDatabase = Callable[[str | None], AbstractContextManager[str]]


def ask(url: str, question: str) -> object:
    with create_engine(url, poolclass=NullPool).begin() as connection:
        result = connection.execute(text(question))
        return result.scalar() if result.returns_rows else None


def test_a_test_module_gets_an_empty_database_of_the_engine_it_asked_for(database_url: str) -> None:
    catalogue = {
        "sqlite": "SELECT count(*) FROM sqlite_master",
        "postgresql+psycopg": "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'",
    }
    assert ask(database_url, catalogue[database_url.partition(":")[0]]) == 0


@pytest.mark.parametrize("setting", ["fsync", "synchronous_commit", "full_page_writes"])
def test_a_commit_on_postgresql_is_durable(postgresql_url: str, setting: str) -> None:
    assert ask(postgresql_url, f"SHOW {setting}") == "on"


def test_a_database_copies_its_template_and_is_gone_after_its_block(postgresql_database: PostgresqlDatabase) -> None:
    with postgresql_database(None) as template:
        ask(template, "CREATE TABLE kept (id int)")
        with postgresql_database(template.rpartition("/")[2].partition("?")[0]) as copy:
            assert ask(copy, "SELECT count(*) FROM kept") == 0
            assert copy != template
        with pytest.raises(OperationalError):
            ask(copy, "SELECT 1")
