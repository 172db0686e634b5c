"""What two versions are compared by: any score, and what the calls themselves tell.

Knows each metric's unit, direction and margin. Refuses to know values. A score's higher value is taken for the better one.
"""

from collections.abc import Mapping

from evaluation.comparison.values import Kind, Measure
from evaluation.drift.metrics import OF_CALLS, metric_of_score

MARGIN = 0.02
"""Two points of a rate are no difference to speak of, unless asked otherwise."""

_RATE_SIZES = (0.1, 0.05, 0.03, 0.02)
_FAILURE_SIZES = (0.05, 0.02, 0.01, 0.005)
_RELATIVE_SIZES = (0.2, 0.1, 0.05)
_FAILURE_MARGIN, _RELATIVE_MARGIN, _SCORE_MARGIN = 0.005, 0.05, 0.1


def _of_calls(name: str, kind: Kind) -> Measure:
    margin, sizes = (_FAILURE_MARGIN, _FAILURE_SIZES) if kind == "rate" else (_RELATIVE_MARGIN, _RELATIVE_SIZES)
    return Measure(metric=OF_CALLS[name][0], kind=kind, margin=margin, sizes=sizes)


BUILT_IN: Mapping[str, Measure] = {
    "error_rate": _of_calls("error_rate", "rate"),
    "refusal_rate": _of_calls("refusal_rate", "rate"),
    "truncation_rate": _of_calls("truncation_rate", "rate"),
    "output_tokens": _of_calls("output_tokens", "mean"),
    "latency": _of_calls("latency", "log"),
    "cost": _of_calls("cost", "total"),
}
"""Metrics that need no score, by name. A refusal may be right, and so may a long answer: of these neither way is better. `latency` is that
of calls that succeeded, `cost` and `output_tokens` those of calls that have one."""


def score_measure(name: str, kind: str, *, margin: float = MARGIN) -> Measure:
    """A score's measure; `kind` is that of the score, bool or number. `margin` is that of a rate."""
    metric = metric_of_score(name, kind)
    if metric.unit == "points":
        return Measure(metric=metric, kind="rate", margin=margin, sizes=_RATE_SIZES)
    return Measure(metric=metric, kind="mean", margin=_SCORE_MARGIN, sizes=(0.5, 0.2, _SCORE_MARGIN))
