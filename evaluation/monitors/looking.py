"""One look at everything that is watched: which series have changed, and which that had changed are back.

Knows the questions to ClickHouse, what makes a metric's margin, and what earlier alerts mean for a series. Refuses to know who looks when,
which changes are told together (`evaluation.monitors.grouping`), and who is told.
"""

import asyncio
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from evaluation.monitors.calendar import READ_HOURS, begin_of_watch, reference
from evaluation.monitors.cells import AT_ONCE, PromptHours, prompts_with_traffic, read_hours
from evaluation.monitors.hours import Span
from evaluation.monitors.series import Change, Memory, Prepared, Side, look, prepare, recovered
from registry.alerts import Alert, AlertLine, LineScale
from registry.monitors import BUILT_IN, Monitor, monitor_for
from tracing.clickhouse import ClickHouse

LATE_HOURS = 1
"""Scores come after their calls: an hour is looked at once another one has gone by."""

SCORE_MARGIN = 0.01
"""Of a score that is true or false: a point."""

SCORE_MARGIN_SPREAD = 0.05
"""Of any other score, in standard deviations of a single value."""

_HOUR = 3600
Series = tuple[str, str]
"""A prompt and a metric."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A series that has changed; `model` answers most of the prompt's calls, or did before."""

    line: AlertLine
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What a look came to. `watched` counts series by side, which share the false alarms that are put up with; `waiting` says of series
    that aren't watched why; `back` are series of open alerts, by the alert's id."""

    at: datetime
    watched: int
    found: tuple[Found, ...] = ()
    back: tuple[tuple[str, Series], ...] = ()
    waiting: tuple[tuple[Series, str], ...] = ()


async def look_at_everything(
    clickhouse: ClickHouse,
    *,
    monitors: Sequence[Monitor],
    alerts: Sequence[Alert],
    left_out: Collection[str],
    now: datetime,
) -> Looked:
    """Looks at every series that is watched. `alerts` are the open ones and those of the last `READ_HOURS`; prompts that are `left_out`
    (archived ones) are not watched. Raises ClickHouseUnavailable and ClickHouseRefused."""
    until = int(now.timestamp()) // _HOUR - LATE_HOURS
    since = until - READ_HOURS
    traffic = await prompts_with_traffic(clickhouse, since=since, until=until)
    wanted = {
        prompt: {
            name: monitor
            for name in (*BUILT_IN, *scores)
            if (monitor := monitor_for(monitors, prompt, name)) is not None
        }
        for prompt, scores in traffic.items()
        if prompt not in left_out
    }
    series = sum(len(_sides(monitor, name)) for each in wanted.values() for name, monitor in each.items())
    looked, past = Looked(at=now, watched=series), _Past.of(alerts)
    prompts = [prompt for prompt, metrics in wanted.items() if metrics]
    for first in range(0, len(prompts), AT_ONCE):
        some = prompts[first : first + AT_ONCE]
        for hours in await read_hours(clickhouse, some, since=since, until=until):
            looked = await asyncio.to_thread(_look_at_prompt, hours, wanted[hours.prompt], past, looked, until)
    return looked


@dataclass(frozen=True, slots=True)
class _Past:
    """What alerts say of each series."""

    standing: Mapping[Series, tuple[Alert, AlertLine]]
    memory: Mapping[Series, Memory]

    @classmethod
    def of(cls, alerts: Iterable[Alert]) -> "_Past":
        standing: dict[Series, tuple[Alert, AlertLine]] = {}
        memory: dict[Series, Memory] = {}
        for alert in sorted(alerts, key=lambda each: each.opened_at):
            for line in alert.lines:
                series = (line.slug, line.metric)
                before = memory.get(series, Memory())
                begin = _hour(line.since)
                if line.closed_at is not None:
                    end = _hour(line.closed_at) + 1
                    incidents = (*before.incidents, Span(begin=begin, end=end))
                    memory[series] = replace(before, incidents=incidents, watched_from=end)
                elif alert.state == "acknowledged":
                    memory[series] = replace(before, accepted_from=begin)
                elif alert.state == "open":
                    standing[series] = (alert, line)
        return cls(standing, memory)


def _look_at_prompt(
    hours: PromptHours, wanted: Mapping[str, Monitor], past: _Past, looked: Looked, until: int
) -> Looked:
    """What was looked at so far, and this prompt."""
    found: list[Found] = []
    back: list[tuple[str, Series]] = []
    waiting: list[tuple[Series, str]] = []
    calls = hours.metrics["error_rate"]
    begin = begin_of_watch(int(calls.hour[0]), until) if len(calls) else None
    span = None if begin is None else reference(begin)
    main = None if span is None else hours.main_model(span.begin, span.end)
    for name, monitor in wanted.items():
        key = (hours.prompt, name)
        values = hours.metrics.get(name)
        if name == "served_models":
            values = hours.share_of(main) if main is not None else None
        if values is None:
            continue
        memory = past.memory.get(key, Memory())
        if (there := past.standing.get(key)) is not None:
            alert, line = there
            then = prepare(values, max(_hour(alert.opened_at) - LATE_HOURS, 0), memory)
            if isinstance(then, Prepared) and recovered(then, _own_unit(name, line), until):
                back.append((alert.alert_id, key))
            continue
        prepared = prepare(values, until, memory)
        if isinstance(prepared, str):
            waiting.append((key, prepared))
            continue
        change = look(
            prepared,
            margin=margin_for(name, monitor, prepared),
            sides=_sides(monitor, name),
            series=looked.watched,
            now=until,
        )
        if change is not None:
            note = "" if name != "served_models" else _served(main or "", hours, change, until)
            found.append(Found(line=_line(hours.prompt, name, change, prepared, note), model=main or ""))
    return replace(
        looked,
        found=(*looked.found, *found),
        back=(*looked.back, *back),
        waiting=(*looked.waiting, *waiting),
    )


def margin_for(metric: str, monitor: Monitor, prepared: Prepared) -> float:
    """The margin in the unit of the series."""
    known = BUILT_IN.get(metric)
    if known is None:
        usual = SCORE_MARGIN if prepared.usual.share else SCORE_MARGIN_SPREAD * math.sqrt(prepared.usual.variance)
        return usual if monitor.margin is None else monitor.margin
    margin = known.margin if monitor.margin is None else monitor.margin
    if metric == "latency":
        return math.log1p(margin)
    return margin * abs(prepared.usual.mean) if known.scale == "ratio" else margin


def _sides(monitor: Monitor, metric: str) -> tuple[Side, ...]:
    return replace(monitor, metric=metric).sides if metric in BUILT_IN else monitor.sides


def _line(slug: str, metric: str, change: Change, prepared: Prepared, note: str) -> AlertLine:
    before, after = change.before, change.after
    ends = (change.difference, change.interval.low, change.interval.high)
    known = BUILT_IN.get(metric)
    scale: LineScale = "points" if (known.scale == "share" if known else prepared.usual.share) else "score"
    if metric == "latency":  # logarithms
        before, after, scale = math.exp(before), math.exp(after), "percent"
        ends = (math.expm1(ends[0]), math.expm1(ends[1]), math.expm1(ends[2]))
    elif known is not None and known.scale == "ratio":
        unit = abs(before) or 1.0
        ends, scale = (ends[0] / unit, ends[1] / unit, ends[2] / unit), "percent"
    return AlertLine(
        slug=slug,
        metric=metric,
        side=change.side,
        scale=scale,
        since=_time(change.since),
        earliest=_time(change.earliest),
        latest=_time(change.latest),
        before=before,
        after=after,
        difference=ends[0],
        low=ends[1],
        high=ends[2],
        n_before=change.n_before,
        n_after=change.n_after,
        note=note,
    )


def _own_unit(metric: str, line: AlertLine) -> float:
    """A line's difference in the unit of its series."""
    if metric == "latency":
        return math.log1p(line.difference)
    return line.difference * line.before if line.scale == "percent" else line.difference


def _served(main: str, hours: PromptHours, change: Change, until: int) -> str:
    others = replace(hours, models={name: each for name, each in hours.models.items() if name != main})
    other = others.main_model(change.since, until)
    return f"{main} → {other}" if other and change.side == "down" else main


def _hour(at: datetime) -> int:
    return int(at.timestamp()) // _HOUR


def _time(hour: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(hours=hour)
