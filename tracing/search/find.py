"""Searches of `calls`: a page of calls newest first, one call in full, a page of traces, one trace.

1. A page looks at the newest day first, then further and further back until it is full: the common case reads little, whatever
   the table's size. The windows don't overlap, so nothing is read twice.
2. A page goes on behind the last row of the one before (`tracing.search.cursor`), so new calls shift nothing.
3. A list never reads bodies, unless text in them is looked for.
4. Text in bodies is looked for in the last week unless the search says otherwise, and the page tells.
5. Everything is bounded in time and memory, and says what to narrow where that isn't enough.
"""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from tracing.clickhouse import ClickHouse, ClickHouseRefused
from tracing.search.conditions import Condition, begins, condition, milliseconds, within
from tracing.search.cursor import Cursor, read_cursor
from tracing.search.errors import CallNotFoundError, SearchInvalidError, SearchTooBroadError
from tracing.search.filters import CallFilter, Sight
from tracing.search.rows import COLUMNS, LISTED, PRIVATE, as_json, parsed

SEARCH_SECONDS = 10
MOST_ROWS = 1000
_STEPS = (timedelta(days=1), timedelta(days=7), timedelta(days=31), timedelta(days=366))
_TRACE_DAYS = 7
TEXT_DAYS = 7
"""How far back text is looked for by default: it reads every body, about a second of CPU for a million calls."""
_TOO_BROAD = {
    *("TIMEOUT_EXCEEDED", "MEMORY_LIMIT_EXCEEDED", "TOO_SLOW", "TOO_MANY_ROWS", "TOO_MANY_BYTES"),
    "TOO_MANY_ROWS_OR_BYTES",
}
# What the view `scores` says of one call, found by the call's keys and not by joining all scores with their calls: a score of a trace or of
# an app's own id belongs to its last call. A score is looked up by its id again, because it may have been posted anew for another call.
_OWN = """key = {call_id:UUID} OR key GLOBAL IN
(
    SELECT key FROM call_keys
    WHERE key IN
    (
        reinterpretAsUUID(sipHash128('trace', {trace_id:String})),
        reinterpretAsUUID(sipHash128('external', {external_id:String}))
    )
    GROUP BY key
    HAVING argMax(call_id, (call_ts, call_id)) = {call_id:UUID}
)"""
_SCORES = f"""SELECT score_id, name, value, label, kind, source, scorer, scorer_version, parsed, comment, ts, target_kind
FROM score_events FINAL
WHERE score_id GLOBAL IN (SELECT score_id FROM score_events WHERE {_OWN}) AND NOT deleted AND ({_OWN})
ORDER BY ts, score_id
LIMIT 1000"""  # noqa: S608 - our own text
_NEW = "(a call shows about a second after its answer)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Rows as JSON values, newest first, and the cursor that the next page starts behind; "" where there are no more. `since` is where the
    search ended looking back, where nobody said how far: None where all of time was looked at, or what was asked for."""

    rows: list[dict[str, Any]]
    next_cursor: str
    since: datetime | None = None


async def find_calls(
    clickhouse: ClickHouse, asked: CallFilter, sight: Sight, *, limit: int, cursor: str = "", now: datetime
) -> Page:
    """A page of calls; text in bodies is looked for in the last `TEXT_DAYS` unless `since` says how far back.

    Raises SearchError, and what ClickHouse raises.
    """
    _check(asked, sight)
    bound, given = None, asked
    if asked.reads_bodies and begins(asked) is None:
        bound = min(asked.until or now, now) - timedelta(days=TEXT_DAYS)
        asked = asked.model_copy(update={"since": bound})
    after = read_cursor(cursor) if cursor else None
    found = condition(asked, sight)
    if after is not None:
        sql = "(ts, call_id) < (fromUnixTimestamp64Milli({after_ms:Int64}, 'UTC'), {after_id:UUID})"
        found = found.and_(sql, after_ms=after.ts_ms, after_id=after.key)
    rows: list[dict[str, Any]] = []
    deadline = time.monotonic() + SEARCH_SECONDS
    async with bounded(given):
        for since, until in _windows(asked, after, now):
            window = within(found, since, until)
            statement = f"""SELECT {", ".join(LISTED)}
FROM calls
WHERE {window.sql}
ORDER BY ts DESC, call_id DESC
LIMIT {{most:UInt32}}"""  # noqa: S608 - names of our own; values are parameters
            answer = await ask(clickhouse, statement, window, deadline, most=limit + 1 - len(rows))
            rows += answer
            if len(rows) > limit:
                break
    shown = rows[:limit]
    more = len(rows) > limit
    return Page(
        rows=[as_json(row) for row in shown], next_cursor=_behind(shown[-1], "call_id") if more else "", since=bound
    )


async def find_call(clickhouse: ClickHouse, call_id: str, sight: Sight, *, with_spans: bool = True) -> dict[str, Any]:
    """One call in full, with `scores` and `spans` of its trace. Raises CallNotFoundError."""
    found = condition(CallFilter(), sight).and_("call_id = {call_id:UUID}", call_id=_uuid(call_id))
    hidden = () if sight.bodies else PRIVATE
    columns = [name for name in COLUMNS if name not in hidden]
    deadline = time.monotonic() + SEARCH_SECONDS
    async with bounded(CallFilter()):
        statement = f"SELECT {', '.join(columns)} FROM calls WHERE {found.sql} LIMIT 1"  # noqa: S608
        rows = await ask(clickhouse, statement, found, deadline)
        if not rows:
            raise CallNotFoundError(f"no call {call_id} on record {_NEW}")
        call = parsed(as_json(rows[0]))
        keys = {"call_id": call_id, "trace_id": call["trace_id"], "external_id": call["external_id"]}
        scores = await ask(clickhouse, _SCORES, Condition(parameters=keys), deadline)
        spans = await _spans(clickhouse, call["trace_id"], deadline) if sight.bodies and with_spans else []
    return {**call, "scores": [as_json(row) for row in scores], "spans": spans}


async def find_traces(
    clickhouse: ClickHouse, asked: CallFilter, sight: Sight, *, limit: int, cursor: str = "", now: datetime
) -> Page:
    """A page of traces that have a call that fits, by their last one; without `since`, of the last seven days.

    What is said of a trace (calls, errors, cost, tokens) counts all of its calls that whoever asks may see.
    """
    _check(asked, sight)
    after = read_cursor(cursor, uuid=False) if cursor else None
    end = asked.until or now + timedelta(days=1)
    since = begins(asked) or min(end, now) - timedelta(days=_TRACE_DAYS)
    fits = within(condition(asked, sight), since, asked.until).and_("trace_id != ''")
    seen = condition(CallFilter(), sight)
    behind = "1"
    parameters: dict[str, Any] = {**fits.parameters, **seen.parameters}
    if after is not None:
        behind = "(max(ts), trace_id) < (fromUnixTimestamp64Milli({after_ms:Int64}, 'UTC'), {after_id:String})"
        parameters |= {"after_ms": after.ts_ms, "after_id": after.key}
    # A trace's calls lie close together: those outside a day around the window aren't looked for.
    around = {"from_ms": milliseconds(since - timedelta(days=1)), "to_ms": milliseconds(end + timedelta(days=1))}
    statement = f"""SELECT trace_id, min(ts) AS first_ts, max(ts) AS last_ts, count() AS calls,
    countIf(outcome NOT IN ('ok', 'client_left')) AS errors, sum(cost) AS total_cost,
    sum(input_tokens) AS total_input_tokens, sum(output_tokens) AS total_output_tokens,
    groupUniqArray(20)(if(prompt = '', '', concat(prompt, '@', toString(version)))) AS prompts,
    groupUniqArray(20)(toString(model_served)) AS models, max(user) AS any_user, max(session) AS any_session
FROM calls
WHERE ts >= fromUnixTimestamp64Milli({{from_ms:Int64}}, 'UTC') AND ts < fromUnixTimestamp64Milli({{to_ms:Int64}}, 'UTC')
  AND {seen.sql}
  AND trace_id IN (SELECT trace_id FROM calls WHERE {fits.sql})
GROUP BY trace_id
HAVING {behind}
ORDER BY last_ts DESC, trace_id DESC
LIMIT {{most:UInt32}}"""  # noqa: S608 - names of our own; values are parameters
    async with bounded(asked):
        whole = Condition(parameters={**parameters, **around})
        rows = await ask(clickhouse, statement, whole, time.monotonic() + SEARCH_SECONDS, most=limit + 1)
    shown = rows[:limit]
    next_cursor = _behind(shown[-1], "trace_id", "last_ts") if len(rows) > limit else ""
    return Page(rows=[_trace(row) for row in shown], next_cursor=next_cursor)


def _trace(row: Mapping[str, Any]) -> dict[str, Any]:
    # The statement can't call a sum by its column's name: ClickHouse would take the name for the sum everywhere.
    shown = {name.removeprefix("total_").removeprefix("any_"): value for name, value in as_json(row).items()}
    return {**shown, "prompts": sorted(filter(None, shown["prompts"])), "models": sorted(filter(None, shown["models"]))}


def _check(asked: CallFilter, sight: Sight) -> None:
    if asked.reads_bodies and not sight.bodies:
        raise SearchInvalidError("text in bodies may be looked for by those only who may see bodies")


def _windows(asked: CallFilter, after: Cursor | None, now: datetime) -> list[tuple[datetime | None, datetime | None]]:
    """Half-open stretches of time, newest first, that make up what is looked at."""
    oldest, until = begins(asked), asked.until
    # The cursor's own millisecond may hold more rows: the window ends behind it.
    end = after.time + timedelta(milliseconds=1) if after is not None else until
    reference = min(end, now) if end is not None else now
    if asked.score:  # which calls have a score is found out once for all of time
        return [(oldest, end)]
    windows: list[tuple[datetime | None, datetime | None]] = []
    for step in _STEPS:
        start = reference - step
        if oldest is not None and start <= oldest:
            break
        windows.append((start, end))
        end = start
    return [*windows, (oldest, end)]


async def ask(
    clickhouse: ClickHouse, statement: str, found: Condition, deadline: float, **parameters: Any
) -> list[dict[str, Any]]:
    """The rows of a statement whose condition is `found`, within what is left until `deadline` of the monotonic clock."""
    left = max(1, round(deadline - time.monotonic()))
    settings = {"readonly": 2, "max_execution_time": left}
    return (await clickhouse.query(statement, {**found.parameters, **parameters}, **settings)).dicts()


async def _spans(clickhouse: ClickHouse, trace_id: str, deadline: float) -> list[dict[str, Any]]:
    """What apps sent over OTLP of the same trace."""
    if not trace_id:
        return []
    asked = Condition(parameters={"trace_id": trace_id})
    try:
        rows = await ask(
            clickhouse, "SELECT * FROM spans WHERE trace_id = {trace_id:String} LIMIT 1000", asked, deadline
        )
    except ClickHouseRefused as error:
        if error.name == "UNKNOWN_TABLE":
            return []
        raise
    return [as_json(row) for row in rows]


@asynccontextmanager
async def bounded(asked: CallFilter) -> AsyncIterator[None]:
    """Around searches: one that took too long, or too much memory, becomes SearchTooBroadError, which says what to narrow."""
    try:
        yield
    except ClickHouseRefused as error:
        if error.name not in _TOO_BROAD:
            raise
        narrow = "a later since" if asked.since else "since (the last days, say)"
        slow = " Text is looked for in every body that the other filters leave." if asked.reads_bodies else ""
        raise SearchTooBroadError(
            f"this search is too broad for {SEARCH_SECONDS} seconds: add {narrow}, a prompt, a model or a user.{slow}"
        ) from error


def _behind(row: Mapping[str, Any], key: str, ts: str = "ts") -> str:
    at: datetime = row[ts]
    return Cursor(ts_ms=milliseconds(at.replace(tzinfo=UTC) if at.tzinfo is None else at), key=str(row[key])).encode()


def _uuid(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        raise CallNotFoundError(
            f"no call {text[:80]} on record: a call's id is a UUID, as in the header x-slugline-call-id"
        ) from None
