"""A chart over time as geometry: lines with their bands, markers of changes in lanes that do not collide, ticks that read well. Pure.

Knows coordinates. Refuses to know SVG, colours and what the values mean: a template draws what is here, and a caller says how a value
reads. Times are hours since 1970 (UTC), fractions included.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from math import ceil, floor, log10

from dashboards.chart_values import Chart, Dot, Flag, Line, Marker, Point, Series, Tick
from dashboards.zones import name_of

WIDTH, HEIGHT = 960, 260
LEFT, RIGHT, BOTTOM, TOP = 56, 56, 26, 10
LANE = 24
_LETTER, _PADDING, _LABEL_GAP = 6.6, 28, 14
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STEPS = (1, 3, 6, 12, 24, 48, 7 * 24, 14 * 24, 28 * 24, 91 * 24, 365 * 24)


def hour_of(time: datetime) -> float:
    """A time as hours since 1970."""
    return (time - _EPOCH) / timedelta(hours=1)


def time_of(hour: float) -> datetime:
    """And back."""
    return _EPOCH + timedelta(hours=hour)


def chart_of(
    series: Sequence[Series],
    markers: Sequence[Marker],
    *,
    begin: float,
    end: float,
    read: Callable[[float], str],
    tick: Callable[[float], str],
    spans: Sequence[tuple[float, float, str]] = (),
    at_least: float = 0.0,
    floor_at: float | None = None,
    roof_at: float | None = None,
    zone: tzinfo = UTC,
) -> Chart:
    """The chart of what lies between two hours. `read` writes a value, `tick` one of the scale; `spans` are stretches of time with a kind,
    drawn behind all.

    Times read as in `zone`.
    The scale holds every point, bands up to half as far again, and at least `at_least`; it doesn't leave `floor_at` and `roof_at`.
    """
    low, high = _range(series, at_least, floor_at, roof_at)
    flags, lanes = _flags(markers, begin, end)
    top = TOP + max(1, lanes) * LANE
    bottom = top + HEIGHT

    def y(value: float) -> float:
        return bottom - HEIGHT * (min(max(value, low), high) - low) / (high - low)

    lines = [_line(each, place, begin, end, y, read, zone) for place, each in enumerate(series) if each.points]
    ticks = tuple(Tick(at=_short(y(value)), text=tick(value)) for value in nice_ticks(low, high))
    return Chart(
        width=WIDTH,
        height=bottom + BOTTOM,
        left=LEFT,
        right=WIDTH - RIGHT,
        top=top,
        bottom=bottom,
        lines=_apart(lines, bottom),
        flags=tuple(flags),
        spans=tuple((_x(max(a, begin), begin, end), _x(min(b, end), begin, end), kind) for a, b, kind in spans),
        y_ticks=ticks,
        x_ticks=tuple(Tick(at=_x(hour, begin, end), text=text) for hour, text in time_ticks(begin, end, zone)),
    )


def nice_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round values between two others, about `most` of them.

    >>> nice_ticks(0.12, 0.58)
    [0.2, 0.3, 0.4, 0.5]
    """
    span = high - low
    step = float(10 ** floor(log10(span / most)))
    step *= next(times for times in (1, 2, 2.5, 5, 10) if span / (step * times) <= most)
    return [round(place * step, 10) for place in range(ceil(low / step - 1e-9), floor(high / step + 1e-9) + 1)]


def time_ticks(begin: float, end: float, zone: tzinfo = UTC, most: int = 11) -> list[tuple[float, str]]:
    """Round times of a zone between two hours: whole hours, days or weeks that begin on Monday."""
    step = next((each for each in _STEPS if (end - begin) / each <= most), _STEPS[-1])
    ahead = (time_of(begin).astimezone(zone).utcoffset() or timedelta()) / timedelta(hours=1)
    offset = (4 * 24 if step >= 7 * 24 else 0) - ahead  # 1970 began on a Thursday
    first = ceil((begin - offset) / step) * step + offset
    times = [first + place * step for place in range(int((end - first) // step) + 1)]
    return [(hour, _said(time_of(hour).astimezone(zone), step)) for hour in times]


def bucket_hours(begin: float, end: float, n: float, *, most: int = 120, enough: float = 50.0) -> int:
    """The length of a bucket, in whole hours, so that a line has at most so many points; up to a day for `enough` of `n` observations in
    each on average."""
    short = next((each for each in _STEPS if (end - begin) / each <= most), _STEPS[-1])
    return next(
        (each for each in _STEPS if each >= short and (n * each >= enough * (end - begin) or each >= 24)), short
    )


def _range(
    series: Sequence[Series], at_least: float, floor_at: float | None, roof_at: float | None
) -> tuple[float, float]:
    values = [point.value for each in series for point in each.points] or [0.0]
    low, high = min(values), max(values)
    room = max((high - low) / 2, at_least / 2, abs(high) * 0.02, 1e-9)
    lows = [point.low for each in series for point in each.points if point.low is not None]
    highs = [point.high for each in series for point in each.points if point.high is not None]
    low, high = max(min([low, *lows]), low - room), min(max([high, *highs]), high + room)
    short = max(at_least - (high - low), 1e-9)
    low, high = low - short / 2, high + short / 2
    padding = (high - low) * 0.06
    low, high = low - padding, high + padding
    low = low if floor_at is None else max(low, floor_at)
    high = high if roof_at is None else min(high, roof_at)
    return (low, high) if high - low > 1e-12 else (low - 0.5, high + 0.5)


def _line(
    each: Series,
    place: int,
    begin: float,
    end: float,
    y: Callable[[float], float],
    read: Callable[[float], str],
    zone: tzinfo,
) -> Line:
    points = [point for point in each.points if begin <= point.hour <= end]
    runs: list[list[Point]] = []
    for point in points:
        if runs and point.hour - runs[-1][-1].hour <= each.gap:
            runs[-1].append(point)
        else:
            runs.append([point])
    dots = [Dot(x=_x(p.hour, begin, end), y=_short(y(p.value)), said=_told(p, each.name, read, zone)) for p in points]
    last = dots[-1] if dots else Dot(x=LEFT, y=TOP, said="")
    return Line(
        name=each.name,
        place=place,
        path="".join(_path([(_x(p.hour, begin, end), y(p.value)) for p in run]) for run in runs),
        band="".join(_band(run, begin, end, y) for run in runs),
        dots=tuple(dots),
        end_x=last.x + 8,
        end_y=last.y,
    )


def _band(run: Sequence[Point], begin: float, end: float, y: Callable[[float], float]) -> str:
    known = [(_x(p.hour, begin, end), p.low, p.high) for p in run if p.low is not None and p.high is not None]
    if len(known) < 2:
        return ""
    there, back = [(x, y(high)) for x, _, high in known], [(x, y(low)) for x, low, _ in reversed(known)]
    return f"{_path([*there, *back])}Z"


def _path(places: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{_short(x):g} {_short(y):g}" for x, y in places)


def _apart(lines: Sequence[Line], bottom: float) -> tuple[Line, ...]:
    """The names at the lines' ends, moved down where they would cover each other."""
    moved: dict[int, float] = {}
    least = 0.0
    for line in sorted(lines, key=lambda each: each.end_y):
        moved[line.place] = least = max(line.end_y, least)
        least += _LABEL_GAP
    over = max(0.0, least - _LABEL_GAP - bottom)
    return tuple(replace(line, end_y=_short(moved[line.place] - over)) for line in lines)


def _flags(markers: Sequence[Marker], begin: float, end: float) -> tuple[list[Flag], int]:
    """Labels right of their line, or left where there is no room, each in the first lane that is free there."""
    lanes: list[float] = []
    found = []
    for marker in sorted(markers, key=lambda each: each.hour):
        if not begin <= marker.hour <= end:
            continue
        x = _x(marker.hour, begin, end)
        width = len(marker.label) * _LETTER + _PADDING
        box = max(0.0, x - width) if x + width > WIDTH else x
        lane = next((place for place, taken in enumerate(lanes) if box > taken + 6), len(lanes))
        lanes[lane : lane + 1] = [box + width]
        flag = Flag(
            x=x,
            y=TOP + lane * LANE,
            box_x=_short(box),
            box_width=_short(width),
            label=marker.label,
            kind=marker.kind,
        )
        found.append(flag)
    return found, len(lanes)


def _told(point: Point, name: str, read: Callable[[float], str], zone: tzinfo) -> str:
    ends = "" if point.low is None or point.high is None else f" ({read(point.low)} to {read(point.high)})"
    when = f"{time_of(point.hour).astimezone(zone):%Y-%m-%d %H:%M} {name_of(zone)}"
    return f"{when}, {name}: {read(point.value)}{ends}, n = {point.n:,.0f}"


def _said(time: datetime, step: int) -> str:
    if step < 24:
        return f"{time:%H:%M}" if time.hour else f"{time.day} {time:%b}"
    return f"{time:%b %Y}" if step >= 28 * 24 else f"{time.day} {time:%b}"


def _x(hour: float, begin: float, end: float) -> float:
    return _short(LEFT + (WIDTH - LEFT - RIGHT) * (hour - begin) / max(end - begin, 1e-9))


def _short(value: float) -> float:
    return round(value, 1)
