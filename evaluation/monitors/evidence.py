"""Evidence for a change, bucket by bucket, so that looking after every one of them promises what looking once does. Pure.

The e-detector of Shiryaev-Roberts kind, as in `evaluation.watch.detector`: M becomes e * (1 + M), for several sizes of change at once.
Without a change the mean of M after N buckets is at most N, so that P(M reaches c within N buckets) <= N / c, if every e-value has a mean
of at most 1. Two kinds of e-values:

- **means** (`of_means`): likelihood ratios of normal distributions, each bucket given those before it on the same day, so that a day that
  strays as days do is no change. That is an approximation with variances that were learnt; bench/monitor_rates.py measures what it costs.
- **counts** (`of_counts`): of rare events, where the normal distribution fails. Likelihood ratios of the negative binomial distribution,
  which is Poisson's where events don't come in bursts.

No bucket speaks louder than `LOUDEST`: one bad hour is no change.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.monitors.days import is_weekend
from evaluation.monitors.hours import Hours, Numbers
from evaluation.monitors.usual import LEAST_VARIANCE, Usual

SIZES = (0.35, 0.7, 1.4)
"""Changes of a mean that are bet on, in standard deviations of a usual bucket."""

RATIOS = (1.5, 2.0, 4.0, 8.0)
"""Changes of a rate of rare events that are bet on."""

FARTHEST = 3.0
"""Standard deviations that one bucket may be away: real hours have longer tails than a normal distribution."""

LOUDEST = 4.0
"""The most that one bucket adds to the logarithm of the evidence."""

RARE = 5.0
"""Fewer events than this in a usual bucket are rare."""

UNSEEN_BURSTS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """How far what was learnt may be off: the variance between days is taken for the largest that is too small with a probability of
    `tail`, and a rate of rare events may be `rate` standard errors away. Where more series are watched together, the worst of them is
    farther off, and no limit on the evidence makes up for that."""

    tail: float
    rate: float


def doubt_for(series: int) -> Doubt:
    """For so many series that are watched together."""
    tens = math.log10(max(series, 1))
    return Doubt(tail=0.25 / (1 + 8 * tens), rate=0.75 + 0.75 * tens)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The logarithm of the evidence after each bucket."""

    log: Numbers

    @property
    def now(self) -> float:
        """After the last bucket; minus infinity without any."""
        return float(self.log[-1]) if len(self.log) else -math.inf


def of_means(hours: Hours, usual: Usual, *, margin: float, ups: Sequence[bool], doubt: Doubt) -> list[Evidence]:
    """For each of `ups`, that the mean has risen (True) or fallen: by more than `margin`, in the metric's own unit, and by more than the
    standard error of the level."""
    if not len(hours):
        return [Evidence(log=np.empty(0)) for _ in ups]
    of_days = usual.days.at_most(doubt.tail)
    weekday, weekend = usual.days.error_of_level(of_days)
    shift = np.maximum(margin, np.where(is_weekend(hours.day), weekend, weekday))
    given, lead = _given_the_day(hours, usual, of_days, shift, np.array([[1.0 if up else -1.0] for up in ups]))
    z = np.clip(given, -FARTHEST, FARTHEST)
    bets = np.array(SIZES)[:, None, None] * math.sqrt(float(np.median(usual.spread(hours)))) * lead
    return [Evidence(log=log) for log in _detect(bets * z - bets**2 / 2)]


def of_counts(
    hours: Hours, usual: Usual, *, margin: float, up: bool, doubt: Doubt, rate: float, burst: float
) -> Evidence:
    """That events with a usual `rate` have become more (`up`) or fewer, by more than `margin`. `burst` is the variance of what a bucket's
    rate is multiplied by (0: Poisson)."""
    sign = 1 if up else -1
    error = math.sqrt(max(rate, 1 / usual.n) / usual.n + usual.error**2)
    days = 2 * math.sqrt(usual.days.at_most(doubt.tail))
    null = rate + sign * (max(margin, days) + doubt.rate * error)
    if null <= 0 or not len(hours):  # a rate that is near zero can't fall by the margin
        return Evidence(log=np.full(len(hours), -np.inf))
    events, expected = hours.n * hours.mean, hours.n * null
    logs = []
    for ratio in RATIOS:
        r = ratio if up else 1 / ratio
        if burst > 0:
            k = 1 / burst
            logs.append(events * math.log(r) + (events + k) * (np.log(k + expected) - np.log(k + r * expected)))
        else:
            logs.append(events * math.log(r) - expected * (r - 1))
    return Evidence(log=_detect(np.stack(logs)))


def bursts(hours: Hours, rate: float) -> float:
    """How much events come in bursts: the variance of the factor on a bucket's rate, at its upper end, but for no more than `UNSEEN_BURSTS`
    above what was seen: where hardly any event was, there would be no end to it."""
    events, expected = hours.n * hours.mean, hours.n * rate
    squares = float((expected**2).sum())
    if squares <= 0:
        return 0.0
    found = float(((events - expected) ** 2 - expected).sum()) / squares
    error = math.sqrt(float((2 * expected**2 + expected).sum())) / squares
    return max(0.0, found) + min(error, UNSEEN_BURSTS)


def _given_the_day(
    hours: Hours, usual: Usual, of_days: float, shift: Numbers, signs: Numbers
) -> tuple[Numbers, Numbers]:
    """How far each bucket is beyond `shift` from the level, to each side of `signs` (a row a side), in standard deviations and given the
    day's earlier buckets, where days have a variance `of_days`; and how many of them a change of one unit moves it."""
    level, unsure = usual.level.at(hours)
    chance = usual.spread(hours) + unsure
    of_days = max(of_days, LEAST_VARIANCE)
    # One absurd bucket must not be what the rest of its day is expected to be like.
    far = 4 * FARTHEST * np.sqrt(chance + of_days)
    residual = np.clip(signs * (hours.mean - level) - shift, -far, far)
    weights = 1 / chance
    day = hours.day
    first = np.searchsorted(day, day)  # of its day, for each bucket
    before = _earlier_that_day(weights, first)
    known = before + 1 / of_days
    expected = _earlier_that_day(weights * residual, first) / known
    spread = np.sqrt(chance + 1 / known)
    return (residual - expected) / spread, (1 - before / known) / spread


def _earlier_that_day(values: Numbers, first: NDArray[np.intp]) -> Numbers:
    """For each bucket, the sum over those before it on its day. Buckets are the last axis."""
    before = np.cumsum(values, axis=-1) - values
    return np.asarray(before - before[..., first])


def _detect(logs: Numbers) -> Numbers:
    """The detectors of all bets, which are the first axis, averaged. `logs` are the logarithms of each bucket's e-values; buckets are the
    last axis."""
    e = np.minimum(logs, LOUDEST)
    sums = np.cumsum(e, axis=-1)
    # M_t = sum over j <= t of the product of e_j .. e_t, as logarithms so that nothing overflows.
    detectors = sums + np.logaddexp.accumulate(e - sums, axis=-1)
    return np.asarray(np.logaddexp.reduce(detectors, axis=0) - math.log(len(logs)))
