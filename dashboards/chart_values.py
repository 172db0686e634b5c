"""What a chart over time is made of, as values: points, lines and markers as they are known, and the same as they are drawn.

Times are hours since 1970 (UTC), fractions included; places are in the units of the picture. Refuses to know how one becomes the other
(`dashboards.charts`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A value at a time, its interval where it has one, and how many observations made it."""

    hour: float
    value: float
    low: float | None = None
    high: float | None = None
    n: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A line: its name, as it stands at its end, and its points in the order of time. A gap longer than `gap` hours breaks it."""

    name: str
    points: Sequence[Point]
    gap: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """Something that changed. `kind` decides shape and colour."""

    hour: float
    label: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """A point as it is drawn, with its words."""

    x: float
    y: float
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A series as it is drawn; `place` counts series from 0. `path` and `band` are SVG path data."""

    name: str
    place: int
    path: str
    band: str
    dots: tuple[Dot, ...]
    end_x: float
    end_y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """A marker as it is drawn: its line at `x`, its label's box from `box_x` on in a lane."""

    x: float
    y: float
    box_x: float
    box_width: float
    label: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A place on an axis with its text."""

    at: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """All that is drawn. The plot goes from `left` to `right` and from `top` to `bottom`."""

    width: int
    height: float
    left: float
    right: float
    top: float
    bottom: float
    lines: tuple[Line, ...]
    flags: tuple[Flag, ...]
    spans: tuple[tuple[float, float, str], ...]
    y_ticks: tuple[Tick, ...]
    x_ticks: tuple[Tick, ...]
