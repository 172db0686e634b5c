"""Questions to five million calls: `python -m bench.records [--rows 5000000] [--folder DIR]`.

Fills a fresh engine with calls of 30 prompts over 60 days (bodies of about 2 KB, the materialized views at work as in a server) and with
scores for every fifth call, counts the scores by hour as the keeper does, and asks what pages and commands ask, 20 times each. Caches of
query conditions are off, so that a repeat costs what the first cost. Prints a table and writes bench/results/records.md.
A folder that is already filled is asked again.
"""

import argparse
import asyncio
import json
import os
import platform
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from evaluation.report import quality_report
from tests.plugins.engine import run_engine
from tracing.clickhouse import ClickHouse
from tracing.loader import INSERT_SETTINGS
from tracing.migrate import migrate
from tracing.rollups.repair import repair
from tracing.rollups.scores import count_scores
from tracing.search.filters import CallFilter, Sight
from tracing.search.find import find_call, find_calls

RESULTS = Path(__file__).parent / "results" / "records.md"
ROUNDS, BLOCK, DAYS, MOST_MS = 20, 20_000, 60, 10_000
PLAIN = {"use_query_condition_cache": 0, "max_execution_time": 300}

CALLS = """
INSERT INTO calls
    (call_id, ts, trace_id, span_id, endpoint, purpose, outcome, status, prompt, version, version_id, channel, revision, caller, user,
     session, external_id, stratum, provider, model_requested, model_served, system_fingerprint, params, params_hash, attempts,
     input_tokens, output_tokens, usage_source, cost, duration_ms, first_chunk_ms, overhead_ms, finish_reason, variables, request, response)
WITH
    cityHash64(number, 1) AS r1, cityHash64(number, 2) AS r2, cityHash64(number, 3) AS r3,
    toDateTime64('{begin}', 3, 'UTC') + toIntervalMillisecond(intDiv(number * {millis}, {rows})) AS at,
    toUInt8(pow(r1 % 1000000 / 1000000, 2.2) * 30) AS p,
    intDiv(number * 8, {rows}) AS age,
    r1 % 10 = 0 AS canary,
    '{text}' AS text
SELECT
    toUUID(UUIDNumToString(toFixedString(unhex(concat(leftPad(hex(toUnixTimestamp64Milli(at)), 12, '0'), '7', substring(hex(r1), 1, 3),
        '8', substring(hex(r2), 1, 15))), 16))),
    at, lower(concat(hex(r2), hex(r3))), lower(leftPad(hex(r3), 16, '0')), 'chat.completions',
    if(r3 % 33 = 0, 'evaluation', 'production'),
    ['ok', 'ok', 'ok', 'ok', 'ok', 'ok', 'ok', 'ok', 'ok', 'ok', 'ok', 'ok', 'ok', 'ok', 'ok', 'ok', 'refused', 'provider_error', 'timeout',
     'client_left'][1 + r2 % 20] AS outcome,
    if(outcome = 'ok', 200, 502), concat('prompt-', toString(p)), 1 + age + canary, concat('v', toString(p), '-', toString(age)),
    if(canary, 'canary', 'stable'), age, concat('app-', toString(r2 % 7)), concat('u', toString(r3 % 50000)),
    concat('s', toString(r3 % 400000)), if(r1 % 4 = 0, concat('ticket-', toString(number)), ''),
    ['en short', 'en long', 'de short', 'other'][1 + toUInt8(pow(r2 % 1000 / 1000, 2) * 4)], 'openai', 'gpt-x',
    if(number * 10 > {rows} * 7, 'gpt-x-2026-09', 'gpt-x-2026-06'), ['fp_a', 'fp_b'][1 + r3 % 2], '{{"temperature":0.2}}',
    substring(lower(hex(cityHash64(p, age))), 1, 12), '[]', 200 + r1 % 900, 20 + r2 % 500, 'provider',
    toDecimal64((200 + r1 % 900) / 1000000, 9), 200 + pow(r2 % 1000, 1.3), if(r1 % 2 = 0, 90 + r3 % 400, NULL), 2 + (r3 % 100) / 100,
    'stop',
    concat('{{"customer":"', toString(r3 % 100000), '"}}'),
    concat('{{"messages":[{{"role":"system","content":"', substring(text, 1 + p * 900, 600),
        '"}},{{"role":"user","content":"', substring(text, 1 + r1 % 180000, 200 + r2 % 900), '"}}]}}'),
    concat('{{"choices":[{{"message":{{"content":"', substring(text, 1 + r2 % 180000, 100 + r3 % 900), '"}}}}]}}')
FROM numbers({first}, {count})
"""
SCORES = """
INSERT INTO score_events (score_id, target_kind, target, ts, received_at, name, value, kind, source, scorer, scorer_version, parsed)
SELECT concat('bench:1:', toString(call_id)), 'call', toString(call_id), ts + 5, ts + 6,
    if(cityHash64(call_id) % 3 = 0, 'stars', 'helpful'),
    if(cityHash64(call_id) % 3 = 0, toFloat64(cityHash64(call_id) % 5), toFloat64(cityHash64(call_id) % 7 > 0)),
    if(cityHash64(call_id) % 3 = 0, 'number', 'bool'), 'code', 'bench', '1', true
FROM calls
WHERE cityHash64(call_id, 9) % 5 = 0 AND ts >= fromUnixTimestamp64Milli({since}, 'UTC') AND ts < fromUnixTimestamp64Milli({until}, 'UTC')
"""
LIST = """
SELECT call_id, ts, prompt, version, channel, outcome, status, model_served, duration_ms, input_tokens, output_tokens, cost
FROM calls
{where}
ORDER BY ts DESC, call_id DESC
LIMIT 50
"""


def corpus() -> str:
    """Two hundred thousand characters that compress like prose: words of a small language, the frequent ones often."""
    chance = random.Random(5)
    letters = "etaoinshrdlucmfwypvbgk"
    words = ["".join(chance.choices(letters, range(22, 0, -1), k=chance.randint(2, 9))) for _ in range(4000)]
    weights = [1 / rank for rank in range(1, 4001)]
    return " ".join(chance.choices(words, weights, k=45_000))[:200_000]


async def fill(clickhouse: ClickHouse, rows: int) -> None:
    """Calls in blocks as large as many segments, then the scores day by day."""
    begin = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=DAYS)
    millis, text = DAYS * 86_400_000, corpus()
    began = time.monotonic()
    for first in range(0, rows, BLOCK):
        count = min(BLOCK, rows - first)
        sql = CALLS.format(
            begin=f"{begin:%Y-%m-%d %H:%M:%S}", millis=millis, rows=rows, first=first, count=count, text=text
        )
        await clickhouse.command(sql, **INSERT_SETTINGS, max_partitions_per_insert_block=100)
        if first % (BLOCK * 10) == 0:
            print(
                f"{first + count:>9,} calls, {(first + count) / (time.monotonic() - began):,.0f} a second", flush=True
            )
    start = int(begin.timestamp() * 1000)
    for day in range(0, DAYS + 1, 6):
        since = start + day * 86_400_000
        await clickhouse.command(SCORES.format(since=since, until=since + 6 * 86_400_000), **INSERT_SETTINGS)
    for table in (
        "calls",
        "score_events",
        "call_keys",
        "calls_hourly",
        "latency_hourly",
        "versions_daily",
        "score_targets",
    ):
        await clickhouse.command(f"OPTIMIZE TABLE {table}")


async def timed(ask: Callable[[], Awaitable[object]], pid: int) -> tuple[float, float, float, float]:
    """Milliseconds of the first, the median and the slowest (of 20 it is the 99th percentile), and the engine's CPU time for one."""
    times, cpu = [], cpu_ms(pid)
    while len(times) < ROUNDS and sum(times) < MOST_MS:
        began = time.perf_counter()
        await ask()
        times.append((time.perf_counter() - began) * 1000)
    return times[0], statistics.median(times), max(times), (cpu_ms(pid) - cpu) / len(times)


def cpu_ms(pid: int) -> float:
    """CPU time that a process has used: neighbours on the same cores don't show in it."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


async def measure(folder: Path, rows: int) -> str:
    with run_engine(folder) as database:
        async with ClickHouse(database.target) as clickhouse:
            await migrate(clickhouse)
            there = (await clickhouse.query("SELECT count() FROM calls")).rows[0][0]
            if not there:
                await fill(clickhouse, rows)
            began = time.monotonic()
            await repair(clickhouse)
            repaired = time.monotonic() - began
            began = time.monotonic()
            cells = await count_scores(clickhouse, everything=True)
            counted = time.monotonic() - began
            pid = json.loads((folder / "endpoint.json").read_text())["pid"]
            return await report(clickhouse, pid, repaired, cells, counted, rows)


async def report(clickhouse: ClickHouse, pid: int, repaired: float, cells: int, counted: float, rows: int) -> str:
    def sql(text: str) -> Callable[[], Awaitable[object]]:
        return lambda: clickhouse.query(text, None, **PLAIN)

    one = (await clickhouse.query("SELECT call_id FROM scores LIMIT 1 OFFSET 1000")).rows[0][0]
    questions: dict[str, Callable[[], Awaitable[object]]] = {
        "`quality_by_version`, one prompt (a tenth of the calls)": sql(
            "SELECT * FROM quality_by_version WHERE prompt = 'prompt-1'"
        ),
        "`quality_by_version`, all prompts": sql("SELECT * FROM quality_by_version"),
        "`slugline quality prompt-1` (from days)": lambda: quality_report(clickhouse, prompt="prompt-1"),
        "the same with exact latencies from the calls themselves": lambda: quality_report(
            clickhouse, prompt="prompt-1", exact_calls=rows
        ),
        "the newest 50 of a prompt": sql(LIST.format(where="WHERE prompt = 'prompt-1'")),
        "the newest 50 of all": sql(LIST.format(where="")),
        "`calls_by_hour`, the last day of a prompt": sql(
            "SELECT * FROM calls_by_hour WHERE prompt = 'prompt-1' AND hour >= now() - INTERVAL 1 DAY"
        ),
        "`what_was_live`, one prompt": sql("SELECT * FROM what_was_live WHERE prompt = 'prompt-1'"),
        "a call by its id, without bodies": sql(f"SELECT ts, prompt FROM calls WHERE call_id = '{one}'"),
        "`slugline calls show`: a call with its scores": lambda: find_call(clickhouse, str(one), Sight()),
        "`slugline calls --text`, found nowhere in the last week": lambda: find_calls(
            clickhouse, CallFilter(text="zzqqzz"), Sight(), limit=50, now=datetime.now(UTC)
        ),
        "the scores of a call, by the view": sql(f"SELECT * FROM scores WHERE call_id = '{one}'"),
        "counting all of `scores`": sql("SELECT count(), countIf(version > 0) FROM scores"),
    }
    lines = ["| question | first | p50 | slowest | CPU |", "| --- | --- | --- | --- | --- |"]
    for name, ask in questions.items():
        first, middle, worst, cpu = await timed(ask, pid)
        lines.append(f"| {name} | {first:.0f} | {middle:.0f} | {worst:.0f} | {cpu:.0f} |")
        print(lines[-1], flush=True)
    sizes = await clickhouse.query(
        "SELECT table, sum(rows), round(sum(bytes_on_disk) / 1048576) FROM system.parts "
        "WHERE active AND database = currentDatabase() GROUP BY table HAVING sum(rows) > 0 ORDER BY 3 DESC"
    )
    lines += ["", "| table | rows | MiB |", "| --- | --- | --- |"]
    lines += [f"| `{name}` | {count:,} | {mib:,.0f} |" for name, count, mib in sizes.rows]
    lines += [
        "",
        f"Checking the rollups against the calls took {repaired:.1f} s, counting all scores by hour {counted:.1f} s ({cells:,} cells).",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--folder", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        table = asyncio.run(measure(folder, arguments.rows))
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    head = f"`python -m bench.records` on {machine}; milliseconds over HTTP from Python, {ROUNDS} of each "
    load = f"(fewer where they take over {MOST_MS / 1000:.0f} s), query condition cache off. "
    load += f"Load average at the end: {os.getloadavg()[1]:.1f}."
    RESULTS.write_text(
        f"# Questions to five million calls in the embedded engine\n\n{head}{load}\n\n{table}\n", "utf-8"
    )


if __name__ == "__main__":
    sys.exit(main())
