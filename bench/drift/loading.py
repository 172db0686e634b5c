"""Calls of a plan into ClickHouse, as fast as ClickHouse takes them: numbers in its binary format, which SQL makes calls and scores of.

Scores are counted by hour by the product's own code. What is left in the tables is what `slugline calls import` and `slugline scores
import` leave of the same rows (tests/integration/test_drift_bench.py); it only doesn't look whether rows are there already.

1. `leave_out` takes away the materialized views whose targets neither the analysis nor the counting reads: other pages are fed by them.
2. Nothing is fresh then, as two days after the loading: `fresh_keys` tells which scores aren't counted yet, and all of them are.

Refuses to know what is in the calls.
"""

import contextlib
import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from clickhouse_connect.driver.client import Client

from bench.drift.plans import Array
from bench.drift.traffic import Calls
from evaluation.statements import load_statements
from tests.plugins.engine import Database, Databases, run_engine
from tracing.clickhouse import ClickHouse
from tracing.migrate import migrations
from tracing.rollups.scores import count_scores

METRIC = "accepted"
AT_ONCE = 400_000
"""Calls of an insert. The embedded engine takes them in a few hundred megabytes."""

READ = frozenset({"call_keys", "score_targets", "calls_hourly"})
"""What views feed and the analysis or the counting of scores reads."""

_NAMES = ("channel", "variant", "model", "fingerprint", "params", "stratum", "scorer_version")
_ROW = np.dtype([
    ("call_id", "<u8", 2), ("at", "<i8"), ("version", "<u4"), ("prompt", "<u2"), ("channel", "<u2"), ("variant", "<u2"), ("model", "<u2"),
    ("fingerprint", "<u2"), ("params", "<u2"), ("stratum", "<u2"), ("user", "<u4"), ("input_tokens", "<u4"), ("output_tokens", "<u4"),
    ("duration_ms", "<f8"), ("value", "i1"), ("scorer_version", "<u2"), ("scored_at", "<i8"),
])  # fmt: skip
"""A row of bench_calls in loading.sql; a UUID is two halves, each with its last byte first (ClickHouse's RowBinary format)."""


@contextlib.contextmanager
def open_databases(server: Database | None = None) -> Iterator[Databases]:
    """Databases with the product's schema, on an embedded engine of its own or on a server."""
    if server is not None:
        yield Databases(server)
        return
    with tempfile.TemporaryDirectory() as folder, run_engine(Path(folder)) as engine:
        yield Databases(engine)


def left_out() -> dict[str, str]:
    """The materialized views that a report needs nothing of, by name, and what each feeds; as the migrations have them."""
    text = "\n".join(text for _, text in migrations())
    made = re.findall(r"^CREATE MATERIALIZED VIEW (?:IF NOT EXISTS )?(\w+) TO (\w+)", text, re.MULTILINE)
    gone = set(re.findall(r"^DROP VIEW IF EXISTS (\w+)", text, re.MULTILINE))
    return {view: target for view, target in made if target not in READ and view not in gone}


def leave_out(client: Client) -> None:
    """Takes these views away, and the waiting for disks, which a bench can do without."""
    for view in left_out():
        client.command(f"DROP VIEW IF EXISTS {view} SYNC")
    for table in ("calls", "score_events"):
        client.command(f"ALTER TABLE {table} MODIFY SETTING fsync_after_insert = 0, fsync_part_directory = 0")


def load(client: Client, calls: Sequence[Calls]) -> int:
    """Loads calls and their scores; gives the number of rows."""
    client.command(load_statements("bench.drift", "loading.sql")["table"])
    rows = 0
    waiting: list[Calls] = []
    for number, each in enumerate(calls):
        waiting.append(each)
        if sum(map(len, waiting)) >= AT_ONCE or number == len(calls) - 1:
            rows += _insert(client, waiting)
            waiting = []
    client.command("DROP TABLE bench_calls SYNC")
    return rows


async def count(clickhouse: ClickHouse) -> None:
    """Counts all scores by hour, as the keeper does."""
    await count_scores(clickhouse, everything=True)


def _insert(client: Client, calls: Sequence[Calls]) -> int:
    """One insert of several prompts' calls, and one of their scores."""
    names: list[str] = []
    rows = np.concatenate([_rows(each, names) for each in calls])
    if not rows.size:
        return 0
    statements = load_statements("bench.drift", "loading.sql")
    client.raw_insert("bench_calls", insert_block=rows.tobytes(), fmt="RowBinary")
    for name in ("calls", "scores"):
        client.command(statements[name], {"names": names, "metric": METRIC})
    client.command("TRUNCATE TABLE bench_calls")
    return rows.size + int((rows["value"] >= 0).sum())


def _rows(calls: Calls, names: list[str]) -> Array:
    """The calls as rows of bench_calls; their names are added to `names`."""
    rows = np.zeros(len(calls), _ROW)
    rows["call_id"] = np.frombuffer(calls.ids, ">u8").reshape(-1, 2)
    rows["prompt"] = _added(names, [calls.prompt])
    for column in _NAMES:
        rows[column] = _added(names, calls.names[column]) + getattr(calls, column)
    for column in ("at", "version", "user", "input_tokens", "output_tokens", "duration_ms", "value", "scored_at"):
        rows[column] = getattr(calls, column)
    return rows


def _added(names: list[str], more: Sequence[str]) -> int:
    """The place of the first of `more` in the names, counted from 1."""
    names.extend(more)
    return len(names) - len(more) + 1
