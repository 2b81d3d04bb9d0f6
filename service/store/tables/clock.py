"""The one row that holds the highest stamp ever given to a commit."""

from sqlalchemy import BigInteger, CheckConstraint
from sqlmodel import Field

from service.store.tables.columns import Row, required


class CommitClock(Row, table=True):
    """`last` is in whole milliseconds since 1970-01-01T00:00:00Z. A migration writes the row; there is no other."""

    __tablename__ = "commit_clock"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    last: int = required(BigInteger)
