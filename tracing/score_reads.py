"""Scores read back: a page of them, newest first, one with its history, and which prompts a batch is about.

Knows the view `scores` and the table `score_history`. Refuses to know HTTP and roles; ClickHouse's errors go through.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tracing.clickhouse import ClickHouse
from tracing.event import TargetKind

LIMITS: Mapping[str, int] = {"max_execution_time": 30, "max_memory_usage": 2_000_000_000}

_COLUMNS = """score_id, target_kind, target, call_id, trace_id, external_id, ts, name, value, label, kind, source, scorer, scorer_version,
    parsed, comment, prompt, version, channel, model_served, purpose, toUnixTimestamp64Milli(call_ts) = 0 AS orphan"""
# A score whose call is not on record has no call_ts. Aliases are other names than the columns': a filter must mean the column.
_PAGE = f"""
SELECT {_COLUMNS}, toUnixTimestamp64Milli(ts) AS at_ms
FROM scores
WHERE ({{call_id:String}} = '' OR toString(call_id) = {{call_id:String}})
  AND ({{trace_id:String}} = '' OR trace_id = {{trace_id:String}} OR (target_kind = 'trace' AND target = {{trace_id:String}}))
  AND ({{external_id:String}} = '' OR external_id = {{external_id:String}}
       OR (target_kind = 'external' AND target = {{external_id:String}}))
  AND ({{prompt:String}} = '' OR prompt = {{prompt:String}})
  AND ({{version:UInt32}} = 0 OR version = {{version:UInt32}})
  AND ({{name:String}} = '' OR name = {{name:String}})
  AND ({{source:String}} = '' OR source = {{source:String}})
  AND ({{scorer:String}} = '' OR scorer = {{scorer:String}})
  AND ({{orphan:Int8}} < 0 OR ({{orphan:Int8}} = 1) = (toUnixTimestamp64Milli(call_ts) = 0))
  AND toUnixTimestamp64Milli(ts) >= {{since_ms:Int64}}
  AND toUnixTimestamp64Milli(ts) < {{until_ms:Int64}}
  AND ({{scope:String}} = '' OR match(prompt, {{scope:String}}))
  AND ({{after_ms:Int64}} < 0 OR (toUnixTimestamp64Milli(ts), score_id) < ({{after_ms:Int64}}, {{after_id:String}}))
ORDER BY at_ms DESC, score_id DESC
LIMIT {{limit:UInt32}}
"""  # noqa: S608 - our own column names
_ONE = f"SELECT {_COLUMNS} FROM scores WHERE score_id = {{score_id:String}}"  # noqa: S608
_HISTORY = """
SELECT received_at, target_kind, target, ts, name, value, label, kind, source, scorer, scorer_version, parsed, comment, deleted, posted_by
FROM score_history FINAL
WHERE score_id = {score_id:String}
ORDER BY received_at DESC
LIMIT 1000
"""
_HISTORIES = """
SELECT score_id, received_at, ts, name, value, label, kind, source, scorer, parsed, comment, deleted, posted_by
FROM score_history FINAL
WHERE score_id IN {ids:Array(String)}
ORDER BY received_at DESC
LIMIT 1000
"""
_PROMPTS = """
SELECT 'call' AS target_kind, toString(call_id) AS target, toString(prompt) AS slug FROM calls WHERE call_id IN {call:Array(UUID)}
UNION ALL
SELECT 'trace', trace_id, toString(argMax(prompt, ts)) FROM calls WHERE trace_id IN {trace:Array(String)} GROUP BY trace_id
UNION ALL
SELECT 'external', external_id, toString(argMax(prompt, ts)) FROM calls WHERE external_id != '' AND external_id IN {external:Array(String)}
GROUP BY external_id
"""
_OWNERS = "SELECT score_id, prompt FROM scores WHERE score_id IN {ids:Array(String)} AND prompt != ''"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreFilter:
    """Which scores: None and "" are any. The window is half-open. `orphan` True: whose call never came; False: whose call is there.

    `scope` are prompt patterns with `*`; empty is all. `after` is the (milliseconds since 1970, id) of the last score of the page before.
    """

    call_id: str = ""
    trace_id: str = ""
    external_id: str = ""
    prompt: str = ""
    version: int = 0
    name: str = ""
    source: str = ""
    scorer: str = ""
    orphan: bool | None = None
    since: datetime | None = None
    until: datetime | None = None
    scope: Sequence[str] = ()
    after: tuple[int, str] | None = None
    limit: int = 100


async def scores_page(clickhouse: ClickHouse, chosen: ScoreFilter) -> list[dict[str, Any]]:
    """The newest scores that fit, newest first by their own time; `at_ms` and `score_id` are where the next page begins."""
    after = chosen.after or (-1, "")
    parameters = {
        **{
            name: getattr(chosen, name)
            for name in ("external_id", "prompt", "version", "name", "source", "scorer", "limit")
        },
        "call_id": chosen.call_id.lower(),
        "trace_id": chosen.trace_id.lower(),
        "orphan": -1 if chosen.orphan is None else int(chosen.orphan),
        "since_ms": -(2**62) if chosen.since is None else _milliseconds(chosen.since),
        "until_ms": 2**62 if chosen.until is None else _milliseconds(chosen.until),
        "scope": _expression(chosen.scope),
        "after_ms": after[0],
        "after_id": after[1],
    }
    return (await clickhouse.query(_PAGE, parameters, **LIMITS)).dicts()


async def score_and_history(
    clickhouse: ClickHouse, score_id: str
) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
    """A score as it is now, None once it is deleted or never was, and all that was posted of it, newest first."""
    now = (await clickhouse.query(_ONE, {"score_id": score_id}, **LIMITS)).dicts()
    history = (await clickhouse.query(_HISTORY, {"score_id": score_id}, **LIMITS)).dicts()
    return (now[0] if now else None), history


async def score_histories(clickhouse: ClickHouse, score_ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """What was posted of scores, by their ids, newest first."""
    found: dict[str, list[dict[str, Any]]] = {score_id: [] for score_id in score_ids}
    for event in (await clickhouse.query(_HISTORIES, {"ids": list(found)}, **LIMITS)).dicts() if found else ():
        times = {name: event[name].replace(tzinfo=event[name].tzinfo or UTC) for name in ("received_at", "ts")}
        found[event.pop("score_id")].append(event | times)
    return found


async def prompts_of_targets(
    clickhouse: ClickHouse, targets: Sequence[tuple[TargetKind, str]]
) -> dict[tuple[str, str], str]:
    """The prompts that calls of targets belong to, of those that are loaded; "" for a call that named none."""
    by_kind: dict[str, list[str]] = {"call": [], "trace": [], "external": []}
    for kind, target in set(targets):
        by_kind[kind].append(target)
    found = await clickhouse.query(_PROMPTS, by_kind, **LIMITS)
    return {(str(kind), str(target)): str(slug) for kind, target, slug in found.rows}


async def prompts_of_scores(clickhouse: ClickHouse, score_ids: Sequence[str]) -> dict[str, str]:
    """The prompts that scores belong to now, of those that are loaded and have one."""
    found = await clickhouse.query(_OWNERS, {"ids": list(set(score_ids))}, **LIMITS)
    return {str(score_id): str(slug) for score_id, slug in found.rows}


def _expression(patterns: Sequence[str]) -> str:
    """Patterns with `*` as a regular expression (RE2, as ClickHouse's `match` reads it); "" for none."""
    escaped = ("".join(".*" if part == "*" else _literal(part) for part in pattern) for pattern in patterns)
    return f"^({'|'.join(escaped)})$" if patterns else ""


def _literal(character: str) -> str:
    return character if character.isalnum() else f"\\x{{{ord(character):x}}}"


def _milliseconds(time: datetime) -> int:
    return round(time.timestamp() * 1000)
