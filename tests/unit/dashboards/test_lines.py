"""Cells of an hour as lines: means, intervals, and how few are too few."""

import math

import pytest

from dashboards.lines import kind_of, label_of, left_out, series_of
from evaluation.drift.values import Cell, Event, Metric
from evaluation.intervals import wilson
from tests.plugins.past import utc_now

SHARE = Metric(name="accepted", unit="points")


def cell(hour: int, version: int, n: float, total: float, *, squares: float | None = None, weight: float = 1.0) -> Cell:
    return Cell(
        hour=hour,
        stratum="",
        version=version,
        channel="stable",
        variant="main",
        model="m",
        fingerprint="",
        params="",
        scorer="",
        n=n,
        total=total,
        squares=total if squares is None else squares,
        calls=n,
        unparsed=0.0,
        weight=weight,
    )


def test_cells_of_a_bucket_are_one_point() -> None:
    cells = [cell(0, 1, 60, 30), cell(0, 1, 40, 40), cell(1, 1, 100, 10), cell(5, 2, 100, 50), cell(9, 1, 0, 0)]
    new, old = series_of(cells, SHARE, begin=0, end=6)
    assert (new.name, old.name) == ("v2", "v1")
    assert [(point.hour, point.value, point.n) for point in old.points] == [(0.5, 0.7, 100), (1.5, 0.1, 100)]
    expected = wilson(70, 100)
    assert expected is not None
    assert (old.points[0].low, old.points[0].high) == (expected.low, expected.high)


def test_what_a_sample_left_out_makes_a_mean_less_sure() -> None:
    [sure] = series_of([cell(0, 1, 100, 70)], SHARE, begin=0, end=2)
    [sampled] = series_of([cell(0, 1, 100, 70, weight=10.0)], SHARE, begin=0, end=2)
    assert sampled.points[0].value == sure.points[0].value
    assert sampled.points[0].n == 10
    assert sampled.points[0].low is not None and sure.points[0].low is not None
    assert sampled.points[0].low < sure.points[0].low


def test_logarithms_are_drawn_on_the_scale_that_people_know() -> None:
    latency = Metric(name="latency", unit="percent", log=True, higher_is_better=False)
    value = math.log(400)
    [line] = series_of([cell(0, 1, 100, 100 * value, squares=100 * (value * value + 0.04))], latency, begin=0, end=2)
    [point] = line.points
    assert point.value == pytest.approx(400)
    assert point.low is not None and point.high is not None
    assert point.low < 400 < point.high


def test_of_costs_nobody_knows_how_sure() -> None:
    [line] = series_of([cell(0, 1, 100, 5.0)], Metric(name="cost", unit="dollars"), begin=0, end=2)
    assert line.points[0].low is None


def test_versions_with_few_values_are_named_not_drawn() -> None:
    cells = [cell(0, version, 100 * version, 50) for version in range(1, 8)]
    series = series_of(cells, SHARE, begin=0, end=2)
    assert [each.name for each in series] == ["v7", "v6", "v5", "v4"]
    assert left_out(cells, series) == [1, 2, 3]


def test_a_bucket_with_hardly_a_value_is_no_point() -> None:
    cells = [cell(hour, 1, 200 if hour else 2, 1) for hour in range(3)]
    [line] = series_of(cells, SHARE, begin=0, end=3)
    assert [point.hour for point in line.points] == [1.5, 2.5]


def test_markers_in_a_few_words() -> None:
    def event(kind: str, after: str, channel: str = "stable") -> Event:
        return Event(kind=kind, at=utc_now(), before="1", after=after, announced=True, channel=channel)  # type: ignore[arg-type]

    assert label_of(event("promotion", "2")) == "v2 → stable"
    assert label_of(event("rollback", "1")) == "back to v1 on stable"
    assert label_of(event("model", "m" * 60)) == "model " + "m" * 27 + "…"
    assert (kind_of(event("rollout", "2")), kind_of(event("scorer", "2"))) == ("prompt", "model")
