"""Datasets, evaluations with their results, policies of rules, and the dataset that a verdict is about."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from registry.storage.migrations.guards import refuse, refuse_replacing
from registry.storage.tables import JsonText, UtcDateTime

revision = "0006"
down_revision: str | None = "0005"


def upgrade() -> None:
    """Add columns, and make the tables and their triggers."""
    op.add_column("rules", sa.Column("policy", JsonText))
    op.add_column("verdicts", sa.Column("dataset", sa.Text, nullable=False, server_default=""))
    op.create_index("ix_verdicts_slug_version_dataset", "verdicts", ["slug", "version", "dataset", "revision"])
    _datasets()
    _evaluations()
    said = "a version of a dataset never changes: save a new version instead"
    refuse("UPDATE", "dataset_versions", said, name="dataset_versions_never_change")
    refuse("DELETE", "dataset_versions", said, name="dataset_versions_never_go")
    same = "name = NEW.name AND number = NEW.number"
    refuse_replacing("dataset_versions", said, name="dataset_versions_never_replaced", same=same)
    said = "a case never changes: versions of datasets are made of it"
    refuse("UPDATE", "dataset_cases", said, name="dataset_cases_never_change")
    refuse("DELETE", "dataset_cases", said, name="dataset_cases_never_go")
    refuse_replacing("dataset_cases", said, name="dataset_cases_never_replaced", same="case_id = NEW.case_id")
    # They may be deleted: what is kept for long is the verdict, and results hold what users wrote.
    said = "a result never changes: it is what was answered"
    refuse("UPDATE", "evaluation_results", said, name="evaluation_results_never_change")
    same = "evaluation_id = NEW.evaluation_id AND target = NEW.target AND case_id = NEW.case_id AND repeat = NEW.repeat"
    refuse_replacing("evaluation_results", said, name="evaluation_results_never_replaced", same=same)


def downgrade() -> None:
    """There is no way back that keeps what promotions stood on, so there is none."""
    raise NotImplementedError("restore a backup instead: going back would drop datasets and policies")


def _datasets() -> None:
    op.create_table(
        "datasets",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("archived_at", UtcDateTime),
        sa.Column("archived_by", sa.Text),
        sa.Column("revision", sa.Integer, nullable=False),
    )
    op.create_table(
        "dataset_cases",
        sa.Column("case_id", sa.Text, primary_key=True),
        sa.Column("hash", sa.Text, nullable=False),
        sa.Column("content", JsonText, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
    )
    op.create_table(
        "dataset_versions",
        sa.Column("name", sa.Text, sa.ForeignKey("datasets.name"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("members", JsonText, nullable=False),
        sa.Column("checks", JsonText, nullable=False),
        sa.Column("content_hash", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
    )


def _evaluations() -> None:
    op.create_table(
        "evaluations",
        sa.Column("evaluation_id", sa.Text, primary_key=True),
        sa.Column("slug", sa.Text, nullable=False),
        sa.Column("dataset", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("plan", JsonText, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("total", sa.Integer, nullable=False),
        sa.Column("done", sa.Integer, nullable=False),
        sa.Column("failed", sa.Integer, nullable=False),
        sa.Column("cost", sa.Float, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("identity", sa.Text, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("started_at", UtcDateTime),
        sa.Column("ended_at", UtcDateTime),
        sa.Column("runner", sa.Text, nullable=False),
        sa.Column("lease_until", UtcDateTime),
        sa.Column("facts", JsonText),
        sa.Column("error", sa.Text, nullable=False),
    )
    op.create_index("ix_evaluations_state", "evaluations", ["state", "created_at"])
    op.create_index("ix_evaluations_slug", "evaluations", ["slug", "created_at"])
    op.create_table(
        "evaluation_results",
        sa.Column(
            "evaluation_id", sa.Text, sa.ForeignKey("evaluations.evaluation_id"), primary_key=True, nullable=False
        ),
        sa.Column("target", sa.Text, primary_key=True),
        sa.Column("case_id", sa.Text, primary_key=True),
        sa.Column("repeat", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("passed", sa.Boolean),
        sa.Column("cost", sa.Float),
        sa.Column("result", JsonText, nullable=False),
    )
