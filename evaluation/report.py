"""The quality report as a question to ClickHouse: statements about calls and scores, merged by quality.py.

A window with few calls is read from the calls themselves, and every figure is exact. One with many, or with calls of a sample, is read from
the rollup by day and from the calls at its edges: all but latencies, which are estimates from digests, are the same. Scores come from their
rollup by hour, and where that isn't up to date yet from the scores themselves.

Knows the statements' parameters. Refuses to know where ClickHouse is and to hide its errors: what it raises goes through.
"""

import asyncio
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from evaluation.quality import Quality, quality_of
from evaluation.statements import load_statements
from tracing.clickhouse import ClickHouse
from tracing.rollups.scores import cells, uncounted

EXACT_CALLS = 100_000
"""Up to so many calls a report reads the calls themselves; beyond that, whole days come from their rollup."""
_DAY_MS, _DAY_SECONDS, _LATEST_DAY = 86_400_000, 86_400, 2**16 - 1  # Date ends in 2149
_HOUR_MS, _HOUR_SECONDS = 3_600_000, 3600
_LATEST_HOUR = 2**32 - 1  # DateTime ends in 2106
_WITHIN = (
    "prompt = {prompt:String} AND call_ts >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC') "
    "AND call_ts < fromUnixTimestamp64Milli({until_ms:Int64}, 'UTC')"
)
_IN_HOURS = "has({uncounted:Array(UInt32)}, toUnixTimestamp(toStartOfHour(call_ts, 'UTC')))"
_CELL = (
    "version, model_served, name, kind, purpose, left_out, posts, scored_calls, name_calls, any_calls, observations, total, squares, "
    "unparsed, labels"
)
_EARLIEST_MS = 0
# The last whole day that DateTime64 can hold, in milliseconds since 1970 (2299-12-31).
_LATEST_MS = 10_413_705_600_000


async def quality_report(
    clickhouse: ClickHouse,
    *,
    prompt: str,
    since: datetime | None = None,
    until: datetime | None = None,
    purpose: str | None = "production",
    score: str | None = None,
    exact_calls: int = EXACT_CALLS,
) -> Quality:
    """A prompt's quality by version over the calls in [since, until); exact in everything up to `exact_calls` calls.

    `purpose` None takes calls of every purpose, `score` None every score. Times must carry a zone. A prompt without
    calls gives a report without rows: whether it exists is the registry's to say. Raises ValueError for a window that
    is empty or without a zone, and whatever the connection raises.
    """
    for name, time in (("since", since), ("until", until)):
        if time is not None and time.tzinfo is None:
            raise ValueError(f"{name} must carry a time zone, such as {time.isoformat()}+00:00")
    if since is not None and until is not None and since >= until:
        raise ValueError(f"since ({since.isoformat()}) must be before until ({until.isoformat()})")
    parameters: dict[str, Any] = {
        "prompt": prompt,
        "since_ms": _EARLIEST_MS if since is None else _milliseconds(since),
        "until_ms": _LATEST_MS if until is None else _milliseconds(until),
        "purpose": purpose or "",
    }
    statements = load_statements("evaluation", "quality.sql")
    days = _days(parameters)
    [size] = (await clickhouse.query(statements["size"], {**parameters, **days})).dicts()
    exact = size["recorded"] <= exact_calls and size["left_out"] <= 0
    calls = (await clickhouse.query(statements["calls" if exact else "calls_by_day"], {**parameters, **days})).dicts()
    sql, more = _scores(statements["scores"], parameters, await uncounted(clickhouse, prompt=prompt))
    scores = (await clickhouse.query(sql, {**parameters, **more, "score": score or ""})).dicts()
    window = Quality(
        prompt=prompt, since=since, until=until, purpose=purpose, score=score, exact=exact, rows=(), totals=()
    )
    # Off the event loop, which has calls to answer: thousands of cells take a while, and so does the first import of scipy.
    return await asyncio.to_thread(quality_of, window, calls, scores)


def _days(window: Mapping[str, Any]) -> dict[str, int]:
    """The whole days of a window (UTC, in days since 1970), the days that it touches, and where its edges meet its whole days."""
    since, until = window["since_ms"], window["until_ms"]
    low_end = min(-(-since // _DAY_MS) * _DAY_MS, until)
    high_begin = max(until // _DAY_MS * _DAY_MS, low_end)
    whole = (
        {"since_day": low_end // _DAY_MS, "until_day": high_begin // _DAY_MS}
        if low_end < high_begin
        else {"since_day": 0, "until_day": 0}
    )
    touched = {"touched_since": since // _DAY_MS, "touched_until": (until - 1) // _DAY_MS}
    days = {name: min(max(day, 0), _LATEST_DAY) for name, day in (whole | touched).items()}
    return {**days, "low_end_ms": low_end, "high_begin_ms": high_begin}


def _scores(sql: str, window: Mapping[str, Any], uncounted: Collection[int] | None) -> tuple[str, dict[str, Any]]:
    """The statement for scores and its parameters: counted hours from the rollup, the others from the scores themselves."""
    since, until = window["since_ms"], window["until_ms"]
    # Hours of the window that lie in it as a whole; what is left at its edges is counted like hours that nobody counted yet.
    first, end = -(-since // _HOUR_MS) * _HOUR_SECONDS, until // _HOUR_MS * _HOUR_SECONDS
    first, end = min(first, _LATEST_HOUR), min(end, _LATEST_HOUR)
    if uncounted is None:
        first, end = 0, 0
    hours = set() if uncounted is None else {hour for hour in uncounted if first <= hour < end}
    if uncounted is not None and since % _HOUR_MS:
        hours.add(since // _HOUR_MS * _HOUR_SECONDS)
    if uncounted is not None and until % _HOUR_MS:
        hours.add(until // _HOUR_MS * _HOUR_SECONDS)
    end = max(first, end)
    # Of these, whole days are read as such, unless an hour in them isn't counted.
    day, last_day = -(-first // _DAY_SECONDS), end // _DAY_SECONDS
    day, last_day = (day, last_day) if day < last_day else (0, 0)
    parameters = {
        "since_hour": first,
        "until_hour": end,
        "uncounted": sorted(hours),
        "uncounted_days": sorted({hour // _DAY_SECONDS for hour in hours}),
        "score_since_day": day,
        "score_until_day": last_day,
        "low_until_hour": day * _DAY_SECONDS,
        "high_since_hour": last_day * _DAY_SECONDS,
    }
    if uncounted is not None and not hours:
        return sql.replace("/*uncounted*/", ""), parameters
    within = _WITHIN if uncounted is None else f"{_WITHIN} AND {_IN_HOURS}"
    own = f"SELECT {_CELL} FROM ({cells(within)})\n    UNION ALL"  # noqa: S608 - our own texts
    return sql.replace("/*uncounted*/", own), parameters


def _milliseconds(time: datetime) -> int:
    """Whole milliseconds since 1970, within what DateTime64 can hold."""
    exact = (time.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1000
    return min(max(round(exact), _EARLIEST_MS), _LATEST_MS)
