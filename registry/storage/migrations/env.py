"""What Alembic runs: apply the steps on the connection that `registry.storage.database.migrate` opened."""

from __future__ import annotations

from alembic import context

from registry.storage.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
