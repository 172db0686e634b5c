"""A metric over time as points: cells of an hour (`evaluation.drift`) become buckets, a line for each version. Pure.

Knows how cells add up, and how sure a bucket's mean is. Refuses to know where cells come from and how lines are drawn.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dashboards.chart_values import Point, Series
from dashboards.charts import bucket_hours
from evaluation.drift.values import Cell, Event, Metric
from evaluation.intervals import Interval, student_t, wilson

MOST_LINES = 4
LEAST_N = 20
"""A bucket with fewer observations isn't drawn: its place would say nothing."""


@dataclass(slots=True)
class _Sum:
    n: float = 0.0
    known: float = 0.0
    total: float = 0.0
    squares: float = 0.0

    def add(self, cell: Cell) -> None:
        self.n += cell.n
        self.known += cell.n / (cell.weight or 1.0)
        self.total += cell.total
        self.squares += cell.squares


def series_of(cells: Iterable[Cell], metric: Metric, *, begin: float, end: float) -> list[Series]:
    """A line for each of the versions with the most observations, the newest version first."""
    kept = [cell for cell in cells if cell.n and begin <= cell.hour < end]
    hours = bucket_hours(begin, end, sum(cell.n for cell in kept))
    sums: defaultdict[tuple[int, int], _Sum] = defaultdict(_Sum)
    whole: defaultdict[int, float] = defaultdict(float)
    for cell in kept:
        sums[cell.version, cell.hour // hours].add(cell)
        whole[cell.version] += cell.n
    most = sorted(whole, key=lambda version: -whole[version])[:MOST_LINES]
    found = []
    for version in sorted(most, reverse=True):
        buckets = sorted(bucket for number, bucket in sums if number == version)
        points = [_point(sums[version, bucket], bucket, hours, metric, begin, end) for bucket in buckets]
        enough = [point for point in points if point.n >= LEAST_N] or points
        found.append(Series(name=f"v{version}", points=enough, gap=hours * 2.5))
    return found


def left_out(cells: Iterable[Cell], series: Sequence[Series]) -> list[int]:
    """The versions that have observations and no line."""
    drawn = {each.name for each in series}
    return sorted({cell.version for cell in cells if cell.n and f"v{cell.version}" not in drawn})


def label_of(event: Event) -> str:
    """A few words for a marker."""
    words = {"promotion": "v{} → {}", "rollback": "back to v{} on {}", "rollout": "v{} beside on {}"}
    if event.kind in words:
        return words[event.kind].format(event.after, event.channel)
    return f"{event.kind} {_brief(event.after)}" if event.after else event.kind


def kind_of(event: Event) -> str:
    """The kind of marker: what we did, or what happened to us."""
    return "prompt" if event.kind in ("promotion", "rollback", "rollout") else "model"


def _point(found: _Sum, bucket: int, hours: int, metric: Metric, begin: float, end: float) -> Point:
    mean = found.total / found.n
    interval = _interval(found, metric, mean)
    # In the middle of what the window holds of the bucket.
    middle = (max(begin, bucket * hours) + min(end, (bucket + 1) * hours)) / 2
    low, high = (interval.low, interval.high) if interval else (None, None)
    if metric.log:  # drawn on the scale that people know: a geometric mean
        mean, low, high = (
            math.exp(mean),
            None if low is None else math.exp(low),
            None if high is None else math.exp(high),
        )
    return Point(hour=middle, value=mean, low=low, high=high, n=found.known)


def _interval(found: _Sum, metric: Metric, mean: float) -> Interval | None:
    if metric.unit == "dollars":  # of costs nobody kept the squares
        return None
    if metric.unit == "points":
        return wilson(mean * found.known, found.known)
    return student_t(found.known, mean * found.known, found.squares / found.n * found.known)


def _brief(text: str, longest: int = 28) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
