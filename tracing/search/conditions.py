"""A filter as a condition in ClickHouse's SQL. Pure.

Every value travels as a query parameter; the text of a condition holds column names of ours and nothing that anybody typed.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tracing.search.filters import CallFilter, ScoreCondition, Sight, read_score, read_status, read_tag

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAMES: Mapping[str, str] = {
    name: f"{name} IN {{{name}:Array(String)}}"
    for name in (
        *("channel", "variant", "provider", "endpoint", "error_code", "caller", "user", "session", "stratum"),
        *("external_id", "trace_id", "purpose", "outcome", "prompt", "origin"),
    )
} | {"model": "(model_served IN {model:Array(String)} OR model_requested IN {model:Array(String)})"}
# As the view `scores` has it: a score belongs to the call that it names, or to the last one of its trace or of the app's id.
_SCORED = """call_id GLOBAL IN
(
    SELECT key FROM score_events FINAL WHERE NOT deleted AND target_kind = 'call' AND {inner}
    UNION ALL
    SELECT argMax(call_id, (call_ts, call_id)) FROM call_keys
    WHERE key GLOBAL IN (SELECT key FROM score_events FINAL WHERE NOT deleted AND target_kind != 'call' AND {inner})
    GROUP BY key
)"""
_EMPTY = "-"
_LONGEST_CALL = timedelta(hours=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What stands behind WHERE, and the parameters in it."""

    sql: str = "1"
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def and_(self, sql: str, **parameters: Any) -> "Condition":
        """Both this and another."""
        joined = sql if self.sql == "1" else f"{self.sql}\n  AND {sql}"
        return Condition(sql=joined, parameters={**self.parameters, **parameters})


def condition(asked: CallFilter, sight: Sight) -> Condition:
    """Which rows of `calls` fit, for somebody who sees so much. Times are left out: see `within`."""
    found = _scope(Condition(), sight)
    for name, sql in _NAMES.items():
        values = tuple(getattr(asked, name))
        if values:
            found = found.and_(sql, **{name: ["" if value == _EMPTY else value for value in values]})
    if asked.version:
        found = found.and_("version IN {version:Array(UInt32)}", version=list(asked.version))
    if asked.status:
        spans = [read_status(text) for text in asked.status]
        sql = "arrayExists((low, high) -> status BETWEEN low AND high, {low:Array(UInt16)}, {high:Array(UInt16)})"
        found = found.and_(sql, low=[low for low, _ in spans], high=[high for _, high in spans])
    for number, text in enumerate(asked.tag):
        found = _tag(found, number, *read_tag(text))
    found = _bounds(found, asked)
    for number, text in enumerate(asked.score):
        found = _score(found, number, read_score(text))
    return _texts(found, asked)


def within(found: Condition, since: datetime | None, until: datetime | None) -> Condition:
    """The same in a half-open window; None is open."""
    if since is not None:
        found = found.and_("ts >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC')", since_ms=milliseconds(since))
    if until is not None:
        found = found.and_("ts < fromUnixTimestamp64Milli({until_ms:Int64}, 'UTC')", until_ms=milliseconds(until))
    return found


def milliseconds(time: datetime) -> int:
    """Since 1970, rounded up: a row's time has no finer part."""
    return -((_EPOCH - time) // timedelta(milliseconds=1))


def begins(asked: CallFilter) -> datetime | None:
    """The first moment that a fitting call can have begun at; None where that is open."""
    ended = asked.ended_since - _LONGEST_CALL if asked.ended_since is not None else None
    return max((time for time in (asked.since, ended) if time is not None), default=None)


def as_pattern(globs: Sequence[str]) -> str:
    """An RE2 expression for whole names that fit one of some patterns, as `fnmatch.fnmatchcase` reads them."""
    return f"^(?:{'|'.join(map(_glob, globs))})$"


def _glob(pattern: str) -> str:
    parts = re.split(r"(\*|\?|\[!?\]?[^\]]*\])", pattern)
    return "".join(_glob_part(part) for part in parts)


def _glob_part(part: str) -> str:
    if part == "*":
        return "(?s:.*)"
    if part == "?":
        return "(?s:.)"
    if part.startswith("[") and part.endswith("]") and len(part) > 2:
        negated, members = part[1] == "!", part[2:-1] if part[1] == "!" else part[1:-1]
        escaped = members.replace("\\", "\\\\").replace("]", "\\]").replace("[", "\\[").replace("^", "\\^")
        return f"[{'^' if negated else ''}{escaped}]"
    return re.escape(part)


def _scope(found: Condition, sight: Sight) -> Condition:
    if not sight.prompts:
        return found
    # A call that names no prompt is nobody's in particular: whoever is bound to prompts doesn't see it.
    return found.and_("prompt != '' AND match(prompt, {scope:String})", scope=as_pattern(sight.prompts))


def _tag(found: Condition, number: int, name: str, value: str | None) -> Condition:
    if value is None:
        return found.and_(f"mapContains(tags, {{tag{number}:String}})", **{f"tag{number}": name})
    sql = f"(mapContains(tags, {{tag{number}:String}}) AND tags[{{tag{number}:String}}] = {{tagged{number}:String}})"
    return found.and_(sql, **{f"tag{number}": name, f"tagged{number}": value})


def _bounds(found: Condition, asked: CallFilter) -> Condition:
    columns: tuple[tuple[str, str, str, Callable[[Any], Any]], ...] = (
        ("cost", "cost", "Float64", float),
        ("ms", "duration_ms", "Float64", float),
        ("tokens", "(input_tokens + output_tokens)", "UInt64", int),
    )
    for name, column, kind, read in columns:
        for prefix, sign in (("min", ">="), ("max", "<=")):
            bound = getattr(asked, f"{prefix}_{name}")
            if bound is not None:
                found = found.and_(
                    f"{column} {sign} {{{prefix}_{name}:{kind}}}", **{f"{prefix}_{name}": max(0, read(bound))}
                )
    if asked.ended_since is not None:
        sql = "ts + toIntervalMillisecond(toInt64(duration_ms)) >= fromUnixTimestamp64Milli({ended_ms:Int64}, 'UTC')"
        found = found.and_(sql, ended_ms=milliseconds(asked.ended_since))
    return found


def _score(found: Condition, number: int, asked: ScoreCondition) -> Condition:
    """Signs come from a closed list (`Comparison`), so they may stand in the text."""
    inner, parameters = f"name = {{score{number}:String}}", {f"score{number}": asked.name}
    if asked.comparison is not None:
        column, kind = ("value", "Float64") if asked.number is not None else ("label", "String")
        inner += f" AND {column} {asked.comparison} {{scored{number}:{kind}}}"
        parameters[f"scored{number}"] = asked.label if asked.number is None else asked.number  # type: ignore[assignment]
    return found.and_(_SCORED.format(inner=inner), **parameters)


def _texts(found: Condition, asked: CallFilter) -> Condition:
    columns = {
        "text": ("request", "variables", "response"),
        "input_text": ("request", "variables"),
        "output_text": ("response",),
    }
    for name, where in columns.items():
        text = getattr(asked, name)
        if text:
            tests = (f"multiSearchAnyCaseInsensitiveUTF8({column}, {{{name}:Array(String)}})" for column in where)
            found = found.and_(f"({' OR '.join(tests)})", **{name: spellings(text)})
    return found


def spellings(text: str) -> list[str]:
    """How a text may stand in a body, which is JSON: plain, or escaped as some clients do with all that isn't ASCII."""
    plain = json.dumps(text, ensure_ascii=False)[1:-1]
    ascii_only = json.dumps(text)[1:-1]
    return list(dict.fromkeys((text, plain, ascii_only)))
