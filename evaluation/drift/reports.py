"""Drift as people ask for it: a prompt's report on one metric or on all that it has, and what changed anywhere.

Knows in which order to ask and to tell. Refuses to know the registry: moves are given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from evaluation.drift.overview import DriftOverview, drift_overview
from evaluation.drift.reading import UnknownMetric, metrics_of
from evaluation.drift.report import drift_report
from evaluation.drift.values import DriftReport, Event
from evaluation.errors import AnalysisError, MetricNotFoundError
from evaluation.plain import plain
from evaluation.probes.values import ProbeChange
from tracing.clickhouse import ClickHouse

_EARLIEST = 1971
"""What tells what was usual lies before `since`, and hours are counted from 1970."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftReports:
    """What became of a prompt's metrics since `since`, in whole hours; those with a named cause first, then those that moved."""

    prompt: str
    since: datetime
    until: datetime
    reports: tuple[DriftReport, ...]

    def to_json(self) -> dict[str, Any]:
        """As plain values for JSON."""
        head: dict[str, Any] = plain({"prompt": self.prompt, "since": self.since, "until": self.until})
        return {**head, "reports": [each.to_json() for each in self.reports]}


async def drift_reports(
    clickhouse: ClickHouse,
    *,
    prompt: str,
    metric: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    promotions: Sequence[Event] = (),
    replays: Sequence[ProbeChange] = (),
    now: datetime,
) -> DriftReports:
    """What changed since `since` (default: a week before the end) in a metric, or in every metric of the prompt.

    `promotions` are the prompt's moves, `replays` the nights of its probes.
    Raises MetricNotFoundError, AnalysisError for a window that nobody can have called in, ValueError for one that
    is empty or has no zone, and what the connection raises.
    """
    _check(since, until, now)
    names = (
        [metric] if metric is not None else [each.metric.name for each in await metrics_of(clickhouse, prompt=prompt)]
    )
    found = []
    for name in names:
        try:
            report = await drift_report(
                clickhouse,
                prompt=prompt,
                metric=name,
                since=since,
                until=until,
                promotions=promotions,
                replays=replays,
                now=now,
            )
        except UnknownMetric as error:
            raise MetricNotFoundError(str(error)) from None
        found.append(report)
    return DriftReports(
        prompt=prompt,
        since=found[0].after.since,
        until=found[0].after.until,
        reports=tuple(sorted(found, key=_rank)),
    )


async def drift_everywhere(
    clickhouse: ClickHouse,
    *,
    sees: Callable[[str], bool],
    since: datetime | None = None,
    until: datetime | None = None,
    promotions: Mapping[str, Sequence[Event]],
    now: datetime,
) -> DriftOverview:
    """Which metrics of which prompts changed, of those that whoever asks `sees`. Raises as `drift_reports` does."""
    _check(since, until, now)
    found = await drift_overview(clickhouse, since=since, until=until, promotions=promotions, now=now)
    return replace(
        found,
        rows=tuple(row for row in found.rows if sees(row.prompt)),
        too_small=tuple(each for each in found.too_small if sees(each[0])),
    )


def _check(since: datetime | None, until: datetime | None, now: datetime) -> None:
    if since is not None and since >= now:
        raise AnalysisError(f"since ({since:%Y-%m-%d %H:%M} UTC) is in the future")
    for name, time in (("since", since), ("until", until)):
        if time is not None and time.year < _EARLIEST:
            raise AnalysisError(f"{name} ({time:%Y-%m-%d %H:%M} UTC) lies before {_EARLIEST}, and so before any call")


def has_cause(report: DriftReport) -> bool:
    """Whether a cause is named, or a kind of input is shown to have moved."""
    return any(each.named for each in report.contributions) or any(each.shown for each in report.strata)


def _rank(report: DriftReport) -> int:
    """Sorting is stable: within a rank, metrics stay in the order that the prompt has them."""
    if has_cause(report):
        return 0
    if not report.enough:
        return 3
    moved = report.interval is not None and not report.interval.low <= 0 <= report.interval.high
    return 1 if moved else 2
