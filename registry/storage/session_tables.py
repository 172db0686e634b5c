"""The tables of people, sessions, failed sign-ins and shared pages. Knows columns; `registry.storage.tables` has the rest, and the rules.

No row here has a revision: nobody who serves calls reads them. What people did with them is in the events.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Integer, Table, Text, UniqueConstraint

from registry.storage.tables import JsonText, UtcDateTime, metadata

people = Table(
    "people",
    metadata,
    Column("person_id", Text, primary_key=True),
    Column("issuer", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("roles", JsonText, nullable=False),
    Column("first_seen_at", UtcDateTime, nullable=False),
    Column("last_seen_at", UtcDateTime, nullable=False),
    Column("blocked_at", UtcDateTime),
    Column("blocked_by", Text),
    UniqueConstraint("issuer", "subject"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("identity", Text, nullable=False),  # key:… or person:…
    Column("created_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    Index("ix_sessions_identity", "identity"),
)

sign_in_failures = Table(
    "sign_in_failures",
    metadata,
    Column("source", Text, primary_key=True),  # an address
    Column("count", Integer, nullable=False),
    Column("since", UtcDateTime, nullable=False),
)

shares = Table(
    "shares",
    metadata,
    Column("share_id", Text, primary_key=True),
    Column("hash", Text, nullable=False, unique=True),
    Column("path", Text, nullable=False),
    Column("slugs", JsonText, nullable=False),
    Column("bodies", Boolean, nullable=False),
    Column("note", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("identity", Text, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("revoked_at", UtcDateTime),
    Column("revoked_by", Text),
)
