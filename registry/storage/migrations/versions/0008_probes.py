"""Probes and their nights; and that the content of a case may be erased, where a person asks for it, and changed in no other way."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from registry.storage.migrations.guards import refuse
from registry.storage.tables import JsonText, UtcDateTime

revision = "0008"
down_revision: str | None = "0007"


def upgrade() -> None:
    """Make the tables, and the trigger anew."""
    op.create_table(
        "probes",
        sa.Column("probe_id", sa.Text, primary_key=True),
        sa.Column("slug", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("model", sa.Text),
        sa.Column("dataset", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("repeats", sa.Integer, nullable=False),
        sa.Column("budget_usd", sa.Float, nullable=False),
        sa.Column("nightly_at", sa.Text, nullable=False),
        sa.Column("embedding_model", sa.Text),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("identity", sa.Text, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("removed_at", UtcDateTime),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(["slug", "version"], ["versions.slug", "versions.number"]),
    )
    op.create_index("ix_probes_slug", "probes", ["slug"])
    op.create_table(
        "probe_nights",
        sa.Column("probe_id", sa.Text, sa.ForeignKey("probes.probe_id"), primary_key=True),
        sa.Column("night", sa.Text, primary_key=True),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("evaluation_id", sa.Text, nullable=False, unique=True),
        sa.Column("change", JsonText),
    )
    _cases_may_be_erased()


def downgrade() -> None:
    """There is no way back, as in the steps before."""
    raise NotImplementedError("restore a backup instead: going back would drop probes and what they found")


def _cases_may_be_erased() -> None:
    name = "dataset_cases_never_change"
    on = " ON dataset_cases" if op.get_bind().dialect.name == "postgresql" else ""
    op.execute(f"DROP TRIGGER {name}{on}")
    same = "NEW.case_id = OLD.case_id AND NEW.hash = OLD.hash AND NEW.revision = OLD.revision"
    refuse(
        "UPDATE",
        "dataset_cases",
        "a case never changes: versions of datasets are made of it",
        name="dataset_cases_only_erased",
        when=f"NOT ({same} AND NEW.content = '{{\"erased\":true}}')",
    )
