"""The ClickHouse schema: numbered `.sql` files, run in order, each once.

A file is plain SQL that can be pasted into a client. Statements end with a semicolon at the end of a line and are written
so that running a file twice does no harm: a crash between a statement and its note is repaired by the next start.
What they are on a cluster is cluster.py's to say. A schema that a newer release made is refused, not guessed at.
"""

import re
from importlib import resources

from tracing.clickhouse import ClickHouse
from tracing.cluster import for_cluster

_LEDGER = """
CREATE TABLE IF NOT EXISTS schema_migrations (name String, applied_at DateTime64(3, 'UTC') DEFAULT now64(3))
ENGINE = MergeTree
ORDER BY name
"""
_ON_CLUSTERS = {"distributed_ddl_task_timeout": 300, "distributed_foreground_insert": 1}


class SchemaTooNew(Exception):
    """The calls were recorded by a newer Slugline than this one."""


def migrations() -> list[tuple[str, str]]:
    """Name and text of every migration, in order."""
    folder = resources.files("tracing") / "migrations"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    return [(file.name.removesuffix(".sql"), file.read_text("utf-8")) for file in files]


def statements(text: str) -> list[str]:
    """The statements of a migration file."""
    parts = re.split(r";[ \t]*(?:\n|\Z)", text)
    return [part.strip() for part in parts if re.sub(r"--[^\n]*", "", part).strip()]


def as_sent(statement: str, cluster: str | None) -> list[str]:
    """What is sent for a statement: itself, or what it is on that cluster."""
    return [statement] if cluster is None else for_cluster(statement, cluster)


async def migrate(clickhouse: ClickHouse, *, cluster: str | None = None) -> list[str]:
    """Brings the schema up to date; gives the names of the migrations that were run.

    Raises SchemaTooNew before it changes anything.
    """
    settings = _ON_CLUSTERS if cluster else {}
    for text in as_sent(_LEDGER.strip(), cluster):
        await clickhouse.command(text, **settings)
    done = {row[0] for row in (await clickhouse.query("SELECT name FROM schema_migrations")).rows}
    known = migrations()
    refuse_newer(done, {name for name, _ in known})
    ran = []
    for name, text in known:
        if name in done:
            continue
        for statement in statements(text):
            for sent in as_sent(statement, cluster):
                await clickhouse.command(sent, **settings)
        await clickhouse.command(f"INSERT INTO schema_migrations (name) VALUES ('{name}')", **settings)  # noqa: S608 - our own file names
        ran.append(name)
    return ran


def refuse_newer(done: set[str], known: set[str]) -> None:
    """Raises SchemaTooNew when a migration was run that this release doesn't have."""
    if unknown := sorted(done - known):
        raise SchemaTooNew(
            f"the schema of the calls is newer than this Slugline: it has {', '.join(unknown)}, and this release knows the "
            f"migrations up to {max(known)}. Start the release that made it, or a newer one; calls are recorded to the spool "
            "meanwhile, and nothing is lost."
        )
