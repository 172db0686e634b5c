"""Prompts, versions, channels and events; the database itself refuses to change a version or an event."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from registry.tables import JsonText, UtcDateTime

revision = "0001"
down_revision: str | None = None

# SQLite's REPLACE deletes rows without firing DELETE triggers, hence the third kind of trigger.
SQLITE_TRIGGERS = (
    """CREATE TRIGGER versions_never_change BEFORE UPDATE ON versions
    BEGIN SELECT RAISE(ABORT, 'a version never changes: save a new version instead'); END""",
    """CREATE TRIGGER versions_never_go BEFORE DELETE ON versions
    BEGIN SELECT RAISE(ABORT, 'a version is never deleted: calls and the history refer to it'); END""",
    """CREATE TRIGGER versions_never_replaced BEFORE INSERT ON versions
    WHEN EXISTS (SELECT 1 FROM versions
                 WHERE version_id = NEW.version_id OR (slug = NEW.slug AND number = NEW.number))
    BEGIN SELECT RAISE(ABORT, 'a version never changes: this one exists already'); END""",
    """CREATE TRIGGER events_never_change BEFORE UPDATE ON events
    BEGIN SELECT RAISE(ABORT, 'the history never changes: what happened, happened'); END""",
    """CREATE TRIGGER events_never_go BEFORE DELETE ON events
    BEGIN SELECT RAISE(ABORT, 'the history is never deleted'); END""",
    """CREATE TRIGGER events_never_replaced BEFORE INSERT ON events
    WHEN EXISTS (SELECT 1 FROM events WHERE revision = NEW.revision)
    BEGIN SELECT RAISE(ABORT, 'the history never changes: this revision exists already'); END""",
)


def upgrade() -> None:
    """Make the four tables and their triggers."""
    op.create_table(
        "prompts",
        sa.Column("slug", sa.Text, primary_key=True),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("tags", JsonText, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False, index=True),
    )
    op.create_table(
        "versions",
        sa.Column("version_id", sa.Text, primary_key=True),
        sa.Column("slug", sa.Text, sa.ForeignKey("prompts.slug"), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("content_hash", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False, index=True),
        sa.UniqueConstraint("slug", "number"),
    )
    op.create_table(
        "channels",
        sa.Column("slug", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False, index=True),
        sa.Column("moved_at", UtcDateTime, nullable=False),
        sa.Column("moved_by", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["slug", "version"], ["versions.slug", "versions.number"]),
    )
    op.create_table(
        "events",
        sa.Column("revision", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("slug", sa.Text, nullable=False),
        sa.Column("channel", sa.Text),
        sa.Column("from_version", sa.Integer),
        sa.Column("to_version", sa.Integer),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("evidence", JsonText, nullable=False),
        sa.Column("request_id", sa.Text, nullable=False),
    )
    op.create_index("ix_events_slug_channel_revision", "events", ["slug", "channel", "revision"])
    for trigger in SQLITE_TRIGGERS:
        op.execute(trigger)


def downgrade() -> None:
    """There is no way back that keeps the history, so there is none."""
    raise NotImplementedError("restore a backup instead: going back would delete versions")
