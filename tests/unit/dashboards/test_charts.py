"""Geometry of charts: what is where, and that labels don't cover each other."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest

from dashboards.chart_values import Marker, Point, Series
from dashboards.charts import WIDTH, bucket_hours, chart_of, hour_of, nice_ticks, time_of, time_ticks

BEGIN = hour_of(datetime(2026, 11, 1, tzinfo=UTC))
WEEK = 7 * 24


def chart(series: list[Series], *markers: Marker, end: float = BEGIN + WEEK, **more: float):  # type: ignore[no-untyped-def]
    return chart_of(series, markers, begin=BEGIN, end=end, read=lambda v: f"{v:.0%}", tick=lambda v: f"{v:.0%}", **more)


def line(*values: float, name: str = "v1", half: float = 0.05) -> Series:
    points = [Point(hour=BEGIN + 24 * n, value=v, low=v - half, high=v + half, n=100) for n, v in enumerate(values)]
    return Series(name=name, points=points, gap=60)


def test_times_go_there_and_back() -> None:
    moment = datetime(2026, 11, 5, 9, 30, tzinfo=UTC)
    assert time_of(hour_of(moment)) == moment


def test_what_is_higher_is_drawn_higher_and_within() -> None:
    [drawn] = chart([line(0.5, 0.9, 0.1)]).lines
    y = [dot.y for dot in drawn.dots]
    assert y[1] < y[0] < y[2]
    found = chart([line(0.5, 0.9, 0.1)])
    assert all(found.top <= dot.y <= found.bottom and found.left <= dot.x <= found.right for dot in drawn.dots)
    assert drawn.dots[1].said == "2026-11-02 00:00 UTC, v1: 90% (85% to 95%), n = 100"


def test_a_gap_breaks_the_line() -> None:
    points = [Point(hour=BEGIN + hour, value=0.5) for hour in (0, 10, 20, 120, 130)]
    [drawn] = chart([Series(name="v1", points=points, gap=30)]).lines
    assert drawn.path.count("M") == 2
    assert drawn.band == ""  # nothing is known of how sure they are


def test_a_wide_band_does_not_flatten_the_line() -> None:
    sure = chart([line(0.8, 0.82, 0.78)])
    unsure = chart([line(0.8, 0.82, 0.78, half=5.0)])
    spread = [
        max(dot.y for dot in each.lines[0].dots) - min(dot.y for dot in each.lines[0].dots) for each in (sure, unsure)
    ]
    assert spread[1] > 40


def test_a_share_stays_between_nothing_and_all() -> None:
    found = chart([line(0.0, 1.0)], floor_at=0.0, roof_at=1.0)
    assert [tick.text for tick in found.y_ticks] == ["0%", "20%", "40%", "60%", "80%", "100%"]


def test_labels_of_changes_do_not_cover_each_other() -> None:
    markers = [Marker(hour=BEGIN + n, label=f"version {n} → stable", kind="prompt") for n in range(6)]
    markers.append(Marker(hour=BEGIN + WEEK - 1, label="model gpt-4o-2026-11", kind="model"))
    markers.append(Marker(hour=BEGIN - 5, label="before", kind="model"))
    found = chart([line(0.5, 0.6)], *markers)
    assert len(found.flags) == 7  # what lies outside isn't there
    boxes = [(flag.y, flag.box_x, flag.box_x + flag.box_width) for flag in found.flags]
    for place, (y, first, last) in enumerate(boxes):
        assert first >= 0
        assert last <= WIDTH
        assert all(y != other or last <= begin or first >= end for other, begin, end in boxes[place + 1 :])
    assert found.top > max(y for y, _, _ in boxes)


def test_names_at_the_ends_do_not_cover_each_other() -> None:
    found = chart([line(0.5, 0.5, name=f"v{n}") for n in range(4)])
    ends = sorted(each.end_y for each in found.lines)
    assert all(after - before >= 13.9 for before, after in pairwise(ends))
    assert max(ends) <= found.bottom


@pytest.mark.parametrize("values", [(), (0.5,), (0.5, 0.5)])
def test_little_is_drawn_as_well(values: tuple[float, ...]) -> None:
    found = chart([line(*values)] if values else [])
    assert len(found.y_ticks) >= 2
    assert len(found.lines) == bool(values)


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.0, 1.0, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (-3, 3, [-3, -2, -1, 0, 1, 2, 3]),
        (0.801, 0.829, [0.805, 0.81, 0.815, 0.82, 0.825]),
    ],
)
def test_round_values(low: float, high: float, ticks: list[float]) -> None:
    assert nice_ticks(low, high) == pytest.approx(ticks)


@pytest.mark.parametrize("hours", [1, 5, 30, 100, 400, 2000, 9000, 40_000])
def test_round_times(hours: int) -> None:
    ticks = time_ticks(BEGIN + 0.4, BEGIN + 0.4 + hours)
    assert 1 <= len(ticks) <= 12
    assert all(BEGIN < hour <= BEGIN + 0.4 + hours for hour, _ in ticks)
    if 300 < hours < 2000:
        assert {time_of(hour).weekday() for hour, _ in ticks} == {0} or hours == 400


def test_buckets_are_long_enough_to_say_something() -> None:
    assert bucket_hours(0, 48, 100_000) == 1
    assert bucket_hours(0, 90 * 24, 10**9) == 24
    assert bucket_hours(0, 48, 0) == 24
    assert bucket_hours(0, 7 * 24, 7 * 24 * 10) == 6
