"""Which metrics of which prompts changed: a quick look at everything, and a whole report where something moved.

The quick look compares what came since a moment with what came before, hour by hour, with Holm's correction for
all series together. It knows no causes: other inputs alone can move a metric. The reports do.
Knows all prompts at once. Refuses to know the registry: moves are given by prompt.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from evaluation.drift.events import time_of
from evaluation.drift.metrics import OF_CALLS, metric_of_score
from evaluation.drift.reading import HOUR_SECONDS, Measured
from evaluation.drift.report import BASELINE, report_for, window_of
from evaluation.drift.sides import Span
from evaluation.drift.values import DriftReport, Event, Metric
from evaluation.intervals import CONFIDENCE, Interval
from evaluation.plain import plain
from evaluation.statements import load_statements
from tracing.clickhouse import ClickHouse

MOST_REPORTS = 8
REPORTS_AT_ONCE = 2
"""While one computes, another waits for ClickHouse."""
LEAST = 100
ALPHA = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """One metric of one prompt: its means before and since, and their difference with a 95 % interval, matched by time of day and weekend.

    `changed`: told from chance after correction for the number of series. `report` says what caused it, where there is one.
    """

    prompt: str
    metric: Metric
    n_before: float
    n_after: float
    before: float
    after: float
    change: float
    interval: Interval
    changed: bool
    report: DriftReport | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftOverview:
    """What moved in [since, until) against the days before; `rows` those that changed first, by how sure that is. `too_small` had too few
    observations to tell (prompt, metric)."""

    since: datetime
    until: datetime
    rows: tuple[Moved, ...]
    too_small: tuple[tuple[str, str], ...]

    def to_json(self) -> dict[str, Any]:
        """As plain values for JSON."""
        values: dict[str, Any] = plain(asdict(self))
        for row, moved in zip(values["rows"], self.rows, strict=True):
            row["report"] = None if moved.report is None else moved.report.to_json()
        return values


@dataclass(frozen=True, slots=True, kw_only=True)
class _Series:
    prompt: str
    measured: Measured
    hours: Sequence[Sequence[float]]


async def drift_overview(
    clickhouse: ClickHouse,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    promotions: Mapping[str, Sequence[Event]] | None = None,
    now: datetime,
    most_reports: int = MOST_REPORTS,
) -> DriftOverview:
    """Which metrics of which prompts changed since `since` (default: a week ago), with reports on the `most_reports` that are surest.

    Raises ValueError for a window that is empty or has no zone, and whatever the connection raises.
    """
    window = window_of(since, until, now)
    series = await _read(clickhouse, window)
    rows, too_small = await asyncio.to_thread(_compared, series, window)
    told = [(measured, row) for measured, row in rows if row.changed][:most_reports]
    at_once = asyncio.Semaphore(REPORTS_AT_ONCE)

    async def with_report(measured: Measured, row: Moved) -> Moved:
        async with at_once:
            moves = (promotions or {}).get(row.prompt, ())
            report = await report_for(clickhouse, measured, prompt=row.prompt, window=window, promotions=moves)
        return replace(row, report=report)

    # Those that changed come first.
    found = [*await asyncio.gather(*(with_report(*each) for each in told)), *(row for _, row in rows[len(told) :])]
    return DriftOverview(
        since=time_of(window.begin), until=time_of(window.end), rows=tuple(found), too_small=tuple(too_small)
    )


async def _read(clickhouse: ClickHouse, window: Span) -> list[_Series]:
    statements = load_statements("evaluation.drift", "cells.sql")
    span = {
        "since": (window.begin - int(BASELINE / timedelta(hours=1))) * HOUR_SECONDS,
        "until": window.end * HOUR_SECONDS,
    }
    measures = ", ".join(
        f"('{name}', toFloat64({sums.n}), toFloat64({sums.total}), toFloat64({sums.squares}))"
        for name, (_, sums) in OF_CALLS.items()
    )
    calls, scores = await asyncio.gather(
        clickhouse.query(statements["all_calls"].replace("/*measures*/", measures), span),
        clickhouse.query(statements["all_scores"], span),
    )
    found = [
        _Series(prompt=slug, measured=Measured(metric=OF_CALLS[name][0]), hours=[row[2:7] for row in rows])
        for (slug, name), rows in groupby(calls.rows, key=lambda row: (row[0], row[1]))
    ]
    for (slug, name), each in groupby(scores.rows, key=lambda row: (row[0], row[1])):
        rows = list(each)
        metric = metric_of_score(name, "number" if any(row[7] for row in rows) else "bool")
        found.append(
            _Series(prompt=slug, measured=Measured(metric=metric, score=name), hours=[row[2:7] for row in rows])
        )
    return found


def _compared(series: Sequence[_Series], window: Span) -> tuple[list[tuple[Measured, Moved]], list[tuple[str, str]]]:
    from scipy.special import ndtr  # type: ignore[import-untyped]

    found: list[tuple[float, Measured, Moved]] = []
    too_small = []
    for each in series:
        compared = _difference(each, window)
        if compared is None:
            too_small.append((each.prompt, each.measured.metric.name))
        else:
            found.append((float(2 * ndtr(-abs(compared[0]))), each.measured, compared[1]))
    found.sort(key=lambda row: (row[0], row[2].prompt, row[2].metric.name))
    rows, open_ = [], True
    for place, (p, measured, moved) in enumerate(found):
        open_ = open_ and p * (len(found) - place) <= ALPHA
        rows.append((measured, replace(moved, changed=open_)))
    return rows, too_small


def _difference(series: _Series, window: Span) -> tuple[float, Moved] | None:
    """How many normal deviates both sides are apart, and the row; None where there is too little."""
    import numpy as np

    from evaluation.drift.design import season_of
    from evaluation.drift.fitting import Rows, as_normal, fit, quantile

    hour, n, total, squares, weight = (np.array(column, np.float64) for column in zip(*series.hours, strict=True))
    after = hour >= window.begin
    if n[after].sum() < LEAST or n[~after].sum() < LEAST:
        return None
    means = [float(total[side].sum() / n[side].sum()) for side in (~after, after)]
    rows = Rows(
        hour=hour.astype(np.int64), n=n, mean=total / n, squares=squares, weight=weight,
        alike=after.astype(np.int64),
    )  # fmt: skip
    columns = np.hstack([np.ones((hour.size, 1)), season_of(rows.hour), after[:, None].astype(np.float64)])
    found = fit(rows, columns)
    variance, freedom = found.noise.variances(found.weights[-1:])
    if variance[0] <= 0:
        return None
    change, error = float(found.coefficients[-1]), float(np.sqrt(variance[0]))
    half = error * quantile(CONFIDENCE, float(freedom[0]))
    return float(as_normal(np.array([change / error]), freedom)[0]), Moved(
        prompt=series.prompt,
        metric=series.measured.metric,
        n_before=float(n[~after].sum()),
        n_after=float(n[after].sum()),
        before=means[0],
        after=means[1],
        change=change,
        interval=Interval(low=change - half, high=change + half),
        changed=False,
    )
