"""What two versions are compared by: any score, and what the calls themselves tell.

Knows each metric's unit, direction and margin. Refuses to know values. A score's higher value is taken for the better one.
"""

from collections.abc import Mapping

from evaluation.comparison.values import Measure
from evaluation.drift.values import Metric

MARGIN = 0.02
"""Two points of a rate are no difference to speak of, unless asked otherwise."""

_RATE_SIZES = (0.1, 0.05, 0.03, 0.02)
_FAILURE_SIZES = (0.05, 0.02, 0.01, 0.005)
_RELATIVE_SIZES = (0.2, 0.1, 0.05)
_FAILURE_MARGIN, _RELATIVE_MARGIN, _SCORE_MARGIN = 0.005, 0.05, 0.1


def _share(name: str, higher_is_better: bool | None = False) -> Measure:
    metric = Metric(name=name, unit="points", higher_is_better=higher_is_better)
    return Measure(metric=metric, kind="rate", margin=_FAILURE_MARGIN, sizes=_FAILURE_SIZES)


BUILT_IN: Mapping[str, Measure] = {
    each.metric.name: each
    for each in (
        _share("error_rate"),
        _share("refusal_rate", None),
        _share("truncation_rate"),
        Measure(
            metric=Metric(name="output_tokens", unit="tokens", higher_is_better=None),
            kind="mean",
            margin=_RELATIVE_MARGIN,
            sizes=_RELATIVE_SIZES,
        ),
        Measure(
            metric=Metric(name="latency", unit="percent", higher_is_better=False, log=True),
            kind="log",
            margin=_RELATIVE_MARGIN,
            sizes=_RELATIVE_SIZES,
        ),
        Measure(
            metric=Metric(name="cost", unit="dollars", higher_is_better=False),
            kind="total",
            margin=_RELATIVE_MARGIN,
            sizes=_RELATIVE_SIZES,
        ),
    )
}
"""Metrics that need no score, by name. A refusal may be right, and so may a long answer: of these neither way is better. `latency` is that
of calls that succeeded, `cost` and `output_tokens` those of calls that have one."""


def score_measure(name: str, kind: str, *, margin: float = MARGIN) -> Measure:
    """A score's measure; `kind` is that of the score, bool or number. `margin` is that of a rate."""
    if kind == "bool":
        return Measure(metric=Metric(name=name, unit="points"), kind="rate", margin=margin, sizes=_RATE_SIZES)
    return Measure(
        metric=Metric(name=name, unit="score"), kind="mean", margin=_SCORE_MARGIN, sizes=(0.5, 0.2, _SCORE_MARGIN)
    )
