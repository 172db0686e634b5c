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
    """How many observations a cell of `calls_hourly` has, their sum and sum of squares, as SQL over its columns.

    `value` is that of a single row of `calls`, `known` whether it has one.
    """

    n: str
    total: str
    squares: str
    value: str = "0"
    known: str = "1"


def _share(counted: str, of_call: str, *, succeeded: bool) -> Sums:
    among, known = ("succeeded", "outcome = 'ok'") if succeeded else ("calls", "1")
    return Sums(n=among, total=counted, squares=counted, value=of_call, known=known)


def _reasons(*names: str) -> tuple[str, str]:
    """How many calls ended for one of these reasons, and whether a call did."""
    quoted = [f"'{name}'" for name in names]
    return f"({' + '.join(f'finish_reasons[{name}]' for name in quoted)})", f"finish_reason IN ({', '.join(quoted)})"


# Chat Completions and Responses; Messages; Gemini: each its own words, as the dialects of the proxy know them.
_LENGTH = _reasons("length", "max_output_tokens", "max_tokens", "MAX_TOKENS")
_REFUSAL = _reasons("content_filter", "refusal", "SAFETY")

OF_CALLS: Mapping[str, tuple[Metric, Sums]] = {
    "error_rate": (
        Metric(name="error_rate", unit="points", higher_is_better=False),
        _share("(calls - succeeded - client_left)", "outcome NOT IN ('ok', 'client_left')", succeeded=False),
    ),
    "refusal_rate": (
        Metric(name="refusal_rate", unit="points", higher_is_better=None),
        _share(*_REFUSAL, succeeded=True),
    ),
    "truncation_rate": (
        Metric(name="truncation_rate", unit="points", higher_is_better=False),
        _share(*_LENGTH, succeeded=True),
    ),
    "output_tokens": (
        Metric(name="output_tokens", unit="tokens", higher_is_better=None),
        Sums(
            n="output_known",
            total="output_tokens",
            squares="output_squares",
            value="output_tokens",
            known="isNotNull(output_tokens)",
        ),
    ),
    "latency": (
        Metric(name="latency", unit="percent", higher_is_better=False, log=True),
        Sums(
            n="succeeded",
            total="log_ms",
            squares="log_ms_squares",
            value="log(greatest(duration_ms, 0.001))",
            known="outcome = 'ok'",
        ),
    ),
    "cost": (
        Metric(name="cost", unit="dollars", higher_is_better=False),
        # A cell knows the sum of costs, not of their squares: what hours differ by tells how sure a mean is.
        Sums(
            n="cost_known",
            total="toFloat64(cost)",
            squares="pow(toFloat64(cost), 2) / greatest(cost_known, 1)",
            value="cost",
            known="isNotNull(cost)",
        ),
    ),
}
"""Metrics of calls, by name, with the sums that make them."""


FINISH = "finish_reason="
"""`finish_reason=length` and the like: the share of calls that ended so, among those that succeeded."""

FINISHED = _share("finish_reasons[{label:String}]", "finish_reason = {label:String}", succeeded=True)


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
