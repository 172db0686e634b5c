"""The words of a comparison of two versions: cells, sides, differences and verdicts, as frozen values.

Knows what the words mean and how they become JSON. Refuses to know ClickHouse, statistics and sentences.
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from evaluation.drift.values import Metric
from evaluation.intervals import Interval
from evaluation.plain import plain

Verdict = Literal["better", "worse", "higher", "lower", "no_difference", "not_enough_data"]
"""`higher` and `lower` are for metrics of which neither is better. `no_difference`: the interval shows none larger than the margin."""

Kind = Literal["rate", "mean", "log", "total"]
"""`rate`: shares. `mean`: numbers. `log`: natural logarithms; their difference is a ratio. `total`: numbers whose squares nobody kept."""

CONFIDENCE = 0.99
"""Of the interval of a difference, and so of a verdict: several metrics of several versions are looked at, and more than once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A metric with what a comparison of it takes.

    `margin` is the largest difference that is none to speak of, `sizes` are those that `needed` is told for, largest first: points of a
    rate, shares of the baseline's mean for lengths, costs and latencies, shares of its standard deviation for scores that are numbers.
    """

    metric: Metric
    kind: Kind
    margin: float
    sizes: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """The values of one version in six hours that agree in stratum, model and scorer.

    `block` counts six hours since 1970. `shared`: 2 where the other version answered calls of the same channel in the same hour, 1 where
    it did on another channel, else 0. `n` is the weight of the values, `weight_squares` the sum of their squared weights, `total` and
    `squares` their weighed sums; `calls` made them, scored or not; `unparsed` scores could not be read.
    """

    version: int
    stratum: str
    model: str
    scorer: str
    block: int
    shared: int
    n: float
    weight_squares: float
    total: float
    squares: float
    calls: float
    unparsed: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One version's values, those that are compared. `interval` is at 95 %. `unparsed` is a share of what was posted. `effective_n` is how
    many values of equal weight know as much: `n`, or less where calls of a sample are weighed.

    Of a metric in logarithms `mean` is the geometric mean.
    """

    version: int
    calls: float
    n: float
    effective_n: float
    coverage: float
    unparsed: float
    mean: float | None
    interval: Interval | None
    models: tuple[str, ...]
    scorers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Candidate less baseline on the metric's scale (0.05 is five points of a rate; 0.05 of a latency is five per cent).

    `interval` is at `CONFIDENCE`; None where there is too little to tell one.
    """

    change: float
    interval: Interval | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StratumDifference:
    """The difference among inputs of one kind. `shown`: told from chance after correction for the number of strata (Holm)."""

    stratum: str
    difference: Difference
    n_baseline: float
    n_candidate: float
    share_baseline: float
    share_candidate: float
    shown: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """Which calls were compared. Concurrent ones are of the same hours; before and after, whatever else changed is in the difference too.

    `same_channel` tells whether concurrent calls came by the same channel (None before/after), `same_model` whether the same models
    answered both. `since` and `until` bound the calls of both, to six hours.
    """

    design: Literal["concurrent", "before/after"]
    same_channel: bool | None
    same_model: bool
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """So many values per version would show a difference of `difference`, on the metric's scale."""

    difference: float
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricComparison:
    """One metric of a version against the baseline.

    `raw` is the difference of all calls as they are. `standardised` is that of calls that can be compared, with the strata in the shares
    that the baseline has; None where they can't be. `worst` is the stratum that lost most (for metrics of which neither is better: that
    moved most). `but` are strata that are shown to be worse where the whole isn't. `why` says in words what is missing.
    """

    metric: Metric
    baseline: Side
    candidate: Side
    raw: Difference
    standardised: Difference | None
    basis: Basis
    margin: float
    verdict: Verdict
    why: str
    needed: tuple[Needed, ...]
    design_effect: float
    strata: tuple[StratumDifference, ...]
    worst: StratumDifference | None
    but: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionComparison:
    """A version against the baseline, metric by metric."""

    version: int
    metrics: tuple[MetricComparison, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A prompt's versions against one of them, the `baseline`; `channel` is where that one is live, "" where it was named by number.

    `not_compared` are versions with calls in the window beyond the newest ones that were looked at.
    """

    prompt: str
    baseline: int
    channel: str
    versions: tuple[VersionComparison, ...]
    not_compared: tuple[int, ...] = ()
    confidence: float = CONFIDENCE

    def to_json(self) -> dict[str, Any]:
        """As plain values for JSON."""
        values: dict[str, Any] = plain(asdict(self))
        return values
