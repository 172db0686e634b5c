"""Caller keys; the database itself refuses to delete one, to change its hash, and to undo a revocation."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from registry.tables import JsonText, UtcDateTime

revision = "0002"
down_revision: str | None = "0001"

# As with versions: SQLite's REPLACE deletes rows without firing DELETE triggers, hence the last trigger.
SQLITE_TRIGGERS = (
    """CREATE TRIGGER caller_keys_stay_themselves BEFORE UPDATE ON caller_keys
    WHEN NEW.key_id <> OLD.key_id OR NEW.hash <> OLD.hash
      OR (OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS NOT OLD.revoked_at)
    BEGIN SELECT RAISE(ABORT, 'a key never changes its hash, and a revoked one stays revoked: create another'); END""",
    """CREATE TRIGGER caller_keys_never_go BEFORE DELETE ON caller_keys
    BEGIN SELECT RAISE(ABORT, 'a key is never deleted, calls and the history refer to it: revoke it'); END""",
    """CREATE TRIGGER caller_keys_never_replaced BEFORE INSERT ON caller_keys
    WHEN EXISTS (SELECT 1 FROM caller_keys WHERE key_id = NEW.key_id OR hash = NEW.hash)
    BEGIN SELECT RAISE(ABORT, 'this key exists already'); END""",
)


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
    for trigger in SQLITE_TRIGGERS:
        op.execute(trigger)


def downgrade() -> None:
    """There is no way back that keeps the history, so there is none."""
    raise NotImplementedError("restore a backup instead: going back would open a server that asks for keys")
