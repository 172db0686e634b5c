"""The ClickHouse schema: numbered `.sql` files, run in order, each once.

A file is plain SQL that can be pasted into a client. Statements end with a semicolon at the end of a line and are written
so that running a file twice does no harm: a crash between a statement and its note is repaired by the next start.
"""

import re
from importlib import resources

from tracing.clickhouse import ClickHouse

_LEDGER = """
CREATE TABLE IF NOT EXISTS schema_migrations (name String, applied_at DateTime64(3, 'UTC') DEFAULT now64(3))
ENGINE = MergeTree ORDER BY name
"""


def migrations() -> list[tuple[str, str]]:
    """Name and text of every migration, in order."""
    folder = resources.files("tracing") / "migrations"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    return [(file.name.removesuffix(".sql"), file.read_text("utf-8")) for file in files]


def statements(text: str) -> list[str]:
    """The statements of a migration file."""
    parts = re.split(r";[ \t]*(?:\n|\Z)", text)
    return [part.strip() for part in parts if re.sub(r"--[^\n]*", "", part).strip()]


async def migrate(clickhouse: ClickHouse) -> list[str]:
    """Brings the schema up to date; gives the names of the migrations that were run."""
    await clickhouse.command(_LEDGER)
    done = {row[0] for row in (await clickhouse.query("SELECT name FROM schema_migrations")).rows}
    ran = []
    for name, text in migrations():
        if name in done:
            continue
        for statement in statements(text):
            await clickhouse.command(statement)
        await clickhouse.command(f"INSERT INTO schema_migrations (name) VALUES ('{name}')")  # noqa: S608 - our own file names
        ran.append(name)
    return ran
