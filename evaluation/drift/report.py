"""A drift report as questions to ClickHouse: a prompt's cells, then, where a step has no recorded cause, other prompts of the same model.

Knows in which order to ask. Refuses to know the registry (its moves are given), and to hide ClickHouse's errors.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from math import ceil, floor

from evaluation.drift.events import hour_of, time_of
from evaluation.drift.reading import Measured, metric_named, read_cells, read_controls
from evaluation.drift.sides import Span
from evaluation.drift.values import DriftReport, Event, Refusal, Side
from evaluation.probes.values import ProbeChange
from tracing.clickhouse import ClickHouse

BASELINE = timedelta(days=14)
"""How much before `since` tells what was usual."""
DEFAULT_SINCE = timedelta(days=7)


async def drift_report(
    clickhouse: ClickHouse,
    *,
    prompt: str,
    metric: str,
    since: datetime | None = None,
    until: datetime | None = None,
    promotions: Sequence[Event] = (),
    replays: Sequence[ProbeChange] = (),
    now: datetime,
) -> DriftReport:
    """What changed in a metric of a prompt since `since` (default: a week ago), and what caused it.

    The 14 days before `since` tell what was usual; where there is no such history, what lies before the first change does. `promotions` are
    the prompt's moves (`evaluation.drift.events.moves`) and `replays` the nights of its probes, of any time. Times carry a zone; hours are
    whole, in UTC.
    Raises ValueError for a window that is empty or has no zone, UnknownMetric, and whatever the connection raises.
    """
    asked = window_of(since, until, now)
    measured = await metric_named(clickhouse, prompt=prompt, name=metric)
    return await report_for(clickhouse, measured, prompt=prompt, window=asked, promotions=promotions, replays=replays)


async def report_for(
    clickhouse: ClickHouse,
    measured: Measured,
    *,
    prompt: str,
    window: Span,
    promotions: Sequence[Event],
    replays: Sequence[ProbeChange] = (),
) -> DriftReport:
    """The same for a metric that is known to be there; `window` goes from since to until."""
    from evaluation.drift.apart import BACKED_GATE
    from evaluation.drift.evidence import controls_say, models_of
    from evaluation.drift.judging import Evidence, report_of
    from evaluation.drift.looking import Question, look
    from evaluation.drift.together import dated
    from evaluation.drift.users import design_effect

    begin = window.begin - int(BASELINE / timedelta(hours=1))
    cells = await read_cells(clickhouse, measured, prompt=prompt, span=Span(begin=begin, end=window.end))
    question = Question(
        prompt=prompt,
        metric=measured.metric,
        cells=cells,
        announced=[event for event in promotions if begin <= hour_of(event.at) < window.end],
        since=window.begin,
        until=window.end,
    )
    # Off the event loop, which has others to answer: thousands of cells take a while, and so does the first import of scipy.
    found = await asyncio.to_thread(look, question, gate=BACKED_GATE)
    if found is None:
        return _nothing(prompt, measured, begin, window)
    controls = None
    step = next((change for change in found.changes if change.wide is not None), None)
    if step is not None:
        span = Span(begin=begin, end=window.end)
        others = await read_controls(clickhouse, prompt=prompt, models=found.table.model.names, span=span)
        controls = await asyncio.to_thread(
            controls_say, others, step.at or 0.0, step.wide or (0.0, 0.0), models_of(found.changes)
        )
        if controls.moved:
            found = await asyncio.to_thread(dated, found, others, controls.moved)
        else:
            found = await asyncio.to_thread(look, question) or found
    spread = await design_effect(clickhouse, measured, prompt=prompt, before=found.before, after=found.after)
    return await asyncio.to_thread(
        report_of, found, Evidence(controls=controls, design_effect=spread, replays=tuple(replays))
    )


def window_of(since: datetime | None, until: datetime | None, now: datetime) -> Span:
    """From since (default: a week before the end) to until (default, and at the latest: now), in whole hours. Raises ValueError."""
    for name, time in (("since", since), ("until", until), ("now", now)):
        if time is not None and time.tzinfo is None:
            raise ValueError(f"{name} must carry a time zone, such as {time.isoformat()}+00:00")
    end = min(until or now, now)
    begin = since or end - DEFAULT_SINCE
    if begin >= end:
        raise ValueError(f"since ({begin.isoformat()}) must be before until ({end.isoformat()})")
    return Span(begin=floor(hour_of(begin.astimezone(UTC))), end=ceil(hour_of(end.astimezone(UTC))))


def _nothing(prompt: str, measured: Measured, begin: int, window: Span) -> DriftReport:
    def side(since: int, until: int) -> Side:
        return Side(
            since=time_of(since), until=time_of(until), calls=0.0, n=0.0, coverage=0.0, unparsed=0.0, mean=None, interval=None,
            hours=0,
        )  # fmt: skip

    return DriftReport(
        prompt=prompt,
        metric=measured.metric,
        before=side(begin, window.begin),
        after=side(window.begin, window.end),
        enough=False,
        refusals=(
            Refusal(what="what changed", why=f"not enough data: no call in this window has '{measured.metric.name}'"),
        ),
        sentence=f"Not enough data: no call in this window has '{measured.metric.name}'.",
    )
