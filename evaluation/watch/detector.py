"""A change for the worse in a stream of buckets, found by looking after every one of them. Pure.

The e-detector of Shiryaev-Roberts kind (Shin, Ramdas, Rinaldo: E-detectors, https://arxiv.org/abs/2203.03532): evidence M becomes
e * (1 + M) from bucket to bucket, so that before a change its mean after N buckets is at most N, and by Ville's inequality
P(M ever reaches c within N buckets) <= N / c. However often somebody looks, the promise holds; the usual tests don't have that.

Each bucket's e-value is a likelihood ratio of a normal distribution, for several sizes of loss at once. That a bucket's mean is about
normal, with the spread that was learnt, is an assumption; the tests and bench/watch_rates.py measure what it costs.
It knows buckets and what was usual before. Refuses to know where they come from and what is done about an alarm.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

HOURS_A_WEEK = 168
FALSE_ALARMS_A_WEEK = 0.01
"""How many false alarms a week are put up with, over all series that are watched together."""

SIZES = (0.25, 0.5, 1.0, 2.0)
"""Losses that are bet on, in standard deviations of a bucket's mean. Small ones find small losses late, great ones great losses soon."""

LARGEST = 3.0
"""Standard deviations that one bucket may be away: one bad hour is no change, and real hours have longer tails than a normal
distribution."""

LEAST_DAYS = 7
LEAST_IN_BUCKET = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """The scores of one hour: how many, their sum and sum of squares. `day` is any number that buckets of one day share."""

    day: int
    n: float
    total: float
    squares: float

    @property
    def mean(self) -> float:
        """The mean score of the hour."""
        return self.total / self.n

    @property
    def variance(self) -> float:
        """The scores' own variance within the hour."""
        return max(0.0, self.squares / self.n - self.mean**2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """What was usual before: the mean, at its lower end, as it is known from some days only; a single score's variance; the variance
    between hours beyond chance; and the margin below which nothing counts as a loss.

    The margin is at least the one that was asked for, and three standard deviations between days: where days differ by two points, a loss
    of one can't be told.
    """

    mean: float
    variance: float
    between_hours: float
    margin: float
    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What looking has come to: evidence against a limit, and after how many buckets it was reached (None: not)."""

    evidence: float
    limit: float
    buckets: int
    alarm_at: int | None


def usual(buckets: Sequence[Bucket], margin: float) -> Usual | None:
    """Learns from buckets before the change; None where they don't reach over `LEAST_DAYS` days."""
    known = [bucket for bucket in buckets if bucket.n >= LEAST_IN_BUCKET]
    days = sorted({bucket.day for bucket in known})
    if len(days) < LEAST_DAYS:
        return None
    n = sum(bucket.n for bucket in known)
    mean = sum(bucket.total for bucket in known) / n
    variance = max(sum(bucket.squares for bucket in known) / n - mean**2, 1e-6)
    between_hours = _beyond_chance([(bucket.n, bucket.mean) for bucket in known], mean, variance)
    by_day = [[bucket for bucket in known if bucket.day == day] for day in days]
    day_means = [(sum(b.n for b in each), sum(b.total for b in each) / sum(b.n for b in each)) for each in by_day]
    hours_a_day = len(known) / len(days)
    between_days = _beyond_chance(day_means, mean, variance, between_hours / hours_a_day)
    error = math.sqrt(variance / n + between_hours / len(known) + between_days / len(days))
    return Usual(
        mean=mean - error,
        variance=variance,
        between_hours=between_hours,
        margin=max(margin, 3 * math.sqrt(between_days)),
        days=len(days),
    )


def limit_for(series: int, *, false_alarms: float = FALSE_ALARMS_A_WEEK, buckets: int = HOURS_A_WEEK) -> float:
    """The evidence that counts as an alarm, so that of `series` watched together at most this share cries wolf within so many buckets."""
    return buckets * max(series, 1) / false_alarms


def watch(buckets: Sequence[Bucket], before: Usual, limit: float) -> Watched:
    """Looks at the buckets since the change, one after the other."""
    evidence = [0.0] * len(SIZES)
    alarm_at, looked = None, 0
    for bucket in buckets:
        if bucket.n < LEAST_IN_BUCKET:
            continue
        looked += 1
        spread = math.sqrt(before.variance / bucket.n + before.between_hours)
        z = min((before.mean - before.margin - bucket.mean) / spread, LARGEST)
        for place, size in enumerate(SIZES):
            ratio = math.exp(min(size * z - size * size / 2, 700.0))
            evidence[place] = min(ratio * (1 + evidence[place]), 1e300)
        if alarm_at is None and sum(evidence) / len(SIZES) >= limit:
            alarm_at = looked
    return Watched(evidence=sum(evidence) / len(SIZES), limit=limit, buckets=looked, alarm_at=alarm_at)


def _beyond_chance(means: Sequence[tuple[float, float]], mean: float, variance: float, known: float = 0.0) -> float:
    """The variance between means of groups that their sizes don't explain (the method of moments of DerSimonian and Laird)."""
    weights = [1 / (variance / n + known) for n, _ in means]
    total = sum(weights)
    centre = sum(weight * each for weight, (_, each) in zip(weights, means, strict=True)) / total
    q = sum(weight * (each - centre) ** 2 for weight, (_, each) in zip(weights, means, strict=True))
    scale = total - sum(weight * weight for weight in weights) / total
    return max(0.0, (q - (len(means) - 1)) / scale) if scale > 0 else 0.0
