"""The roster of workers, on PostgreSQL only: on SQLite it is a folder beside the file, because a row would be a write to all."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision: str | None = "0004"


def upgrade() -> None:
    """Make the table."""
    if op.get_bind().dialect.name != "postgresql":
        return
    op.create_table(
        "workers",
        sa.Column("worker_id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("backend", sa.Integer, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
    )


def downgrade() -> None:
    """There is no way back, as in the steps before."""
    raise NotImplementedError("restore a backup instead")
