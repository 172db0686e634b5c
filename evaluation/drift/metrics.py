"""What a drift report can be about: any score, and what every call tells without a score.

Each metric says how its cells are made: a score from the scores, the others from sums of calls. A change is told in the metric's unit;
`smallest` is the least that is worth telling.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from evaluation.drift.values import Metric


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """How many observations a cell of `calls_hourly` has, their sum and sum of squares, as SQL over its columns."""

    n: str
    total: str
    squares: str


def _share(counted: str, among: str = "calls") -> Sums:
    return Sums(n=among, total=counted, squares=counted)


_LENGTH = "(finish_reasons['length'] + finish_reasons['max_tokens'] + finish_reasons['max_output_tokens'])"
_REFUSAL = "(finish_reasons['content_filter'] + finish_reasons['refusal'] + finish_reasons['SAFETY'])"

OF_CALLS: Mapping[str, tuple[Metric, Sums]] = {
    "error_rate": (
        Metric(name="error_rate", unit="points", higher_is_better=False),
        _share("(calls - succeeded - client_left)"),
    ),
    "refusal_rate": (
        Metric(name="refusal_rate", unit="points", higher_is_better=None),
        _share(_REFUSAL, "succeeded"),
    ),
    "truncation_rate": (
        Metric(name="truncation_rate", unit="points", higher_is_better=False),
        _share(_LENGTH, "succeeded"),
    ),
    "output_tokens": (
        Metric(name="output_tokens", unit="tokens", higher_is_better=None),
        Sums(n="output_known", total="output_tokens", squares="output_squares"),
    ),
    "latency": (
        Metric(name="latency", unit="percent", higher_is_better=False, log=True),
        Sums(n="succeeded", total="log_ms", squares="log_ms_squares"),
    ),
    "cost": (
        Metric(name="cost", unit="dollars", higher_is_better=False),
        # A cell knows the sum of costs, not of their squares: hours differ enough to tell how sure a mean is.
        Sums(n="cost_known", total="toFloat64(cost)", squares="pow(toFloat64(cost), 2) / greatest(cost_known, 1)"),
    ),
}
"""Metrics of calls, by name, with the sums that make them."""


def metric_of_score(name: str, kind: str) -> Metric:
    """A score as a metric: a share in points where it is yes or no, else on its own scale."""
    return Metric(name=name, unit="points" if kind == "bool" else "score")


def smallest(metric: Metric, mean: float, deviation: float) -> float:
    """The least change worth telling: a point of a share, 3 % of a latency, 2 % of tokens or costs, 3 % of a score's standard deviation."""
    if metric.unit == "points":
        return 0.01
    if metric.log:
        return math.log(1.03)
    if metric.unit in ("tokens", "dollars"):
        return 0.02 * abs(mean)
    return 0.03 * deviation
