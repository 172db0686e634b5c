"""Caller keys; the database itself refuses to delete one, to change its hash, and to undo a revocation."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from registry.storage.migrations.guards import refuse, refuse_replacing
from registry.storage.tables import JsonText, UtcDateTime

revision = "0002"
down_revision: str | None = "0001"


def upgrade() -> None:
    """Make the table and its triggers."""
    op.create_table(
        "caller_keys",
        sa.Column("key_id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False, unique=True),
        sa.Column("hint", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("prompts", JsonText, nullable=False),
        sa.Column("channels", JsonText, nullable=False),
        sa.Column("endpoints", JsonText, nullable=False),
        sa.Column("models", JsonText, nullable=False),
        sa.Column("default_channel", sa.Text),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("expires_at", UtcDateTime),
        sa.Column("requests_per_minute", sa.Integer),
        sa.Column("budget_usd", sa.Text),
        sa.Column("budget_period", sa.Text),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("revoked_at", UtcDateTime),
        sa.Column("revoked_by", sa.Text),
        sa.Column("revision", sa.Integer, nullable=False, index=True),
    )
    refuse(
        "UPDATE",
        "caller_keys",
        "a key never changes its hash, and a revoked one stays revoked: create another",
        name="caller_keys_stay_themselves",
        when="NEW.key_id <> OLD.key_id OR NEW.hash <> OLD.hash OR (OLD.revoked_at IS NOT NULL"
        " AND (NEW.revoked_at IS NULL OR NEW.revoked_at <> OLD.revoked_at))",
    )
    refuse(
        "DELETE",
        "caller_keys",
        "a key is never deleted, calls and the history refer to it: revoke it",
        name="caller_keys_never_go",
    )
    refuse_replacing(
        "caller_keys",
        "this key exists already",
        name="caller_keys_never_replaced",
        same="key_id = NEW.key_id OR hash = NEW.hash",
    )


def downgrade() -> None:
    """There is no way back that keeps the history, so there is none."""
    raise NotImplementedError("restore a backup instead: going back would open a server that asks for keys")
