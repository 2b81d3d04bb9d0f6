"""The one row that holds the highest stamp."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "commit_clock",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_commit_clock_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_commit_clock")),
    )
    op.execute("INSERT INTO commit_clock (id, last) VALUES (1, 0)")
