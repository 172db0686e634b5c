"""Monitors, and the alerts that they raise: what changed, and who is told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from registry.storage.tables import JsonText, UtcDateTime

revision = "0007"
down_revision: str | None = "0006"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "monitors",
        sa.Column("slug", sa.Text, primary_key=True),
        sa.Column("metric", sa.Text, primary_key=True),
        sa.Column("direction", sa.Text, nullable=False),
        sa.Column("better", sa.Text, nullable=False),
        sa.Column("margin", sa.Float),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("updated_at", UtcDateTime, nullable=False),
        sa.Column("updated_by", sa.Text, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
    )
    op.create_table(
        "alerts",
        sa.Column("alert_id", sa.Text, primary_key=True),
        sa.Column("about", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("since", UtcDateTime, nullable=False),
        sa.Column("opened_at", UtcDateTime, nullable=False),
        sa.Column("cause", JsonText, nullable=False),
        sa.Column("acknowledged_at", UtcDateTime),
        sa.Column("acknowledged_by", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("muted_until", UtcDateTime),
        sa.Column("muted_by", sa.Text, nullable=False),
        sa.Column("closed_at", UtcDateTime),
    )
    op.create_index("ix_alerts_state", "alerts", ["state", "opened_at"])
    _lines()
    _deliveries()


def downgrade() -> None:
    """There is no way back, as in the steps before."""
    raise NotImplementedError("restore a backup instead: going back would drop monitors and alerts")


def _lines() -> None:
    op.create_table(
        "alert_lines",
        sa.Column("alert_id", sa.Text, sa.ForeignKey("alerts.alert_id"), primary_key=True),
        sa.Column("slug", sa.Text, primary_key=True),
        sa.Column("metric", sa.Text, primary_key=True),
        sa.Column("standing", sa.Boolean, nullable=False),
        sa.Column("line", JsonText, nullable=False),
        sa.Column("since", UtcDateTime, nullable=False),
        sa.Column("closed_at", UtcDateTime),
    )
    op.create_index("ix_alert_lines_series", "alert_lines", ["slug", "metric", "since"])
    standing = sa.text("standing")
    op.create_index(
        "ix_alert_lines_standing",
        "alert_lines",
        ["slug", "metric"],
        unique=True,
        sqlite_where=standing,
        postgresql_where=standing,
    )


def _deliveries() -> None:
    op.create_table(
        "alert_deliveries",
        sa.Column("delivery_id", sa.Text, primary_key=True),
        sa.Column("alert_id", sa.Text, sa.ForeignKey("alerts.alert_id"), nullable=False),
        sa.Column("destination", sa.Text, nullable=False),
        sa.Column("telling", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_at", UtcDateTime, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("ended_at", UtcDateTime),
        sa.Column("error", sa.Text, nullable=False),
    )
    op.create_index("ix_alert_deliveries_alert_id", "alert_deliveries", ["alert_id"])
    op.create_index("ix_alert_deliveries_state", "alert_deliveries", ["state", "next_at"])
