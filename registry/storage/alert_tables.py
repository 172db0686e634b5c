"""The tables of monitors and alerts, beside those in `registry.storage.tables`.

Monitors carry the revision of the event that wrote them. Alerts have none: the keeper writes them, and nobody who serves calls reads them;
what a person does to one is an event.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, ForeignKey, Index, Integer, Table, Text, text

from registry.storage.tables import JsonText, UtcDateTime, metadata

monitors = Table(
    "monitors",
    metadata,
    Column("slug", Text, primary_key=True),  # "*" for every prompt
    Column("metric", Text, primary_key=True),
    Column("direction", Text, nullable=False),
    Column("better", Text, nullable=False),
    Column("margin", Float),
    Column("enabled", Boolean, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("updated_by", Text, nullable=False),
    Column("revision", Integer, nullable=False),
)

alerts = Table(
    "alerts",
    metadata,
    Column("alert_id", Text, primary_key=True),
    Column("about", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("since", UtcDateTime, nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("cause", JsonText, nullable=False),
    Column("acknowledged_at", UtcDateTime),
    Column("acknowledged_by", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("muted_until", UtcDateTime),
    Column("muted_by", Text, nullable=False),
    Column("closed_at", UtcDateTime),
    Index("ix_alerts_state", "state", "opened_at"),
)

alert_lines = Table(
    "alert_lines",
    metadata,
    Column("alert_id", Text, ForeignKey("alerts.alert_id"), primary_key=True),
    Column("slug", Text, primary_key=True),
    Column("metric", Text, primary_key=True),
    Column("standing", Boolean, nullable=False),  # the alert is open, and the series isn't back
    Column("line", JsonText, nullable=False),
    Column("since", UtcDateTime, nullable=False),
    Column("closed_at", UtcDateTime),
    Index("ix_alert_lines_series", "slug", "metric", "since"),
    Index(
        "ix_alert_lines_standing",
        "slug",
        "metric",
        unique=True,
        sqlite_where=text("standing"),
        postgresql_where=text("standing"),
    ),
)
"""What changed. A series has one standing line at most: the database itself refuses a second alert for the same change."""

alert_deliveries = Table(
    "alert_deliveries",
    metadata,
    Column("delivery_id", Text, primary_key=True),
    Column("alert_id", Text, ForeignKey("alerts.alert_id"), nullable=False, index=True),
    Column("destination", Text, nullable=False),
    Column("telling", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", UtcDateTime, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Column("error", Text, nullable=False),
    Index("ix_alert_deliveries_state", "state", "next_at"),
)
