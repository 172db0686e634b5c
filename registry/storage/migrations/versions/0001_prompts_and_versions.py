"""Prompts, versions, channels and events; the database itself refuses to change a version or an event."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from registry.storage.migrations.guards import refuse, refuse_replacing
from registry.storage.tables import JsonText, UtcDateTime

revision = "0001"
down_revision: str | None = None


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
    refuse("UPDATE", "versions", "a version never changes: save a new version instead", name="versions_never_change")
    refuse(
        "DELETE", "versions", "a version is never deleted: calls and the history refer to it", name="versions_never_go"
    )
    refuse_replacing(
        "versions",
        "a version never changes: this one exists already",
        name="versions_never_replaced",
        same="version_id = NEW.version_id OR (slug = NEW.slug AND number = NEW.number)",
    )
    refuse("UPDATE", "events", "the history never changes: what happened, happened", name="events_never_change")
    refuse("DELETE", "events", "the history is never deleted", name="events_never_go")
    refuse_replacing(
        "events",
        "the history never changes: this revision exists already",
        name="events_never_replaced",
        same="revision = NEW.revision",
    )


def downgrade() -> None:
    """There is no way back that keeps the history, so there is none."""
    raise NotImplementedError("restore a backup instead: going back would delete versions")
