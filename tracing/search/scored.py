"""Scores beside a list of calls: those of the calls on a page, and which scores there are among the calls that a filter finds.

A score belongs to a call as the view `scores` says: by the call's own id, or as the last call of its trace or of the app's id. Here it is
found by the calls' keys, and not by joining all scores with their calls. Bounded as counts are.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tracing.clickhouse import ClickHouse
from tracing.search.conditions import Condition, condition, within
from tracing.search.counting import COUNT_SECONDS
from tracing.search.filters import CallFilter, Sight
from tracing.search.find import ask, bounded
from tracing.search.rows import as_json

_MOST_SCORES = 5000
_MOST_KINDS = 200
_HASHED = "arrayMap(each -> reinterpretAsUUID(sipHash128('{kind}', each)), {names})"
_KEYS = f"""(
        SELECT arrayJoin(arrayConcat({{calls:Array(UUID)}},
            {_HASHED.format(kind="trace", names="{traces:Array(String)}")},
            {_HASHED.format(kind="external", names="{externals:Array(String)}")}))
    )"""
_OF_CALLS = f"""SELECT toString(owner.call_id) AS call_id, score_id, name, value, label, kind, source, scorer, parsed, comment, ts
FROM
(
    SELECT * FROM score_events FINAL
    WHERE score_id GLOBAL IN (SELECT score_id FROM score_events WHERE key IN {_KEYS}) AND key IN {_KEYS} AND NOT deleted
) AS e
INNER JOIN
(
    SELECT key, argMax(call_id, (call_ts, call_id)) AS call_id
    FROM call_keys
    WHERE key IN {_KEYS}
    GROUP BY key
) AS owner ON owner.key = e.key
WHERE owner.call_id IN {{calls:Array(UUID)}}
ORDER BY ts, score_id
LIMIT {{most:UInt32}}"""  # noqa: S608 - our own text


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A score's name with a value that calls have: `text` is "true" or "false", a category, or "" for numbers and texts."""

    name: str
    kind: str
    text: str
    calls: int


async def scores_of(clickhouse: ClickHouse, calls: Sequence[Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The scores of listed calls by call id, oldest first, as JSON values. Raises SearchTooBroadError, and what ClickHouse raises."""
    found: dict[str, list[dict[str, Any]]] = {str(call["call_id"]): [] for call in calls}
    if not calls:
        return found
    asked = Condition(
        parameters={
            "calls": list(found),
            "traces": sorted({str(call["trace_id"]) for call in calls} - {""}),
            "externals": sorted({str(call["external_id"]) for call in calls} - {""}),
        }
    )
    async with bounded(CallFilter()):
        rows = await ask(clickhouse, _OF_CALLS, asked, time.monotonic() + COUNT_SECONDS, most=_MOST_SCORES)
    for row in rows:
        found[row["call_id"]].append(as_json(row))
    return found


async def scores_among(
    clickhouse: ClickHouse, asked: CallFilter, sight: Sight, *, since: datetime, until: datetime
) -> list[Said]:
    """Which scores the calls of a window have, by name, the more frequent first. Raises as `scores_of`."""
    fits = within(condition(asked, sight), since, until)
    statement = f"""SELECT name, kind, multiIf(kind = 'bool', if(value = 0, 'false', 'true'), kind = 'category', label, '') AS text,
    uniqExact(key) AS calls
FROM score_events FINAL
WHERE NOT deleted AND parsed AND key GLOBAL IN
(
    SELECT arrayJoin([call_id, reinterpretAsUUID(sipHash128('trace', trace_id)), reinterpretAsUUID(sipHash128('external', external_id))])
    FROM calls
    WHERE {fits.sql}
)
GROUP BY name, kind, text
ORDER BY name, calls DESC, text
LIMIT {{most:UInt32}}"""  # noqa: S608 - names of our own; values are parameters
    async with bounded(asked):
        rows = await ask(clickhouse, statement, fits, time.monotonic() + COUNT_SECONDS, most=_MOST_KINDS)
    return [Said(name=str(row["name"]), kind=row["kind"], text=row["text"], calls=int(row["calls"])) for row in rows]
