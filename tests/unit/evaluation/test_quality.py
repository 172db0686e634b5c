"""Cells become rows: rates, means, intervals, and nothing unknown turned into zero."""

import json
import math
from datetime import UTC, datetime
from typing import Any

import pytest

from evaluation.intervals import student_t, wilson
from evaluation.quality import Quality, QualityRow, quality_of

_NONE = {"input_known": 0, "output_known": 0, "cost_known": 0}
_WINDOW = Quality(prompt="p", since=None, until=None, purpose="production", score=None, rows=(), totals=())


def _calls(**more: Any) -> dict[str, Any]:
    cell = {
        "version": 1, "model": "m", "all_models": 0, "calls": 10, "recorded": 10, "errors": 2, "client_left": 1, "latency_ms": [5.0, 9.0],
        "first_chunk_quantiles": [2.0], "input_sum": 100, "input_known": 8, "output_sum": 40, "output_known": 8,
        "cost_sum": 0.4, "cost_known": 4, "first_ms": 1_000, "last_ms": 2_500, "channels": ["latest", "stable"],
    }  # fmt: skip
    return cell | more


def _quantiles(value: float | None) -> dict[str, Any]:
    return {"latency_ms": [value, value], "first_chunk_quantiles": [value]}


def _scores(**more: Any) -> dict[str, Any]:
    cell = {
        "version": 1, "model": "m", "all_models": 0, "all_scores": 0, "score_name": "good", "score_kind": "bool",
        "scored_calls": 4, "mean_sum": 3.0, "mean_sum_of_squares": 3.0, "unparsed_scores": 1, "label_counts": {},
    }  # fmt: skip
    cell |= more
    n = cell["scored_calls"]
    return {"scored_recorded": n, "weight": float(n), "weight_squares": float(n)} | cell


def _row(calls: dict[str, Any], *scores: dict[str, Any]) -> QualityRow:
    report = quality_of(_WINDOW, [calls], scores)
    (row,) = report.rows + report.totals
    return row


def test_rates_and_means_are_over_what_they_are_about() -> None:
    row = _row(_calls(), _scores(all_scores=1, scored_calls=5))
    assert (row.error_rate, row.coverage, row.client_left) == (0.2, 0.5, 1)
    assert (row.input_tokens_mean, row.output_tokens_mean) == (12.5, 5.0)
    assert (row.cost, row.cost_mean, row.unpriced_calls) == (0.4, 0.1, 6)
    assert row.first_seen == datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert row.last_seen == datetime(1970, 1, 1, 0, 0, 2, 500_000, tzinfo=UTC)


@pytest.mark.parametrize("nothing", [None, math.nan])
def test_the_unknown_stays_unknown(nothing: float | None) -> None:
    row = _row(_calls(**dict.fromkeys(("input_sum", "output_sum", "cost_sum")), **_NONE, **_quantiles(nothing)))
    unknown = (
        row.latency_p50_ms, row.latency_p95_ms, row.first_chunk_p50_ms, row.input_tokens, row.input_tokens_mean,
        row.output_tokens, row.output_tokens_mean, row.cost, row.cost_mean,
    )  # fmt: skip
    assert set(unknown) == {None}
    assert row.unpriced_calls == row.calls


def test_a_cost_of_zero_is_known() -> None:
    row = _row(_calls(cost_sum=0.0, cost_known=10))
    assert (row.cost, row.cost_mean, row.unpriced_calls) == (0.0, 0.0, 0)


def test_the_kind_of_a_score_decides_its_interval() -> None:
    row = _row(
        _calls(),
        _scores(),
        _scores(score_name="stars", score_kind="number", scored_calls=3, mean_sum=12.0, mean_sum_of_squares=50.0),
        _scores(score_name="once", score_kind="number", scored_calls=1, mean_sum=4.0, mean_sum_of_squares=16.0),
        _scores(
            score_name="topic", score_kind="category", scored_calls=3, mean_sum=None, label_counts={"b": 2, "a": 1}
        ),
    )
    good, stars, once, topic = row.scores
    assert good.mean == 0.75 and good.interval is not None
    assert (good.interval.low, good.interval.high) == pytest.approx((0.300642, 0.954413), abs=1e-6)
    assert stars.mean == 4.0 and stars.interval is not None
    assert (stars.interval.low, stars.interval.high) == pytest.approx((1.515862, 6.484138), abs=1e-6)
    assert (once.mean, once.interval, once.n) == (4.0, None, 1)
    assert (topic.mean, topic.interval, topic.labels) == (None, None, (("a", 1), ("b", 2)))


def test_a_score_that_was_never_parsed_has_no_mean() -> None:
    (score,) = _row(
        _calls(), _scores(scored_calls=0, mean_sum=None, mean_sum_of_squares=None, unparsed_scores=7)
    ).scores
    assert (score.n, score.mean, score.interval, score.unparsed) == (0, None, None, 7)


def test_totals_stand_apart_from_models_and_take_their_own_scores() -> None:
    report = quality_of(
        _WINDOW,
        [_calls(model="m"), _calls(model="k", calls=5), _calls(model="", all_models=1, calls=15)],
        [_scores(model="m"), _scores(model="", all_models=1, scored_calls=9, mean_sum=9.0)],
    )
    assert [(row.model_served, row.calls, len(row.scores)) for row in report.rows] == [("m", 10, 1), ("k", 5, 0)]
    assert [(row.model_served, row.calls, row.scores[0].n) for row in report.totals] == [(None, 15, 9)]


def test_a_call_that_names_no_model_is_a_row_and_no_total() -> None:
    report = quality_of(_WINDOW, [_calls(model="")], [])
    assert [row.model_served for row in report.rows] == [""]
    assert report.totals == ()


def test_scores_read_after_new_calls_arrived_never_give_more_than_full_coverage() -> None:
    row = _row(_calls(calls=3, errors=0), _scores(all_scores=1, scored_calls=4), _scores(version=2))
    assert (row.scored_calls, row.coverage) == (3, 1.0)


def test_to_json_is_json_with_times_in_utc() -> None:
    report = quality_of(_WINDOW, [_calls()], [_scores(score_kind="category", label_counts={"a": 1})])
    plain = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert plain["rows"][0]["first_seen"] == "1970-01-01T00:00:01Z"
    assert plain["rows"][0]["scores"][0]["labels"] == {"a": 1}
    assert plain["rows"][0]["channels"] == ["latest", "stable"]
    assert plain["totals"] == []


def test_intervals_know_what_a_sample_left_out() -> None:
    """Forty calls on record, each of which stands for ten, say no more than forty; unequal weights say less than their number."""
    even = _scores(scored_calls=400, scored_recorded=40, weight=400.0, weight_squares=4000.0, mean_sum=300.0)
    uneven = _scores(scored_calls=130, scored_recorded=40, weight=130.0, weight_squares=1030.0, mean_sum=97.5)
    number = _scores(
        score_kind="number",
        scored_recorded=3,
        weight=30.0,
        weight_squares=300.0,
        mean_sum=120.0,
        mean_sum_of_squares=500.0,
    )
    good, mixed, stars = _row(_calls(calls=400, recorded=40), even, uneven, number).scores
    assert (good.n, good.effective_n, good.mean, good.interval) == (40, 40.0, 0.75, wilson(30.0, 40))
    assert (
        mixed.effective_n == pytest.approx(130 * 130 / 1030)
        and mixed.interval is not None
        and good.interval is not None
    )
    assert mixed.interval.high - mixed.interval.low > 1.4 * (good.interval.high - good.interval.low)
    assert (stars.mean, stars.interval) == (4.0, student_t(3, 12.0, 50.0))
    assert _row(_calls(calls=400, recorded=40)).recorded_calls == 40
