"""What changed in a metric of a prompt and why: the report's sentence first, then everything it stands on.

Knows how a report is laid out. Refuses to know HTML, and to judge anything: `evaluation.drift` does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from anyio import to_thread
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from dashboards.chart_values import Chart, Series
from dashboards.charts import hour_of
from dashboards.frame import HEADERS, Frame
from dashboards.lines import kind_of, label_of, left_out, series_of
from dashboards.moments import PRESETS, Window, window_of
from dashboards.quality import as_csv, cells_of, chosen, drawn, table_of, whole_hours
from dashboards.zones import zone_of
from evaluation.comparison.wording import mean_text
from evaluation.drift.values import Contribution, DriftReport, Event, Judged, StratumEffect
from evaluation.intervals import Interval
from registry.reference import check_slug
from registry.values import Prompt
from registry.writing.store import Store
from tracing.clickhouse import ClickHouse

if TYPE_CHECKING:
    from evaluation.drift.overview import DriftOverview, Moved
    from evaluation.drift.reading import Measured

DEFAULT = "7d"
GRADES = {
    "A": "callers of both at the same time, or the same inputs again",
    "B": "before and after, all else the same, and the time agrees",
    "C": "only the time agrees",
    "X": "can't be told apart",
}
CAUSES = {
    "prompt": "another version",
    "model": "another model",
    "prompt or model": "version or model",
    "not separable": "several changes at once",
    "parameters": "parameters",
    "scorer": "the scorer, not the answers",
    "mix": "other inputs",
    "silent model": "the model, unannounced",
    "local": "not on record",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftView:
    """All that the page shows."""

    prompt: Prompt
    window: Window
    measured: Measured
    metrics: Sequence[str]
    report: DriftReport
    series: Sequence[Series]
    chart: Chart
    undrawn: Sequence[int]


def add_drift(router: APIRouter, frame: Frame, store: Store, clickhouse: ClickHouse) -> None:
    """`/prompts/{slug}/drift` and its twins, and `/drift` for all prompts."""
    _add_everywhere(router, frame, store, clickhouse)

    async def gathered(request: Request, slug: str, metric: str, since: str, until: str) -> DriftView:
        from evaluation.drift.reading import metrics_of  # numpy takes a while to load

        frame.visitor(request, slug=check_slug(slug))
        prompt = await to_thread.run_sync(store.prompt, slug)
        window = window_of(since, until, default=DEFAULT, now=frame.now(), zone=zone_of(request))
        known = await metrics_of(clickhouse, prompt=slug)
        measured = chosen(known, slug, metric)
        report = await _reported(clickhouse, store, slug, measured, window, frame)
        begin, end = whole_hours(report.before.since, report.after.until)
        cells = await cells_of(clickhouse, measured, slug, begin, end)
        series = await to_thread.run_sync(lambda: series_of(cells, measured.metric, begin=begin, end=end))
        return DriftView(
            prompt=prompt,
            window=window,
            measured=measured,
            metrics=[each.metric.name for each in known],
            report=report,
            series=series,
            chart=drawn(
                series,
                [each.event for each in report.events],
                measured,
                begin,
                end,
                _spans(report),
                zone=window.zone,
            ),
            undrawn=left_out(cells, series),
        )

    @router.get("/prompts/{slug}/drift.{form}")
    async def get_twin(
        slug: str, form: str, request: Request, metric: str = "", since: str = "", until: str = ""
    ) -> Response:
        found = await gathered(request, slug, metric, since, until)
        if form == "csv":
            return as_csv(found.series, found.measured.metric.name)
        return JSONResponse(found.report.to_json(), headers=HEADERS)

    @router.get("/prompts/{slug}/drift")
    async def get_drift(
        slug: str, request: Request, metric: str = "", since: str = "", until: str = ""
    ) -> HTMLResponse:
        found = await gathered(request, slug, metric, since, until)
        told: dict[str, Any] = {"view": found, "presets": PRESETS, "words": Words(found.report), "grades": GRADES}
        return frame.page(
            request, "drift.html", **told, table=table_of(found.series, found.measured, found.window.zone)
        )


def _add_everywhere(router: APIRouter, frame: Frame, store: Store, clickhouse: ClickHouse) -> None:
    async def overview(request: Request, since: str, until: str) -> tuple[Window, DriftOverview]:
        from evaluation.drift.moves import all_moves
        from evaluation.drift.reports import drift_everywhere

        me = frame.visitor(request)
        window = window_of(since, until, default=DEFAULT, now=frame.now(), zone=zone_of(request))
        promotions = await to_thread.run_sync(all_moves, store)
        found = await drift_everywhere(
            clickhouse, sees=me.sees, since=window.since, until=window.until, promotions=promotions, now=frame.now()
        )
        return window, found

    @router.get("/drift.json")
    async def get_all_json(request: Request, since: str = "", until: str = "") -> Response:
        return JSONResponse((await overview(request, since, until))[1].to_json(), headers=HEADERS)

    @router.get("/drift")
    async def get_all(request: Request, since: str = "", until: str = "") -> HTMLResponse:
        window, found = await overview(request, since, until)
        told: dict[str, Any] = {"window": window, "found": found, "presets": PRESETS, "row_words": row_words}
        return frame.page(request, "drift_all.html", **told)


def row_words(row: Moved) -> dict[str, str]:
    """A metric's row in words: both means, and the change with its interval."""
    from evaluation.drift.sentences import signed

    means = [mean_text(row.metric, math.exp(each) if row.metric.log else each) for each in (row.before, row.after)]
    change = signed(row.metric, row.change, row.interval, abs(row.before) or 1.0).replace("-", "−")
    return {"before": means[0], "after": means[1], "change": change}


async def _reported(
    clickhouse: ClickHouse, store: Store, slug: str, measured: Measured, window: Window, frame: Frame
) -> DriftReport:
    from evaluation.drift.moves import moves_of
    from evaluation.drift.report import drift_report
    from evaluation.probes.reading import replays_of

    return await drift_report(
        clickhouse,
        prompt=slug,
        metric=measured.metric.name,
        since=window.since,
        until=window.until,
        promotions=await to_thread.run_sync(moves_of, store, slug),
        replays=await to_thread.run_sync(replays_of, store, slug),
        now=frame.now(),
    )


def _spans(report: DriftReport) -> list[tuple[float, float, str]]:
    """Both sides of the comparison, and when the change may have happened."""
    found = [
        (hour_of(side.since), hour_of(side.until), name)
        for side, name in ((report.before, "before"), (report.after, "after"))
    ]
    if report.change_between is not None:
        first, last = report.change_between
        found.append((hour_of(first), max(hour_of(last), hour_of(first) + 1), "between"))
    return found


class Words:
    """A report's numbers as people read them, each with its interval."""

    def __init__(self, report: DriftReport) -> None:
        self._report = report
        self._metric = report.metric
        self._scale = abs(report.before.mean or report.after.mean or 1.0)

    def change(self, value: float | None, interval: Interval | None) -> str:
        """A change such as "-7.9 points [-9.7, -6.1]"; "–" where it isn't known."""
        from evaluation.drift.sentences import signed

        if value is None or interval is None:
            return "–"
        return signed(self._metric, value, interval, self._scale).replace("-", "−")

    def mean(self, value: float | None) -> str:
        """A side's mean; of a metric in logarithms the geometric one."""
        if value is None:
            return "–"
        return mean_text(self._metric, math.exp(value) if self._metric.log else value)

    def ends(self, interval: Interval | None) -> str:
        """A side's interval."""
        return "" if interval is None else f"{self.mean(interval.low)} to {self.mean(interval.high)}"

    def cause(self, one: Contribution | StratumEffect) -> str:
        """What happened, in a few words."""
        return CAUSES.get(one.cause, one.cause)

    def place(self, event: Event) -> int:
        """Where an event stands in the table of events, 0 where it doesn't."""
        return next((place for place, each in enumerate(self._report.events) if each.event == event), 0)

    def event(self, one: Event) -> str:
        """An event as a clause."""
        if kind_of(one) == "prompt":
            return label_of(one)
        return f"{one.kind}: {one.before or 'none'} → {one.after or 'none'}"

    def kind(self, one: Judged) -> str:
        """The kind of an event's mark."""
        return kind_of(one.event)
