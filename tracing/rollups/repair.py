"""Checks what materialized views derived from `calls` against the calls themselves, day by day, and derives anew what differs.

A view's target can lack rows that the table has: calls that were there before the view, an insert that broke off between the two on a
server that was killed, rows that were erased since. The number of calls by day tells. Days before `floor`, whose calls the
retention took, keep what was derived while the calls were there. So does the number of calls that samples left out.

A month is derived anew aside, a day at a time, and takes the old one's place at once (REPLACE PARTITION). Call it while nothing is loaded:
a call that comes between the two is found by the next check. What is derived is the view's own SELECT, read from ClickHouse.
On a cluster only the check runs, as each shard would have to replace its own part.
"""

import math
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from tracing.clickhouse import ClickHouse

_DAYS = """
SELECT
    day, sum(r) AS calls, sum(f) AS succeeded, sum(w) AS left_out, sum(h) AS calls_hourly, sum(hw) AS hourly_left_out,
    sum(lh) AS latency_hourly, sum(v) AS versions_daily, sum(vw) AS daily_left_out, sum(k) AS call_keys
FROM
(
    SELECT
        toDate(ts, 'UTC') AS day, count() AS r, countIf(outcome = 'ok') AS f,
        sum(if(sample_rate > 0 AND sample_rate < 1, 1 / sample_rate - 1, 0)) AS w, 0 AS h, 0 AS hw, 0 AS lh, 0 AS v, 0 AS vw, 0 AS k
    FROM calls GROUP BY day
    UNION ALL
    SELECT toDate(hour, 'UTC') AS day, 0, 0, 0, sum(calls), sum(calls * left_out), 0, 0, 0, 0 FROM calls_hourly GROUP BY day
    UNION ALL
    SELECT toDate(hour, 'UTC') AS day, 0, 0, 0, 0, 0, sum(calls), 0, 0, 0 FROM latency_hourly GROUP BY day
    UNION ALL
    SELECT day, 0, 0, 0, 0, 0, 0, sum(calls), sum(calls * left_out), 0 FROM versions_daily GROUP BY day
    UNION ALL
    SELECT toDate(call_ts, 'UTC') AS day, 0, 0, 0, 0, 0, 0, 0, 0, count() FROM call_keys WHERE kind = 'call' GROUP BY day
)
WHERE day >= toDate({floor:String})
GROUP BY day
ORDER BY day
"""
_TIME_OF = {"calls_hourly": "hour", "latency_hourly": "hour", "versions_daily": "day"}
"""What is derived by month, and its column that says when."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A derived table's month, as 202611, in which `days` don't agree with the calls."""

    table: str
    month: int
    days: tuple[date, ...]


async def check(clickhouse: ClickHouse, *, floor: date | None = None) -> list[Difference]:
    """What differs, looking at whole days (UTC) from `floor` on."""
    found: dict[tuple[str, int], list[date]] = {}
    for row in (await clickhouse.query(_DAYS, {"floor": (floor or date(1970, 1, 1)).isoformat()})).dicts():
        wrong = {
            "calls_hourly": row["calls_hourly"] != row["calls"] or _differ(row["hourly_left_out"], row["left_out"]),
            "latency_hourly": row["latency_hourly"] != row["succeeded"],
            "versions_daily": row["versions_daily"] != row["calls"] or _differ(row["daily_left_out"], row["left_out"]),
            "call_keys": row["call_keys"] < row["calls"],  # a key that is there twice, or too long, does no harm
        }
        for table, is_wrong in wrong.items():
            if is_wrong:
                found.setdefault((table, row["day"].year * 100 + row["day"].month), []).append(row["day"])
    return [Difference(table=table, month=month, days=tuple(days)) for (table, month), days in found.items()]


async def repair(clickhouse: ClickHouse, *, floor: date | None = None) -> list[Difference]:
    """Derives anew what differs; gives what did."""
    await _add_targets(clickhouse)
    found = await check(clickhouse, floor=floor)
    if not found or await is_distributed(clickhouse):
        return found
    for difference in found:
        if difference.table == "call_keys":
            await _add_keys(clickhouse, difference.days)
        else:
            await _derive(clickhouse, difference, floor)
    return found


async def is_distributed(clickhouse: ClickHouse) -> bool:
    """Whether the schema is a cluster's."""
    sql = "SELECT engine FROM system.tables WHERE database = currentDatabase() AND name = 'calls'"
    return bool((await clickhouse.query(sql)).rows[0][0] == "Distributed")


async def _add_targets(clickhouse: ClickHouse) -> None:
    """Notes the targets of scores that were there before their view."""
    await clickhouse.command(
        "INSERT INTO score_targets (score_id, key, received_at) SELECT score_id, key, received_at FROM score_events "
        "WHERE (score_id, received_at) GLOBAL NOT IN (SELECT score_id, received_at FROM score_targets)"
    )


async def _add_keys(clickhouse: ClickHouse, days: Collection[date]) -> None:
    for day in days:
        there = f"SELECT call_id FROM call_keys WHERE kind = 'call' AND {_on('call_ts', day)}"
        missing = f"SELECT * FROM calls WHERE {_on('ts', day)} AND call_id NOT IN ({there})"
        await _insert(clickhouse, into="call_keys", view="call_keys_feed", calls=missing)


async def _derive(clickhouse: ClickHouse, difference: Difference, floor: date | None) -> None:
    table, month, time = difference.table, difference.month, _TIME_OF[difference.table]
    aside = f"{table}_aside"
    await clickhouse.command(f"DROP TABLE IF EXISTS {aside} SYNC")
    await clickhouse.command(f"CREATE TABLE {aside} AS {table}")
    try:
        for day in _days_of(month):
            # A day that agrees is taken over as it is, and so is one whose calls are gone.
            if day in difference.days and (floor is None or day >= floor):
                calls = f"SELECT * FROM calls WHERE {_on('ts', day)}"
                await _insert(clickhouse, into=aside, view=f"{table}_feed", calls=calls)
            else:
                await clickhouse.command(f"INSERT INTO {aside} SELECT * FROM {table} WHERE {_on(time, day)}")
        if (await clickhouse.query(f"SELECT 1 FROM {aside} LIMIT 1")).rows:
            await clickhouse.command(f"ALTER TABLE {table} REPLACE PARTITION {month} FROM {aside}")
        else:  # nothing is left of the month: it was erased, and an empty part replaces none
            await clickhouse.command(f"ALTER TABLE {table} DROP PARTITION {month}")
    finally:
        await clickhouse.command(f"DROP TABLE IF EXISTS {aside} SYNC")


async def _insert(clickhouse: ClickHouse, *, into: str, view: str, calls: str) -> None:
    """Inserts what a view's SELECT gives, with `calls` in the place of the table that it reads."""
    sql = "SELECT as_select FROM system.tables WHERE database = currentDatabase() AND name = {view:String}"
    text = str((await clickhouse.query(sql, {"view": view})).rows[0][0])
    definition, count = re.subn(r"\bFROM (?:[\w`]+\.)?`?calls`?(?=\s|\)|$)", lambda _: f"FROM ({calls}) AS calls", text)
    if count != 1:
        raise RuntimeError(f"the view {view} should read calls once, and does so {count} times: {text}")
    sql = "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = {table:String} ORDER BY position"
    columns = ", ".join(row[0] for row in (await clickhouse.query(sql, {"table": into})).rows)
    await clickhouse.command(f"INSERT INTO {into} ({columns}) SELECT {columns} FROM ({definition})")


def _differ(one: float, other: float) -> bool:
    """Sums of fractions come out differently in their last digits, depending on the order."""
    return not math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-3)


def _on(column: str, day: date) -> str:
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
    if column == "day":
        return f"day = toDate('{day.isoformat()}')"
    until = begin + timedelta(days=1)
    return f"{column} >= toDateTime({begin.timestamp():.0f}, 'UTC') AND {column} < toDateTime({until.timestamp():.0f}, 'UTC')"


def _days_of(month: int) -> list[date]:
    first = date(month // 100, month % 100, 1)
    return [day for day in (first + timedelta(days=number) for number in range(31)) if day.month == first.month]
