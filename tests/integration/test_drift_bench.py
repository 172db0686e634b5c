"""The bench of drift reports: that what it loads is what an import loads, and that reports are right on a few histories of each family."""

import asyncio
import dataclasses
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.drift.loading import count, imported, load
from bench.drift.single import single
from bench.drift.traffic import Calls, calls_of
from tests.plugins.command_line import CommandLine
from tests.plugins.engine import Database, Databases
from tracing.clickhouse import ClickHouse
from tracing.engine.endpoint import Endpoint
from tracing.rollups.repair import Difference, check

_OWN = {"loaded_at", "counted_at"}
"""Columns that say when a row came."""
_TABLES = {
    "calls": "",
    "score_events": "FINAL",
    "call_keys": "",
    "score_targets": "",
    "score_history": "FINAL",
    "fresh_keys": "",
    "scores_hourly": "FINAL",
    "scores_daily": "FINAL",
}


def _import(calls: Sequence[Calls], database: Database, folder: Path) -> None:
    """Loads calls by the commands that people run."""
    told = {name: getattr(database, name) for name in ("url", "user", "password", "database")}
    Endpoint(**told, pid=os.getpid(), version="").write(folder / "engine.json")
    line = CommandLine(options=("--data", str(folder)))
    lines = [imported(each) for each in calls]
    for kind, place in (("calls", 0), ("scores", 1)):
        file = folder / f"{kind}.jsonl"
        file.write_text("".join(json.dumps(one) + "\n" for each in lines for one in each[place]))
        done = line(kind, "import", str(file))
        assert done.status == 0, done.told


def _rows(database: Database, table: str, final: str) -> list[Any]:
    client = database.client()
    try:
        columns = [row[0] for row in client.query(f"DESCRIBE TABLE {table}").result_rows if row[0] not in _OWN]
        return list(client.query(f"SELECT {', '.join(columns)} FROM {table} {final} ORDER BY ALL").result_rows)
    finally:
        client.close()


async def _counted(database: Database) -> list[Difference]:
    async with ClickHouse(database.target) as clickhouse:
        await count(clickhouse)
        return await check(clickhouse)


def test_what_is_loaded_fast_is_what_an_import_loads(databases: Databases, tmp_path: Path) -> None:
    plan = dataclasses.replace(single("holdback", 5), rate=3.0, control_rate=2.0, controls=1, late=5.0)
    calls = calls_of(plan)
    assert {0, 1} == {int(each) for each in calls[0].version - 1}
    with databases.one() as imported_into, databases.one() as loaded_into:
        _import(calls, imported_into, tmp_path)
        client = loaded_into.client()
        assert load(client, calls) == sum(len(each) + int((each.value >= 0).sum()) for each in calls)
        client.close()
        for database in (imported_into, loaded_into):
            assert asyncio.run(_counted(database)) == [], "materialized views have what the calls say"
        for table, final in _TABLES.items():
            there = _rows(imported_into, table, final)
            assert there, table
            assert _rows(loaded_into, table, final) == there, table
        sums = (
            "calls_hourly GROUP BY prompt, hour, version, channel, variant, model_served, system_fingerprint, params_hash, stratum, "
            "purpose, left_out"
        )
        counted = "sum(calls), sum(output_tokens), round(sum(log_ms), 6), uniqCombinedMerge(12)(users), sumMap(finish_reasons)"
        told = []
        for database in (imported_into, loaded_into):
            client = database.client()
            told.append(
                client.query(f"SELECT {sums.partition('GROUP BY ')[2]}, {counted} FROM {sums} ORDER BY ALL").result_rows
            )
            client.close()
        assert told[0] == told[1] != []
