"""The cells of two versions from ClickHouse.

Knows the statements in cells.sql and which of their columns make which metric. Refuses to know what cells say, and to hide ClickHouse's
errors.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from evaluation.comparison.measures import BUILT_IN, MARGIN, score_measure
from evaluation.comparison.values import Cell, Measure
from evaluation.statements import load_statements
from tracing.clickhouse import ClickHouse
from tracing.rollups.scores import cells as score_cells

_HOUR = 3600
_LATEST = 2**32 - 2 * _HOUR  # DateTime ends in 2106
_OF_CALLS: Mapping[str, tuple[str, str, str, str]] = {
    "error_rate": ("all_n", "all_w2", "errors", "errors"),
    "refusal_rate": ("succeeded_n", "succeeded_w2", "refused", "refused"),
    "truncation_rate": ("succeeded_n", "succeeded_w2", "cut_off", "cut_off"),
    "output_tokens": ("output_n", "output_w2", "output_sum", "output_sum_of_squares"),
    "latency": ("succeeded_n", "succeeded_w2", "log_ms_sum", "log_ms_sum_of_squares"),
    "cost": ("cost_n", "cost_w2", "cost_sum", ""),
}
"""By metric the columns of number, squared weights, sum and sum of squares."""

_COLUMNS = (
    "version, channel, model_served, stratum, purpose, left_out, name, kind, scorer, hour, posts, observations, total, squares, "
    "unparsed"
)
_WITHIN = "prompt = {prompt:String} AND call_ts >= toDateTime({since:UInt32}, 'UTC') AND call_ts < toDateTime({until:UInt32}, 'UTC')"
_IN_HOURS = "has({uncounted:Array(UInt32)}, toUnixTimestamp(toStartOfHour(call_ts, 'UTC')))"

Cells = dict[Measure, list[Cell]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked: a prompt's calls in whole hours. `uncounted` are hours whose scores the rollup doesn't have yet, None for all."""

    prompt: str
    since: int
    until: int
    purpose: str
    uncounted: Collection[int] | None

    def parameters(self) -> dict[str, Any]:
        """Of the statements."""
        return {"prompt": self.prompt, "since": self.since, "until": self.until, "purpose": self.purpose}


def whole_hours(since: datetime | None, until: datetime | None) -> tuple[int, int]:
    """The hours that a window touches, in seconds since 1970."""
    first = 0 if since is None else int(since.astimezone(UTC).timestamp()) // _HOUR * _HOUR
    last = _LATEST if until is None else -(-int(until.astimezone(UTC).timestamp()) // _HOUR) * _HOUR
    return min(max(first, 0), _LATEST), min(max(last, 0), _LATEST)


async def versions_with_calls(clickhouse: ClickHouse, asked: Asked) -> list[int]:
    """The versions that answered calls in the window, newest first."""
    found = await clickhouse.query(
        load_statements("evaluation.comparison", "cells.sql")["versions"], asked.parameters()
    )
    return [row["version"] for row in found.dicts()]


async def read_cells(
    clickhouse: ClickHouse, asked: Asked, *, baseline: int, candidate: int, score: str = "", margin: float = MARGIN
) -> Cells:
    """The cells of both versions by measure, scores first; `score` "" is every score and all that calls tell, else this metric alone."""
    statements = load_statements("evaluation.comparison", "cells.sql")
    shared = statements["shared"].replace("/*spans*/", statements["spans"])
    parameters = {**asked.parameters(), "baseline": baseline, "candidate": candidate}
    calls = with_models((await clickhouse.query(statements["calls"].replace("/*shared*/", shared), parameters)).dicts())
    told = {
        measure: [_of_calls(row, *_OF_CALLS[name]) for row in calls]
        for name, measure in BUILT_IN.items()
        if not score or score == name
    }
    if score in BUILT_IN:
        return told
    sql = (
        statements["scores"]
        .replace("/*shared*/", shared)
        .replace("/*uncounted*/", _of_uncounted_hours(asked.uncounted))
    )
    hours = {"uncounted": sorted(asked.uncounted or ()), "counted": int(asked.uncounted is not None)}
    scores = (await clickhouse.query(sql, {**parameters, **hours, "score": score})).dicts()
    answered = [_of_calls(row, "", "", "", "") for row in calls]
    return {measure: [*cells, *answered] for measure, cells in _by_measure(scores, margin).items()} | told


def with_models(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The rows with a model for calls that nobody answered: the one that answered most of the version's in those hours, else at all.

    Taken for a model of their own, failures would be compared with failures.
    """
    answered: dict[tuple[int, int], dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for row in rows:
        if row["model"]:
            for block in (row["block"], -1):
                answered[row["version"], block][row["model"]] += row["all_n"]

    def model(row: Mapping[str, Any]) -> str:
        sizes = answered.get((row["version"], row["block"])) or answered.get((row["version"], -1)) or {"": 0.0}
        return row["model"] or max(sizes, key=lambda name: sizes[name])

    return [{**row, "model": model(row)} for row in rows]


def _of_uncounted_hours(uncounted: Collection[int] | None) -> str:
    """The SELECT that counts what the rollup doesn't have yet, from the scores themselves; "" where it has everything."""
    if uncounted is not None and not uncounted:
        return ""
    within = _WITHIN if uncounted is None else f"{_WITHIN} AND {_IN_HOURS}"
    return f"SELECT {_COLUMNS} FROM ({score_cells(within)})\n    UNION ALL"  # noqa: S608 - our own texts


def _of_calls(row: Mapping[str, Any], n: str, squared_weights: str, total: str, squares: str) -> Cell:
    return Cell(
        version=row["version"],
        stratum=row["stratum_name"],
        model=row["model"],
        scorer="",
        block=row["block"],
        shared=row["shared"],
        n=row[n] if n else 0.0,
        weight_squares=row[squared_weights] if squared_weights else 0.0,
        total=row[total] if total else 0.0,
        squares=row[squares] if squares else 0.0,
        calls=row["all_n"],
        unparsed=0.0,
    )


def _by_measure(scores: Iterable[Mapping[str, Any]], margin: float) -> Cells:
    found: Cells = defaultdict(list)
    for row in scores:
        cell = Cell(
            version=row["version"],
            stratum=row["stratum_name"],
            model=row["model"],
            scorer=row["score_scorer"],
            block=row["block"],
            shared=row["shared"],
            n=row["n"],
            weight_squares=row["w2"],
            total=row["value_sum"],
            squares=row["value_sum_of_squares"],
            calls=0.0,
            unparsed=row["unread"],
        )
        found[score_measure(row["score_name"], row["score_kind"], margin=margin)].append(cell)
    return dict(sorted(found.items(), key=lambda item: item[0].metric.name))
