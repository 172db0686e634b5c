"""A drift report's cells, from ClickHouse: sums by hour that SQL has made.

Knows the statements of cells.sql and their parameters. Refuses to know what the cells say.
"""

from __future__ import annotations

import asyncio
import difflib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from evaluation.drift.evidence import Control
from evaluation.drift.metrics import FINISH, FINISHED, OF_CALLS, Sums, metric_of_score
from evaluation.drift.sides import Span
from evaluation.drift.values import Cell, Metric
from evaluation.statements import load_statements
from tracing.clickhouse import ClickHouse, Result
from tracing.rollups.scores import cells as scores_of
from tracing.rollups.scores import uncounted

MOST_NEIGHBOURS = 8
HOUR_SECONDS = 3600
_SCORE = Sums(n="observations", total="total", squares="squares")
_COLUMNS = (
    "hour, stratum, version, channel, variant, model_served, system_fingerprint, params_hash, scorer, kind, left_out, posts, "
    "observations, total, squares, unparsed, labels, purpose, name"
)
_WITHIN = "prompt = {prompt:String} AND call_ts >= toDateTime({since:UInt32}, 'UTC') AND call_ts < toDateTime({until:UInt32}, 'UTC')"
_IN_HOURS = "toUnixTimestamp(toStartOfHour(call_ts, 'UTC')) IN {uncounted:Array(UInt32)}"


class UnknownMetric(ValueError):
    """There is no such metric for this prompt; the message names those that there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A metric of a prompt with what its cells are made of.

    `score` is the score's name, "" for a metric of calls; `label` a category's, or a reason to finish.
    """

    metric: Metric
    score: str = ""
    label: str = ""


async def metrics_of(clickhouse: ClickHouse, *, prompt: str) -> tuple[Measured, ...]:
    """All metrics of a prompt: its scores, those with the most values first, then what every call tells."""
    statements = load_statements("evaluation.drift", "cells.sql")
    rows = (await clickhouse.query(statements["names"], {"prompt": prompt})).dicts()
    if not rows:
        rows = (await clickhouse.query(statements["fresh_names"], {"prompt": prompt})).dicts()
    found = []
    for row in rows:
        kinds = [kind for kind in row["kinds"] if kind in ("bool", "number")]
        if kinds:
            found.append(
                Measured(
                    metric=metric_of_score(row["score"], kinds[0] if len(kinds) == 1 else "number"), score=row["score"]
                )
            )
        if "category" in row["kinds"]:
            for label in row["label_names"]:
                metric = replace(metric_of_score(f"{row['score']}={label}", "bool"), higher_is_better=None)
                found.append(Measured(metric=metric, score=row["score"], label=label))
    return (*found, *(Measured(metric=metric) for metric, _ in OF_CALLS.values()))


async def metric_named(clickhouse: ClickHouse, *, prompt: str, name: str) -> Measured:
    """The metric of this name; a score goes before a built-in of the same name. Raises UnknownMetric."""
    known = await metrics_of(clickhouse, prompt=prompt)
    for each in known:
        if each.metric.name == name:
            return each
    if name.startswith(FINISH) and len(name) > len(FINISH):
        metric = Metric(name=name, unit="points", higher_is_better=None)
        return Measured(metric=metric, label=name.removeprefix(FINISH))
    names = [each.metric.name for each in known]
    near = difflib.get_close_matches(name, names, n=1)
    hint = f", did you mean '{near[0]}'?" if near else "."
    raise UnknownMetric(f"'{prompt}' has no metric '{name}'{hint} It has {', '.join(names)}")


async def read_cells(clickhouse: ClickHouse, measured: Measured, *, prompt: str, span: Span) -> list[Cell]:
    """A metric's cells over whole hours; for a score those of the calls beside them, which tell coverage and what served them."""
    statements = load_statements("evaluation.drift", "cells.sql")
    window: dict[str, Any] = {
        "prompt": prompt, "since": span.begin * HOUR_SECONDS, "until": span.end * HOUR_SECONDS, "label": measured.label,
    }  # fmt: skip
    if not measured.score:
        rows = await clickhouse.query(_summed(statements["calls"], sums_of_calls(measured)), window)
        return _named(_cells(rows.rows))
    nothing = Sums(n="0", total="0", squares="0")
    calls, scores = await asyncio.gather(
        clickhouse.query(_summed(statements["calls"], nothing), window),
        _scores(clickhouse, statements["scores"], measured, window),
    )
    return _named([*_cells(calls.rows), *_cells(scores.rows)])


async def _scores(clickhouse: ClickHouse, statement: str, measured: Measured, window: Mapping[str, Any]) -> Result:
    """A score's cells, from the hours that are counted and, for those that aren't yet, from the scores themselves."""
    if measured.label:
        counted = "labels[{label:String}]"
        how = Sums(n="arraySum(mapValues(labels))", total=counted, squares=counted)
    else:
        how = _SCORE
    sql = _summed(statement, how)
    stale = await uncounted(clickhouse, prompt=window["prompt"])
    hours = [] if stale is None else sorted(hour for hour in stale if window["since"] <= hour < window["until"])
    if stale is None or hours:
        within = _WITHIN if stale is None else f"{_WITHIN} AND {_IN_HOURS}"
        sql = sql.replace("/*uncounted*/", f"SELECT {_COLUMNS} FROM ({scores_of(within)})\n    UNION ALL")  # noqa: S608 - our own texts
    if stale is None:
        sql = sql.replace("AND toUnixTimestamp(hour) NOT IN {uncounted:Array(UInt32)}", "AND 0")
    return await clickhouse.query(sql, {**window, "name": measured.score, "uncounted": hours})


async def read_controls(clickhouse: ClickHouse, *, prompt: str, models: Sequence[str], span: Span) -> list[Control]:
    """The metrics of other prompts that the same models answered."""
    statements = load_statements("evaluation.drift", "cells.sql")
    window: dict[str, Any] = {
        "prompt": prompt, "models": list(models), "since": span.begin * HOUR_SECONDS, "until": span.end * HOUR_SECONDS,
        "most": MOST_NEIGHBOURS,
    }  # fmt: skip
    prompts = [row[0] for row in (await clickhouse.query(statements["neighbours"], window)).rows]
    if not prompts:
        return []
    found: dict[tuple[str, str], list[Cell]] = defaultdict(list)
    both = ("neighbour_calls", "neighbour_scores")
    for rows in await asyncio.gather(
        *(clickhouse.query(statements[name], {**window, "prompts": prompts}) for name in both)
    ):
        for slug, metric, hour, stratum, version, n, total, squares, weight in rows.rows:
            found[slug, metric].append(Cell(
                hour=hour, stratum=stratum, version=version, channel="", variant="", model="", fingerprint="",
                params="", scorer="", n=n, total=float(total), squares=float(squares), calls=n, unparsed=0.0,
                weight=weight,
            ))  # fmt: skip
    return [Control(prompt=slug, metric=metric, cells=cells) for (slug, metric), cells in found.items()]


def sums_of_calls(measured: Measured) -> Sums:
    """What a metric of calls is made of."""
    return FINISHED if measured.label else OF_CALLS[measured.metric.name][1]


def _summed(sql: str, sums: Sums) -> str:
    for mark, text in (("/*n*/", sums.n), ("/*total*/", sums.total), ("/*squares*/", sums.squares)):
        sql = sql.replace(mark, f"toFloat64({text})")
    return sql


def _cells(rows: Iterable[Sequence[Any]]) -> list[Cell]:
    return [
        Cell(
            hour=int(hour), stratum=stratum, version=version, channel=channel, variant=variant, model=model,
            fingerprint=fingerprint, params=params, scorer=scorer, n=float(n), total=float(total),
            squares=float(squares), calls=float(calls), unparsed=float(unparsed), weight=float(weight) or 1.0,
        )
        for (hour, stratum, version, channel, variant, model, fingerprint, params, scorer, n, total, squares, calls,
             unparsed, weight) in rows
    ]  # fmt: skip


def _named(cells: Sequence[Cell]) -> list[Cell]:
    """Cells of calls that no model answered, as those of the model that answered most calls of the version in the hour.

    A call that failed has no served model; taken for a model of its own, that would be the cause of every failure.
    """
    if all(cell.model for cell in cells):
        return list(cells)
    served: dict[tuple[int, int], dict[tuple[str, str], float]] = defaultdict(lambda: defaultdict(float))
    for cell in cells:
        if cell.model:
            for key in ((cell.hour, cell.version), (cell.hour, -1), (-1, -1)):
                served[key][cell.model, cell.fingerprint] += cell.calls or cell.n

    def one(cell: Cell) -> Cell:
        if cell.model:
            return cell
        for key in ((cell.hour, cell.version), (cell.hour, -1), (-1, -1)):
            if key in served:
                (model, fingerprint), _ = max(served[key].items(), key=lambda each: each[1])
                return replace(cell, model=model, fingerprint=fingerprint)
        return cell

    return [one(cell) for cell in cells]
