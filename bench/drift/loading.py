"""Calls of a plan into ClickHouse, as fast as ClickHouse takes them: blocks in its native format.

The tables are those of the product, with every materialized view at work, and scores are counted by hour by the product's own code. What it
leaves is what `slugline calls import` and `slugline scores import` leave of the same rows (tests/integration/test_drift_bench.py); it only
doesn't look whether rows are there already, and writes no JSON on the way.
Refuses to know what is in the calls.
"""

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from clickhouse_connect.driver.client import Client

from bench.drift.plans import Array
from bench.drift.traffic import Calls
from tests.plugins.engine import Database, Databases, run_engine
from tracing.clickhouse import ClickHouse
from tracing.rollups.scores import count_scores

METRIC = "accepted"
AT_ONCE = 250_000
"""Rows of an insert. The embedded engine takes them in a few hundred megabytes."""


@contextlib.contextmanager
def open_databases(server: Database | None = None) -> Iterator[Databases]:
    """Databases with the product's schema, on an embedded engine of its own or on a server."""
    if server is not None:
        yield Databases(server)
        return
    with tempfile.TemporaryDirectory() as folder, run_engine(Path(folder)) as engine:
        yield Databases(engine)


def load(client: Client, calls: Sequence[Calls]) -> int:
    """Loads calls and their scores; gives the number of rows."""
    rows = 0
    waiting: list[Calls] = []
    for number, each in enumerate(calls):
        waiting.append(each)
        if sum(map(len, waiting)) >= AT_ONCE or number == len(calls) - 1:
            for table, columns in (("calls", call_columns), ("score_events", score_columns)):
                rows += _insert(client, table, [columns(one) for one in waiting])
            waiting = []
    return rows


async def count(clickhouse: ClickHouse) -> None:
    """Counts all scores by hour, as the keeper does."""
    await count_scores(clickhouse, everything=True)


def call_columns(calls: Calls) -> dict[str, list[Any]]:
    """Columns of `calls`."""
    n = len(calls)
    return {
        "call_id": call_ids(calls),
        "ts": calls.at.tolist(),
        "purpose": ["production"] * n,
        "outcome": ["ok"] * n,
        "status": [200] * n,
        "prompt": [calls.prompt] * n,
        "version": calls.version.tolist(),
        "channel": _names(calls, "channel", calls.channel),
        "variant": _names(calls, "variant", calls.variant),
        "user": _coded([f"user-{number}" for number in range(int(calls.user.max(initial=0)) + 1)], calls.user),
        "stratum": _names(calls, "stratum", calls.stratum),
        "provider": ["openai"] * n,
        "model_requested": ["gpt-4o"] * n,
        "model_served": _names(calls, "model", calls.model),
        "system_fingerprint": _names(calls, "fingerprint", calls.fingerprint),
        "params_hash": _names(calls, "params", calls.params),
        "input_tokens": calls.input_tokens.tolist(),
        "output_tokens": calls.output_tokens.tolist(),
        "duration_ms": calls.duration_ms.tolist(),
        "finish_reason": ["stop"] * n,
        "attempts": ["[]"] * n,
        "usage_source": ["none"] * n,
        "record_mode": ["full"] * n,
        "origin": ["import"] * n,
    }


def score_columns(calls: Calls) -> dict[str, list[Any]]:
    """Columns of `score_events`: one score for each call that has one."""
    scored = np.flatnonzero(calls.value >= 0)
    n, ids = int(scored.size), call_ids(calls)
    targets = [ids[place] for place in scored]
    return {
        "score_id": [f"{target}-{METRIC}" for target in targets],
        "target_kind": ["call"] * n,
        "target": targets,
        "ts": calls.scored_at[scored].tolist(),
        "received_at": (calls.scored_at[scored] * 1000).tolist(),
        "name": [METRIC] * n,
        "value": calls.value[scored].astype(float).tolist(),
        "kind": ["bool"] * n,
        "source": ["code"] * n,
        "scorer": ["accepts"] * n,
        "scorer_version": _coded(calls.names["scorer_version"], calls.scorer_version[scored]),
        "parsed": [True] * n,
    }


def call_ids(calls: Calls) -> list[str]:
    """The calls' ids."""
    text = calls.ids.hex()
    found = (text[at : at + 32] for at in range(0, len(text), 32))
    return [f"{one[:8]}-{one[8:12]}-{one[12:16]}-{one[16:20]}-{one[20:]}" for one in found]


def imported(calls: Calls) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The same rows as lines for `slugline calls import` and `slugline scores import`."""
    found = []
    for columns, times in ((call_columns(calls), ("ts",)), (score_columns(calls), ("ts", "received_at"))):
        lines = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        for line in lines:
            for time in times:
                seconds = line[time] / (1_000_000 if time == "received_at" else 1000)
                line[time] = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")
        found.append(lines)
    return found[0], found[1]


def _insert(client: Client, table: str, columns: Sequence[dict[str, list[Any]]]) -> int:
    """One insert of several prompts' columns."""
    names = list(columns[0])
    together = [[value for each in columns for value in each[name]] for name in names]
    if together[0]:
        client.insert(table, together, column_names=names, column_oriented=True)
    return len(together[0])


def _names(calls: Calls, what: str, codes: Array) -> list[str]:
    return _coded(calls.names[what], codes)


def _coded(names: Sequence[str], codes: Array) -> list[str]:
    found: list[str] = np.array(names, dtype=object)[codes].tolist()
    return found
