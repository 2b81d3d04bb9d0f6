"""What alembic runs: over the connection it is given, whose transaction service/store/migrate.py begins and commits."""

from typing import Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy.types import TypeDecorator

from service.store import tables


def plain(kind: str, item: object, _: AutogenContext) -> str | Literal[False]:
    """A migration names the database's own types, so that it still runs when a class of ours has moved."""
    return f"sa.{item.impl!r}" if kind == "type" and isinstance(item, TypeDecorator) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=tables.metadata,
    render_as_batch=True,
    compare_type=True,
    render_item=plain,
)
context.run_migrations()
