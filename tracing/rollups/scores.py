"""Scores by hour: counts anew the hours whose scores changed, and tells which hours are not counted yet.

1. What changed since the last count is known from `fresh_keys`: keys of calls and of scores that were loaded. A score that was replaced
   also touches the calls that it was posted for before (`score_targets`); a trace's new last call touches the one before it.
2. A touched (prompt, hour) is counted as a whole. Its old cells are written with zeros where nothing takes their place, in the
   same statement. So counting twice, by two keepers at once, or from a mark that is too old, gives the same.
3. Then the days of the touched hours are added up from their hours, as a whole too (`scores_daily`).
4. Readers who must not be late take what `uncounted` names from the scores themselves (`cells`), the rest from `scores_hourly`.

Knows no process and no schedule.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import resources

from tracing.clickhouse import ClickHouse

MARK = "scores_hourly"
OVERLAP = timedelta(seconds=60)
"""How long an insert may take between its clock reading and its rows being there."""
KEPT = timedelta(days=2)
"""How long `fresh_keys` keeps what was loaded: with an older mark everything is counted."""
BATCH = 500
MANY = 5_000
FEW = 50_000
"""So many fresh keys are made a set of before a prompt's own are looked at."""
WINDOW = timedelta(days=31)

COLUMNS = (
    "prompt, hour, version, channel, variant, model_served, system_fingerprint, params_hash, stratum, purpose, left_out, name, kind, "
    "scorer"
)
_MEASURES = (
    "posts",
    "scored_calls",
    "name_calls",
    "any_calls",
    "observations",
    "total",
    "squares",
    "unparsed",
    "labels",
)
_PAIRS = (
    "(prompt, toUnixTimestamp(toStartOfHour(call_ts, 'UTC'))) IN "
    "(SELECT arrayJoin(arrayZip({prompts:Array(String)}, {hours:Array(UInt32)})))"
)
_DAY_PAIRS = (
    "(prompt, toRelativeDayNum(toDate(hour, 'UTC'))) IN "
    "(SELECT arrayJoin(arrayZip({prompts:Array(String)}, {days:Array(UInt32)})))"
)
_DAY_SECONDS = 86_400
_SPAN = (
    "call_ts >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC') "
    "AND call_ts < fromUnixTimestamp64Milli({until_ms:Int64}, 'UTC')"
)
_TOUCHED = """
SELECT DISTINCT toString(prompt) AS prompt, toUnixTimestamp(toStartOfHour(call_ts, 'UTC')) AS hour
FROM call_keys
WHERE ({prompt:String} = '' OR prompt = {prompt:String}) AND key GLOBAL IN
(
    SELECT key FROM score_targets
    WHERE score_id GLOBAL IN
    (
        SELECT score_id FROM fresh_keys WHERE score_id != '' AND loaded_at >= fromUnixTimestamp64Milli({mark_ms:Int64}, 'UTC')
    )
    UNION ALL
    SELECT key FROM fresh_keys
    WHERE loaded_at >= fromUnixTimestamp64Milli({mark_ms:Int64}, 'UTC') AND key GLOBAL IN
    (
        -- Mostly few are fresh and many have scores: the set is made of the few.
        SELECT key FROM score_targets
        WHERE key GLOBAL IN (SELECT key FROM fresh_keys WHERE loaded_at >= fromUnixTimestamp64Milli({mark_ms:Int64}, 'UTC'))
    )
)
"""
_KEYS_OF = "SELECT key FROM call_keys WHERE prompt = {prompt:String}"
_TOUCHED_OF = f"""
-- The same of one prompt, from its own keys: after a load of many calls what is fresh is far more than what a prompt has. Scores are told
-- by a hash here: two that share one would have an hour looked at for nothing.
SELECT DISTINCT toString(prompt) AS prompt, toUnixTimestamp(toStartOfHour(call_ts, 'UTC')) AS hour
FROM call_keys
WHERE prompt = {{prompt:String}} AND key GLOBAL IN
(
    SELECT key FROM score_targets
    WHERE key GLOBAL IN ({_KEYS_OF}) AND
    (
        key GLOBAL IN
        (
            SELECT key FROM fresh_keys
            WHERE loaded_at >= fromUnixTimestamp64Milli({{mark_ms:Int64}}, 'UTC') AND key GLOBAL IN ({_KEYS_OF})
        )
        OR cityHash64(score_id) GLOBAL IN
        (
            SELECT cityHash64(score_id) FROM fresh_keys
            WHERE loaded_at >= fromUnixTimestamp64Milli({{mark_ms:Int64}}, 'UTC') AND score_id != '' AND cityHash64(score_id) GLOBAL IN
                (SELECT cityHash64(score_id) FROM score_targets WHERE key GLOBAL IN ({_KEYS_OF}))
        )
    )
)
"""
_FRESH = "SELECT count() FROM fresh_keys WHERE loaded_at >= fromUnixTimestamp64Milli({mark_ms:Int64}, 'UTC')"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One prompt's hour; `hour` in seconds since 1970."""

    prompt: str
    hour: int


def cells(within: str, *, scored_first: bool = False) -> str:
    """The SELECT that counts the cells of the calls that hold `within`, our own text about `prompt` and `call_ts`.

    `scored_first` is for conditions that hold for many calls: only those that were ever scored are looked at then.
    """
    text = (resources.files("tracing.rollups") / "cells.sql").read_text("utf-8")
    text = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
    scored = "AND key GLOBAL IN (SELECT key FROM score_targets)" if scored_first else ""
    posts = "" if scored_first else f"AND key GLOBAL IN (SELECT key FROM call_keys WHERE {within})"
    return text.replace("/*posts*/", posts).replace("/*within*/", within).replace("/*scored*/", scored)


async def uncounted(clickhouse: ClickHouse, *, prompt: str, few: int = FEW) -> frozenset[int] | None:
    """The hours of a prompt, in seconds since 1970, whose cells may be out of date; None when no cell can be relied on.

    Where more than `few` keys are fresh, the prompt's own keys are looked at first; that changes the time it takes, not the hours.
    """
    mark = await _mark(clickhouse)
    if mark is None:
        return None
    touched = await _touched(clickhouse, since=mark - OVERLAP, prompt=prompt, few=few)
    return frozenset(cell.hour for cell in touched)


async def count_scores(clickhouse: ClickHouse, *, everything: bool = False) -> int:
    """Counts what was touched since the last count, or everything; gives the number of (prompt, hour) cells counted."""
    # The clock of ClickHouse is the one that stands in fresh_keys.
    through: datetime = (await clickhouse.query("SELECT now64(3, 'UTC')")).rows[0][0].replace(tzinfo=UTC)
    mark = None if everything else await _mark(clickhouse)
    if mark is None or mark < through - KEPT + timedelta(hours=1):
        counted = await _count_all(clickhouse)
    else:
        touched = await _touched(clickhouse, since=mark - OVERLAP)
        counted = len(touched)
        if counted > MANY:
            await _count_all(clickhouse)
        else:
            await recount(clickhouse, touched)
    await clickhouse.command(
        f"INSERT INTO rollup_marks (name, through) VALUES ('{MARK}', fromUnixTimestamp64Milli({_ms(through)}, 'UTC'))"
    )
    return counted


async def recount(clickhouse: ClickHouse, cells: Sequence[Cell]) -> None:
    """Counts these cells anew, whatever was loaded lately: for whoever takes calls or scores away."""
    for first in range(0, len(cells), BATCH):
        await _count(clickhouse, cells[first : first + BATCH])
    await _count_days(clickhouse, cells)


async def _count(clickhouse: ClickHouse, touched: Sequence[Cell]) -> None:
    parameters = {"prompts": [cell.prompt for cell in touched], "hours": [cell.hour for cell in touched]}
    await clickhouse.command(_insert(_PAIRS), parameters)


async def _count_days(clickhouse: ClickHouse, touched: Sequence[Cell]) -> None:
    days = sorted({(cell.prompt, cell.hour // _DAY_SECONDS) for cell in touched})
    for first in range(0, len(days), BATCH):
        some = days[first : first + BATCH]
        parameters = {"prompts": [prompt for prompt, _ in some], "days": [day for _, day in some]}
        await clickhouse.command(_insert_days(_DAY_PAIRS), parameters)


async def _count_all(clickhouse: ClickHouse) -> int:
    known = "SELECT min(call_ts), max(call_ts), uniqExact(prompt, toStartOfHour(call_ts, 'UTC')) FROM call_keys"
    [(first, last, count)] = (await clickhouse.query(known)).rows
    if not count:
        return 0
    begin = first.replace(tzinfo=UTC, minute=0, second=0, microsecond=0)
    while begin <= last.replace(tzinfo=UTC):
        parameters = {"since_ms": _ms(begin), "until_ms": _ms(begin + WINDOW)}
        await clickhouse.command(_insert(_SPAN, scored_first=True), parameters)
        begin += WINDOW
    await clickhouse.command(_insert_days("1"))
    return int(count)


def _insert(within: str, *, scored_first: bool = False) -> str:
    sums = ", ".join(f"{'sumMap' if name == 'labels' else 'sum'}(n.{name}) AS {name}" for name in _MEASURES)
    zeros = ", ".join(f"{'map()' if name == 'labels' else '0'} AS {name}" for name in _MEASURES)
    old = within.replace("call_ts", "hour")
    return (
        f"INSERT INTO scores_hourly ({COLUMNS}, {', '.join(_MEASURES)}, counted_at)\n"
        f"SELECT {COLUMNS}, {sums}, now64(6)\nFROM\n(\n"
        f"SELECT {COLUMNS}, {', '.join(_MEASURES)} FROM ({cells(within, scored_first=scored_first)})\n"
        f"UNION ALL\n"
        f"SELECT {COLUMNS}, {zeros} FROM scores_hourly AS s FINAL WHERE {old} AND s.posts > 0\n"
        f") AS n\nGROUP BY {COLUMNS}"
    )


def _insert_days(within: str) -> str:
    """Days are made of the cells of their hours; those that have no posts any more are there with zeros, and so stay no day behind."""
    keys = "prompt, toDate(hour, 'UTC') AS day, version, purpose, model_served, left_out, name, kind"
    by = keys.replace("toDate(hour, 'UTC') AS ", "")
    sums = ", ".join(f"{'sumMap' if name == 'labels' else 'sum'}(h.{name}) AS {name}" for name in _MEASURES)
    return (
        f"INSERT INTO scores_daily ({by}, {', '.join(_MEASURES)}, counted_at)\n"
        f"SELECT {keys}, {sums}, now64(6)\nFROM scores_hourly AS h FINAL\nWHERE {within}\nGROUP BY {by}"
    )


async def _mark(clickhouse: ClickHouse) -> datetime | None:
    sql = f"SELECT max(through) FROM rollup_marks WHERE name = '{MARK}'"
    found: datetime = (await clickhouse.query(sql)).rows[0][0]
    return found.replace(tzinfo=UTC) if found.year > 1970 else None


async def _touched(clickhouse: ClickHouse, *, since: datetime, prompt: str = "", few: int = FEW) -> list[Cell]:
    parameters = {"prompt": prompt, "mark_ms": _ms(since)}
    fresh = (await clickhouse.query(_FRESH, parameters)).rows[0][0]
    if not fresh:
        return []
    found = await clickhouse.query(_TOUCHED_OF if prompt and fresh > few else _TOUCHED, parameters)
    return [Cell(prompt=row[0], hour=row[1]) for row in found.rows]


def _ms(time: datetime) -> int:
    return round(time.timestamp() * 1000)
