"""Confidence intervals from counts and sums, at 95 % unless asked otherwise.

Pure arithmetic: no data access, and no opinion on what a difference means.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A confidence interval with both ends included, in the unit of what it is about."""

    low: float
    high: float


def wilson(successes: float, n: float, confidence: float = CONFIDENCE) -> Interval | None:
    """Wilson's score interval for a share of `successes` among `n`; None where n is 0.

    E. B. Wilson (1927), without continuity correction. Successes may be fractions (several values averaged per call), and so may n, where
    calls have weights and n is their effective number. Successes are held within 0 and n, so that a value outside 0 and 1 posted as a bool
    can't break the report.
    """
    if n <= 0:
        return None
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = min(max(successes / n, 0.0), 1.0)
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    # The ends reach the share exactly at 0 and 1; rounding must not put it outside of its own interval.
    return Interval(low=max(0.0, min(centre - half, share)), high=min(1.0, max(centre + half, share)))


def student_t(n: float, total: float, sum_of_squares: float, confidence: float = CONFIDENCE) -> Interval | None:
    """Student's interval for a mean from count, sum and sum of squares; None where n < 2, with no spread to know. n may be a fraction,
    where it is the effective number of values that have weights.

    The variance of values that hardly differ from each other at a great distance from zero is lost to rounding; it is
    then taken as 0 rather than negative.
    """
    if n < 2:
        return None
    from scipy.special import stdtrit  # type: ignore[import-untyped]  # half a second, that few processes ever need

    mean = total / n
    variance = max(0.0, (sum_of_squares - total * mean) / (n - 1))
    half = float(stdtrit(n - 1, (1 + confidence) / 2)) * math.sqrt(variance / n)
    return Interval(low=mean - half, high=mean + half)
