"""What is usual for a metric, learnt from buckets of the past: its level by hour of the day, and how far hours and days stray. Pure.

    bucket = level(hour of day, weekend) + what is particular to the day + what is particular to the hour + chance / n

1. The level is fitted by weighted least squares: a constant, one wave a day and its half, and, with two weeks or more, the weekend. A
   night that is always slow is no change.
2. The variances beyond chance are those of DerSimonian and Laird (https://doi.org/10.1016/0197-2456(86)90046-2). That of days is known
   from few days only: its standard error is told with it.

Refuses to know what is looked at afterwards (`evaluation.monitors.evidence`).
"""

import math
from dataclasses import dataclass

import numpy as np

from evaluation.monitors.hours import HOURS_A_DAY, Hours, Numbers

LEAST_DAYS = 7
LEAST_OBSERVATIONS = 100.0
WEEKEND_DAYS = 13
"""A weekend is told from other days once two of them were seen."""

_SUNDAY, _SATURDAY = 3, 2
"""1970-01-01 was a Thursday: days since then modulo 7."""

_LEAST_VARIANCE = 1e-9


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
        return x @ self.beta, np.einsum("ij,jk,ik->i", x, self.covariance, x)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """What is usual. `variance` is a single observation's, `between_hours` and `between_days` are beyond chance, and
    `days_error` the standard error of the latter; `error` is that of the level over many days; `mean` the level over the reference."""

    level: Level
    mean: float
    variance: float
    between_hours: float
    between_days: float
    days_error: float
    error: float
    n: float
    days: int
    share: bool

    def spread(self, hours: Hours) -> Numbers:
        """The variance of each bucket's mean, its day given."""
        return np.maximum(self.variance / hours.n + self.between_hours, _LEAST_VARIANCE)


def learn(hours: Hours) -> Usual | None:
    """From buckets of the past; None where they are of too few days, or have too few observations."""
    days = hours.days
    n = float(hours.n.sum()) if len(hours) else 0.0
    if days < LEAST_DAYS or n < LEAST_OBSERVATIONS:
        return None
    mean = float((hours.n * hours.mean).sum() / n)
    variance = _single(hours, mean, n)
    waves = hours.width <= 6 and len(hours) >= 48
    x = _design(hours, waves=waves, weekend=days >= WEEKEND_DAYS)
    between_hours = 0.0
    for _ in range(3):
        weights = 1 / np.maximum(variance / hours.n + between_hours, _LEAST_VARIANCE)
        inverse: Numbers = np.linalg.pinv((x * weights[:, None]).T @ x).astype(np.float64)
        beta = inverse @ (x.T @ (weights * hours.mean))
        residual = hours.mean - x @ beta
        between_hours = _beyond_chance(residual, variance / hours.n, x.shape[1])
    day_mean, day_chance = _by_day(hours, residual, variance, between_hours)
    between_days = _beyond_chance(day_mean, day_chance, 1 + (days >= WEEKEND_DAYS))
    days_error = math.sqrt(2 / (days - 1)) * (between_days + float(np.mean(day_chance)))
    level = Level(beta=beta, covariance=inverse, weekend=days >= WEEKEND_DAYS, waves=waves)
    return Usual(
        level=level,
        mean=mean,
        variance=variance,
        between_hours=between_hours,
        between_days=between_days,
        days_error=days_error,
        error=math.sqrt(float(1 / weights.sum()) + (between_days + days_error) / days),
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
        columns.append(np.isin(hours.day % 7, (_SATURDAY, _SUNDAY)).astype(np.float64))
    return np.column_stack(columns)


def _single(hours: Hours, mean: float, n: float) -> float:
    """A single observation's variance. Where squares aren't kept, all that buckets stray counts as chance."""
    if np.isnan(hours.squares).any():
        strays = float((hours.n * (hours.mean - mean) ** 2).sum() / max(len(hours) - 1, 1))
        return max(strays, _LEAST_VARIANCE)
    within = float((hours.n * np.maximum(hours.squares - hours.mean**2, 0)).sum() / max(n - len(hours), 1.0))
    return max(within, _LEAST_VARIANCE)


def _by_day(hours: Hours, residual: Numbers, variance: float, between_hours: float) -> tuple[Numbers, Numbers]:
    """The mean residual of each day, and the variance that chance and hours give it."""
    weights = 1 / np.maximum(variance / hours.n + between_hours, _LEAST_VARIANCE)
    _, place = np.unique(hours.day, return_inverse=True)
    total = np.bincount(place, weights)
    return np.bincount(place, weights * residual) / total, 1 / total


def _beyond_chance(values: Numbers, chance: Numbers, fitted: int) -> float:
    weights = 1 / np.maximum(chance, _LEAST_VARIANCE)
    total = float(weights.sum())
    centre = float((weights * values).sum()) / total
    q = float((weights * (values - centre) ** 2).sum())
    scale = total - float((weights**2).sum()) / total
    return max(0.0, (q - (len(values) - fitted)) / scale) if scale > 0 else 0.0
