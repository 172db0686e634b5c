"""Who may put what where: splits of channels, rules, requests with reviews, verdicts, schedules, archived prompts, the source of a
version; and the history's hash chain, with the identity behind each event and the key that makes a write happen once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from registry.storage.chain import HASHED, START, event_hash
from registry.storage.migrations.guards import refuse, refuse_replacing
from registry.storage.tables import JsonText, UtcDateTime

revision = "0003"
down_revision: str | None = "0002"

_TEXT = ("identity", "idempotency_key", "fingerprint", "hash")


def upgrade() -> None:
    """Add columns, chain the events that are there, and make the tables and their triggers."""
    op.add_column("prompts", sa.Column("archived_at", UtcDateTime))
    op.add_column("prompts", sa.Column("archived_by", sa.Text))
    op.add_column("versions", sa.Column("source", JsonText, nullable=False, server_default="{}"))
    op.add_column("channels", sa.Column("split", JsonText, nullable=False, server_default="[]"))
    op.add_column("channels", sa.Column("sticky", sa.Text, nullable=False, server_default="session"))
    for name in _TEXT:
        op.add_column("events", sa.Column(name, sa.Text, nullable=False, server_default=""))
    op.create_index("ix_events_idempotency_key", "events", ["idempotency_key"])
    _chain()
    _tables()
    for table, same in (("reviews", "review_id = NEW.review_id"), ("verdicts", "verdict_id = NEW.verdict_id")):
        said = f"{table} never change: they are what a promotion stood on"
        refuse("UPDATE", table, said, name=f"{table}_never_change")
        refuse("DELETE", table, said, name=f"{table}_never_go")
        refuse_replacing(table, said, name=f"{table}_never_replaced", same=same)


def downgrade() -> None:
    """There is no way back that keeps the history, so there is none."""
    raise NotImplementedError("restore a backup instead: going back would drop rules and approvals")


def _chain() -> None:
    connection = op.get_bind()
    kinds = {
        "revision": sa.Integer,
        "at": UtcDateTime,
        "evidence": JsonText,
        "from_version": sa.Integer,
        "to_version": sa.Integer,
    }
    events = sa.table("events", *(sa.column(name, kinds.get(name, sa.Text)) for name in (*HASHED, "hash")))
    rows = connection.execute(sa.select(events).order_by(events.c.revision)).mappings().all()
    if not rows:
        return
    # Only SQLite has events from before this step: PostgreSQL came with it.
    op.execute("DROP TRIGGER events_never_change")
    before = START
    for row in rows:
        before = event_hash(before, {name: row[name] for name in HASHED})
        connection.execute(sa.update(events).where(events.c.revision == row["revision"]).values(hash=before))
    refuse("UPDATE", "events", "the history never changes: what happened, happened", name="events_never_change")


def _tables() -> None:
    op.create_table(
        "rules",
        sa.Column("slug", sa.Text, primary_key=True),
        sa.Column("channel", sa.Text, primary_key=True),
        sa.Column("approvals", sa.Integer, nullable=False),
        sa.Column("evaluation", sa.Boolean, nullable=False),
        sa.Column("holdback", sa.Float, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False, index=True),
    )
    op.create_table(
        "requests",
        sa.Column("request_id", sa.Text, primary_key=True),
        sa.Column("slug", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("requested_by", sa.Text, nullable=False),
        sa.Column("identity", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("closed_at", UtcDateTime),
        sa.Column("revision", sa.Integer, nullable=False, index=True),
        sa.ForeignKeyConstraint(["slug", "version"], ["versions.slug", "versions.number"]),
    )
    op.create_index("ix_requests_slug_channel_version", "requests", ["slug", "channel", "version"])
    op.create_table(
        "reviews",
        sa.Column("review_id", sa.Text, primary_key=True),
        sa.Column("request_id", sa.Text, sa.ForeignKey("requests.request_id"), nullable=False, index=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("identity", sa.Text, nullable=False),
        sa.Column("names", JsonText, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False, index=True),
    )
    op.create_table(
        "verdicts",
        sa.Column("verdict_id", sa.Text, primary_key=True),
        sa.Column("slug", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("passed", sa.Boolean, nullable=False),
        sa.Column("evidence", JsonText, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False, index=True),
        sa.ForeignKeyConstraint(["slug", "version"], ["versions.slug", "versions.number"]),
    )
    op.create_index("ix_verdicts_slug_version_revision", "verdicts", ["slug", "version", "revision"])
    op.create_table(
        "schedules",
        sa.Column("schedule_id", sa.Text, primary_key=True),
        sa.Column("slug", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("due_at", UtcDateTime, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("identity", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False, index=True),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False, index=True),
        sa.ForeignKeyConstraint(["slug", "version"], ["versions.slug", "versions.number"]),
    )
