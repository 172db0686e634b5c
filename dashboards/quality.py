"""Quality by version: every metric of every version with its interval, over time, and held against the version that is live.

Knows how the page is put together. Refuses to know HTML and statistics (`evaluation.comparison`, `evaluation.quality`).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from math import ceil, floor
from typing import TYPE_CHECKING, Any

from anyio import to_thread
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from dashboards.chart_values import Chart, Marker, Series
from dashboards.charts import chart_of, hour_of, time_of
from dashboards.frame import HEADERS, Frame
from dashboards.lines import kind_of, label_of, left_out, series_of
from dashboards.moments import PRESETS, Window, window_of
from dashboards.zones import zone_of
from evaluation.comparison.report import Baseline, baseline_of, compared_quality
from evaluation.comparison.values import VersionComparison
from evaluation.comparison.wording import mean_text
from evaluation.drift.values import Cell, Event
from evaluation.errors import MetricNotFoundError
from evaluation.names import nearest
from evaluation.quality import Quality
from registry.reference import check_slug
from registry.storage.reader import STABLE
from registry.values import Prompt
from registry.writing.store import Store
from tracing.clickhouse import ClickHouse

if TYPE_CHECKING:
    from evaluation.drift.reading import Measured

DEFAULT = "14d"


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityAsked:
    """What the address says. `metric` is the one that is drawn, "" for the one with the most values."""

    metric: str = ""
    since: str = ""
    until: str = ""
    against: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityView:
    """All that the page shows."""

    prompt: Prompt
    window: Window
    asked: QualityAsked
    measured: Measured
    metrics: Sequence[str]
    quality: Quality
    baseline: Baseline | None
    series: Sequence[Series]
    chart: Chart
    undrawn: Sequence[int]
    events: Sequence[Event]


def add_quality(router: APIRouter, frame: Frame, store: Store, clickhouse: ClickHouse) -> None:
    """`/prompts/{slug}/quality` and its twins."""

    async def gathered(request: Request, slug: str, asked: QualityAsked) -> QualityView:
        from evaluation.drift.reading import metrics_of  # numpy takes a while to load

        frame.visitor(request, slug=check_slug(slug))
        prompt = await to_thread.run_sync(store.prompt, slug)
        window = window_of(asked.since, asked.until, default=DEFAULT, now=frame.now(), zone=zone_of(request))
        baseline = baseline_of(prompt, asked.against or STABLE)
        known = await metrics_of(clickhouse, prompt=slug)
        measured = chosen(known, slug, asked.metric)
        quality = await compared_quality(
            clickhouse, prompt=slug, baseline=baseline, since=window.since, until=window.until
        )
        begin, end = whole_hours(window.since, window.until)
        cells = await cells_of(clickhouse, measured, slug, begin, end)
        events = await to_thread.run_sync(moves_within, store, slug, window)
        series = await to_thread.run_sync(lambda: series_of(cells, measured.metric, begin=begin, end=end))
        return QualityView(
            prompt=prompt,
            window=window,
            asked=asked,
            measured=measured,
            metrics=[each.metric.name for each in known],
            quality=quality,
            baseline=baseline,
            series=series,
            chart=drawn(series, events, measured, begin, end, zone=window.zone),
            undrawn=left_out(cells, series),
            events=events,
        )

    @router.get("/prompts/{slug}/quality.{form}")
    async def get_twin(
        slug: str, form: str, request: Request, metric: str = "", since: str = "", until: str = "", against: str = ""
    ) -> Response:
        found = await gathered(request, slug, QualityAsked(metric=metric, since=since, until=until, against=against))
        if form == "csv":
            return as_csv(found.series, found.measured.metric.name)
        return JSONResponse(found.quality.to_json(), headers=HEADERS)

    @router.get("/prompts/{slug}/quality")
    async def get_quality(
        slug: str, request: Request, metric: str = "", since: str = "", until: str = "", against: str = ""
    ) -> HTMLResponse:
        found = await gathered(request, slug, QualityAsked(metric=metric, since=since, until=until, against=against))
        table = table_of(found.series, found.measured, found.window.zone)
        told: dict[str, Any] = {"view": found, "presets": PRESETS, "table": table}
        return frame.page(request, "quality.html", **told, comparisons=comparisons_of(found.quality))


def chosen(known: Sequence[Measured], slug: str, metric: str) -> Measured:
    """The metric of a name, the first without one. Raises MetricNotFoundError."""
    found = next((each for each in known if each.metric.name == metric or not metric), None)
    if found is None:
        scores = [each.metric.name for each in known if each.score]
        calls = [each.metric.name for each in known if not each.score]
        raise MetricNotFoundError(f"'{slug}' has no metric '{metric[:80]}'; {nearest(metric, scores, calls)}")
    return found


def whole_hours(since: datetime, until: datetime) -> tuple[int, int]:
    """The hours that a window touches, as hours since 1970."""
    return floor(hour_of(since)), ceil(hour_of(until))


async def cells_of(clickhouse: ClickHouse, measured: Measured, slug: str, begin: int, end: int) -> Sequence[Cell]:
    """A metric's cells over whole hours."""
    from evaluation.drift.reading import read_cells
    from evaluation.drift.sides import Span

    return await read_cells(clickhouse, measured, prompt=slug, span=Span(begin=begin, end=end))


def moves_within(store: Store, slug: str, window: Window) -> list[Event]:
    """The moves of a prompt's channels within a window, oldest first."""
    from evaluation.drift.moves import moves_of

    return [each for each in moves_of(store, slug) if window.since <= each.at < window.until]


def drawn(
    series: Sequence[Series],
    events: Sequence[Event],
    measured: Measured,
    begin: int,
    end: int,
    spans: Sequence[tuple[float, float, str]] = (),
    *,
    zone: tzinfo,
) -> Chart:
    """The chart of a metric with what changed, for somebody in `zone`."""
    metric = measured.metric
    markers = [Marker(hour=hour_of(event.at), label=label_of(event), kind=kind_of(event)) for event in events]
    share = metric.unit == "points"
    return chart_of(
        series,
        markers,
        begin=begin,
        end=end,
        read=lambda value: mean_text(metric, value),
        tick=lambda value: mean_text(metric, value).replace(".0 %", " %"),
        spans=spans,
        zone=zone,
        at_least=0.05 if share else 0.0,
        floor_at=0.0 if share else None,
        roof_at=1.0 if share else None,
    )


def comparisons_of(quality: Quality) -> list[tuple[str, VersionComparison, Sequence[str]]]:
    """What each version is against the baseline, the newest first: a sentence, the metrics, and what must be known of them."""
    from evaluation.comparison.text import notes, sentence

    if quality.comparison is None:
        return []
    newest = sorted(quality.comparison.versions, key=lambda each: -each.version)
    return [(sentence(quality.comparison, each), each, notes(each)) for each in newest]


def table_of(series: Sequence[Series], measured: Measured, zone: tzinfo) -> list[tuple[str, str, str, str, str]]:
    """What the chart shows as rows: when, version, value, interval, n."""
    metric = measured.metric
    rows = [(point, each.name) for each in series for point in each.points]
    return [
        (
            f"{time_of(point.hour).astimezone(zone):%Y-%m-%d %H:%M}",
            name,
            mean_text(metric, point.value),
            "" if point.low is None or point.high is None
            else f"{mean_text(metric, point.low)} to {mean_text(metric, point.high)}",
            f"{point.n:,.0f}",
        )
        for point, name in sorted(rows, key=lambda row: row[0].hour)
    ]  # fmt: skip


def as_csv(series: Sequence[Series], metric: str) -> PlainTextResponse:
    """The lines as a table for machines."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["time_utc", "version", "metric", "value", "low", "high", "n"])
    for each in series:
        for point in each.points:
            when = f"{time_of(point.hour):%Y-%m-%dT%H:%M:%SZ}"
            writer.writerow([when, each.name[1:], metric, point.value, point.low, point.high, round(point.n, 3)])
    return PlainTextResponse(text.getvalue(), headers=HEADERS, media_type="text/csv; charset=utf-8")
