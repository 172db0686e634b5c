"""Which versions use which fragments. Versions saved before this step have none: includes were refused."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision: str | None = "0003"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "includes",
        sa.Column("version_id", sa.Text, sa.ForeignKey("versions.version_id"), primary_key=True),
        sa.Column("fragment", sa.Text, sa.ForeignKey("prompts.slug"), primary_key=True),
        sa.Column("fragment_version", sa.Integer, primary_key=True),
        sa.Column("slug", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("direct", sa.Boolean, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(["fragment", "fragment_version"], ["versions.slug", "versions.number"]),
    )
    op.create_index("ix_includes_fragment", "includes", ["fragment"])


def downgrade() -> None:
    """The locks in the versions are what counts; the table can be made again from them."""
    op.drop_table("includes")
