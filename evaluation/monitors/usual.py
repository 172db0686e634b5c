"""What is usual for a metric, learnt from buckets of the past: its level by hour of the day, and how far hours and days stray. Pure.

    bucket = level(hour of day, weekend) + what is particular to the day + what is particular to the hour + chance / n

1. The level is fitted by weighted least squares: a constant, one wave a day and its half, and, with two weeks or more, the weekend. A
   night that is always slow is no change.
2. The variances beyond chance are those of DerSimonian and Laird (https://doi.org/10.1016/0197-2456(86)90046-2). That of days is known
   from few days only: they are told with it (`evaluation.monitors.days`).

Refuses to know what is looked at afterwards (`evaluation.monitors.evidence`).
"""

import math
from dataclasses import dataclass

import numpy as np

from evaluation.monitors.days import Days, is_weekend
from evaluation.monitors.hours import HOURS_A_DAY, Hours, Numbers

LEAST_DAYS = 7
LEAST_OBSERVATIONS = 100.0
WEEKEND_DAYS = 13
"""A weekend is told from other days once two of them were seen."""

LEAST_VARIANCE = 1e-9


@dataclass(frozen=True, slots=True)
class Level:
    """The fitted level: coefficients and their covariance, for the design of `_design`."""

    beta: Numbers
    covariance: Numbers
    weekend: bool
    waves: bool

    def at(self, hours: Hours) -> tuple[Numbers, Numbers]:
        """The level of each bucket and the variance of what is known of it."""
        x = _design(hours, waves=self.waves, weekend=self.weekend)
        return x @ self.beta, ((x @ self.covariance) * x).sum(axis=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """What is usual. `variance` is a single observation's, `between_hours` and `between_days` are beyond chance; `error` is the standard
    error of the level over many days; `mean` the level over the reference; `days` those that were learnt from."""

    level: Level
    mean: float
    variance: float
    between_hours: float
    between_days: float
    error: float
    n: float
    days: Days
    share: bool

    def spread(self, hours: Hours) -> Numbers:
        """The variance of each bucket's mean, its day given."""
        return np.maximum(self.variance / hours.n + self.between_hours, LEAST_VARIANCE)


def learn(hours: Hours) -> Usual | None:
    """From buckets of the past; None where they are of too few days, or have too few observations."""
    count = hours.days
    n = float(hours.n.sum()) if len(hours) else 0.0
    if count < LEAST_DAYS or n < LEAST_OBSERVATIONS:
        return None
    mean = float((hours.n * hours.mean).sum() / n)
    variance = _single(hours, mean, n)
    waves = hours.width <= 6 and len(hours) >= 48
    weekend = count >= WEEKEND_DAYS
    x = _design(hours, waves=waves, weekend=weekend)
    between_hours = 0.0
    for _ in range(3):
        weights = 1 / np.maximum(variance / hours.n + between_hours, LEAST_VARIANCE)
        inverse: Numbers = np.linalg.pinv((x * weights[:, None]).T @ x, hermitian=True).astype(np.float64)
        beta = inverse @ (x.T @ (weights * hours.mean))
        residual = hours.mean - x @ beta
        between_hours = _beyond_chance(residual, variance / hours.n, x.shape[1])
    days = _by_day(hours, residual, variance, between_hours, weekend=weekend)
    between_days = _beyond_chance(days.off, days.chance, 1 + weekend)
    days_error = math.sqrt(2 / (count - 1)) * (between_days + float(np.mean(days.chance)))
    return Usual(
        level=Level(beta=beta, covariance=inverse, weekend=weekend, waves=waves),
        mean=mean,
        variance=variance,
        between_hours=between_hours,
        between_days=between_days,
        error=math.sqrt(float(1 / weights.sum()) + (between_days + days_error) / count),
        n=n,
        days=days,
        share=hours.is_share,
    )


def _design(hours: Hours, *, waves: bool, weekend: bool) -> Numbers:
    columns = [np.ones(len(hours))]
    if waves:
        turn = 2 * np.pi * (hours.hour + hours.width / 2) / HOURS_A_DAY
        columns += [np.cos(turn), np.sin(turn), np.cos(2 * turn), np.sin(2 * turn)]
    if weekend:
        columns.append(is_weekend(hours.day).astype(np.float64))
    return np.column_stack(columns)


def _single(hours: Hours, mean: float, n: float) -> float:
    """A single observation's variance. Where squares aren't kept, all that buckets stray counts as chance."""
    if np.isnan(hours.squares).any():
        strays = float((hours.n * (hours.mean - mean) ** 2).sum() / max(len(hours) - 1, 1))
        return max(strays, LEAST_VARIANCE)
    within = float((hours.n * np.maximum(hours.squares - hours.mean**2, 0)).sum() / max(n - len(hours), 1.0))
    return max(within, LEAST_VARIANCE)


def _by_day(hours: Hours, residual: Numbers, variance: float, between_hours: float, *, weekend: bool) -> Days:
    """The mean residual of each day, and the variance that chance and hours give it."""
    weights = 1 / np.maximum(variance / hours.n + between_hours, LEAST_VARIANCE)
    days, place = np.unique(hours.day, return_inverse=True)
    total = np.bincount(place, weights)
    return Days(
        off=np.bincount(place, weights * residual) / total,
        chance=1 / total,
        weekend=is_weekend(days) & weekend,
    )


def _beyond_chance(values: Numbers, chance: Numbers, fitted: int) -> float:
    weights = 1 / np.maximum(chance, LEAST_VARIANCE)
    total = float(weights.sum())
    centre = float((weights * values).sum()) / total
    q = float((weights * (values - centre) ** 2).sum())
    scale = total - float((weights**2).sum()) / total
    return max(0.0, (q - (len(values) - fitted)) / scale) if scale > 0 else 0.0
