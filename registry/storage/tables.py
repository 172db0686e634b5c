"""The registry's tables as SQLAlchemy sees them; portable between SQLite and PostgreSQL.

Knows columns and types. Refuses to know how tables come to be (registry/storage/migrations) and who writes them (registry.writing). Every
row carries the revision of the event that wrote it, so that a reader who has seen revision 41 asks for what is above 41 and nothing
else. Evaluations and their results have none: they are written while one runs, and nobody who serves calls reads them.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC datetime. SQLite keeps no zone, so it is put back on reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To UTC; naive values are refused, because nobody could say what they mean."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time in the registry needs its time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Always aware."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class JsonText(TypeDecorator[Any]):
    """JSON kept as text, so that what was hashed is what is stored, on every engine."""

    impl = Text
    cache_ok = True

    def __init__(self, *, none_as_null: bool = False) -> None:
        super().__init__()
        self.none_as_null = none_as_null

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Write."""
        if value is None and self.none_as_null:
            return None
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """Read."""
        return None if value is None else json.loads(value)


metadata = MetaData()

prompts = Table(
    "prompts",
    metadata,
    Column("slug", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("tags", JsonText, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("archived_at", UtcDateTime),
    Column("archived_by", Text),
    Column("revision", Integer, nullable=False, index=True),
)

versions = Table(
    "versions",
    metadata,
    Column("version_id", Text, primary_key=True),
    Column("slug", Text, ForeignKey("prompts.slug"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("content", Text, nullable=False),
    Column("content_hash", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("source", JsonText, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("revision", Integer, nullable=False, index=True),
    UniqueConstraint("slug", "number"),
)

channels = Table(
    "channels",
    metadata,
    Column("slug", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("split", JsonText, nullable=False),  # arms beside the version, as registry.split writes them
    Column("sticky", Text, nullable=False),
    Column("revision", Integer, nullable=False, index=True),
    Column("moved_at", UtcDateTime, nullable=False),
    Column("moved_by", Text, nullable=False),
    ForeignKeyConstraint(["slug", "version"], ["versions.slug", "versions.number"]),
)

includes = Table(
    "includes",
    metadata,
    Column("version_id", Text, ForeignKey("versions.version_id"), primary_key=True),
    Column("fragment", Text, ForeignKey("prompts.slug"), primary_key=True),
    Column("fragment_version", Integer, primary_key=True),
    Column("slug", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("direct", Boolean, nullable=False),
    Column("revision", Integer, nullable=False),
    ForeignKeyConstraint(["fragment", "fragment_version"], ["versions.slug", "versions.number"]),
    Index("ix_includes_fragment", "fragment"),
)
"""Which version uses which version of a fragment, itself (`direct`) or through another fragment. An index and nothing more: the
locks in `versions.content` are what counts, and this table can be made from them."""

events = Table(
    "events",
    metadata,
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("at", UtcDateTime, nullable=False),
    Column("actor", Text, nullable=False),
    Column("identity", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("slug", Text, nullable=False),
    Column("channel", Text),
    Column("from_version", Integer),
    Column("to_version", Integer),
    Column("reason", Text, nullable=False),
    Column("evidence", JsonText, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("idempotency_key", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Index("ix_events_slug_channel_revision", "slug", "channel", "revision"),
    Index("ix_events_idempotency_key", "idempotency_key"),
)

rules = Table(
    "rules",
    metadata,
    Column("slug", Text, primary_key=True),  # "*" for every prompt
    Column("channel", Text, primary_key=True),
    Column("approvals", Integer, nullable=False),
    Column("evaluation", Boolean, nullable=False),
    Column("holdback", Float, nullable=False),
    Column("policy", JsonText(none_as_null=True)),  # as registry.policy writes it
    Column("revision", Integer, nullable=False, index=True),
)

requests = Table(
    "requests",
    metadata,
    Column("request_id", Text, primary_key=True),
    Column("slug", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("requested_by", Text, nullable=False),
    Column("identity", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("closed_at", UtcDateTime),
    Column("revision", Integer, nullable=False, index=True),
    ForeignKeyConstraint(["slug", "version"], ["versions.slug", "versions.number"]),
    Index("ix_requests_slug_channel_version", "slug", "channel", "version"),
)

reviews = Table(
    "reviews",
    metadata,
    Column("review_id", Text, primary_key=True),
    Column("request_id", Text, ForeignKey("requests.request_id"), nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("identity", Text, nullable=False),
    Column("names", JsonText, nullable=False),
    Column("text", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("revision", Integer, nullable=False, index=True),
)

verdicts = Table(
    "verdicts",
    metadata,
    Column("verdict_id", Text, primary_key=True),
    Column("slug", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("passed", Boolean, nullable=False),
    Column("dataset", Text, nullable=False),  # the name alone; "" where the evidence is of none
    Column("evidence", JsonText, nullable=False),
    Column("actor", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("revision", Integer, nullable=False, index=True),
    ForeignKeyConstraint(["slug", "version"], ["versions.slug", "versions.number"]),
    Index("ix_verdicts_slug_version_revision", "slug", "version", "revision"),
    Index("ix_verdicts_slug_version_dataset", "slug", "version", "dataset", "revision"),
)

schedules = Table(
    "schedules",
    metadata,
    Column("schedule_id", Text, primary_key=True),
    Column("slug", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("identity", Text, nullable=False),
    Column("state", Text, nullable=False, index=True),
    Column("outcome", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("revision", Integer, nullable=False, index=True),
    ForeignKeyConstraint(["slug", "version"], ["versions.slug", "versions.number"]),
)

probes = Table(
    "probes",
    metadata,
    Column("probe_id", Text, primary_key=True),
    Column("slug", Text, nullable=False, index=True),
    Column("version", Integer, nullable=False),
    Column("model", Text),
    Column("dataset", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("repeats", Integer, nullable=False),
    Column("budget_usd", Float, nullable=False),
    Column("nightly_at", Text, nullable=False),  # HH:MM, UTC
    Column("embedding_model", Text),
    Column(
        "reference", Text, nullable=False
    ),  # the evaluation that nights are compared with; "" for the first that is done
    Column("actor", Text, nullable=False),
    Column("identity", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("removed_at", UtcDateTime),
    Column("revision", Integer, nullable=False),
    ForeignKeyConstraint(["slug", "version"], ["versions.slug", "versions.number"]),
)

probe_nights = Table(
    "probe_nights",
    metadata,
    Column("probe_id", Text, ForeignKey("probes.probe_id"), primary_key=True),
    Column("night", Text, primary_key=True),  # the day on which it was due, or the moment for which it was asked
    Column("at", UtcDateTime, nullable=False),
    Column("evaluation_id", Text, nullable=False, unique=True),
    Column("change", JsonText(none_as_null=True)),  # as evaluation.probes writes it
)
"""Its key is what lets a night run once, however many keepers there are."""

caller_keys = Table(
    "caller_keys",
    metadata,
    Column("key_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("hash", Text, nullable=False, unique=True),
    Column("hint", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("prompts", JsonText, nullable=False),
    Column("channels", JsonText, nullable=False),
    Column("endpoints", JsonText, nullable=False),
    Column("models", JsonText, nullable=False),
    Column("default_channel", Text),
    Column("owner", Text, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("requests_per_minute", Integer),
    Column("budget_usd", Text),  # a decimal number; SQLite has no type that keeps one exactly
    Column("budget_period", Text),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("revoked_at", UtcDateTime),
    Column("revoked_by", Text),
    Column("revision", Integer, nullable=False, index=True),
)

datasets = Table(
    "datasets",
    metadata,
    Column("name", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("archived_at", UtcDateTime),
    Column("archived_by", Text),
    Column("revision", Integer, nullable=False),
)

dataset_cases = Table(
    "dataset_cases",
    metadata,
    Column("case_id", Text, primary_key=True),
    Column("hash", Text, nullable=False),  # of all of the content: an id is too short to rest on alone
    Column("content", JsonText, nullable=False),
    Column("revision", Integer, nullable=False),
)
"""Each case once, however many versions of however many datasets have it: variables, messages, expected, checks."""

dataset_versions = Table(
    "dataset_versions",
    metadata,
    Column("name", Text, ForeignKey("datasets.name"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("size", Integer, nullable=False),
    Column("members", JsonText, nullable=False),  # in their order: the case's id, and what this version says about it
    Column("checks", JsonText, nullable=False),
    Column("content_hash", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("revision", Integer, nullable=False),
)

evaluations = Table(
    "evaluations",
    metadata,
    Column("evaluation_id", Text, primary_key=True),
    Column("slug", Text, nullable=False),
    Column("dataset", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("plan", JsonText, nullable=False),
    Column("state", Text, nullable=False),
    Column("total", Integer, nullable=False),
    Column("done", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("cost", Float, nullable=False),
    Column("actor", Text, nullable=False),
    Column("identity", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("started_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    Column("runner", Text, nullable=False),
    Column("lease_until", UtcDateTime),
    Column("facts", JsonText(none_as_null=True)),
    Column("error", Text, nullable=False),
    Index("ix_evaluations_state", "state", "created_at"),
    Index("ix_evaluations_slug", "slug", "created_at"),
)

evaluation_results = Table(
    "evaluation_results",
    metadata,
    Column("evaluation_id", Text, ForeignKey("evaluations.evaluation_id"), primary_key=True),
    Column("target", Text, primary_key=True),
    Column("case_id", Text, primary_key=True),
    Column("repeat", Integer, primary_key=True, autoincrement=False),
    Column("passed", Boolean),
    Column("cost", Float),
    Column("result", JsonText, nullable=False),
)
