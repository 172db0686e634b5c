"""What numbers of many cases say, as arithmetic on arrays: intervals and tests for paired differences, shares and ratios.

Knows formulas and their sources. Refuses to know cases, checks, and what a difference means for a promotion. Arrays have one entry per
case: repetitions are averaged before, so that answers to one input never count as if they were answers to several.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import exp, isclose, log, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtrc, stdtr, stdtrit  # type: ignore[import-untyped]

from evaluation.intervals import Interval, wilson

Numbers = NDArray[np.float64]

LEVELS = (0.8, 0.9, 0.95, 0.975, 0.99, 0.995, 0.999, 0.9995)
"""One-sided confidences that bounds are kept at. The interval between both bounds at 0.975 is the usual 95 % interval."""

TWO_SIDED_95 = 0.975
_EXACT = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """One-sided bounds at a confidence: the value is at least `low`, and, said on its own, at most `high`."""

    confidence: float
    low: float
    high: float


def numbers(values: Iterable[float]) -> Numbers:
    """An array of them."""
    return np.fromiter(values, np.float64)


def effective(weights: Numbers) -> float:
    """How many equal cases weigh as much as these: Kish's effective sample size, n for equal weights."""
    return float(weights.sum() ** 2 / (weights**2).sum())


def mean(values: Numbers, weights: Numbers) -> float:
    """The weighted mean."""
    return float((values * weights).sum() / weights.sum())


def spread(values: Numbers, weights: Numbers) -> float:
    """The standard deviation of single cases, 0 for a single one."""
    n = effective(weights)
    if n <= 1:
        return 0.0
    return sqrt(float((weights * (values - mean(values, weights)) ** 2).sum() / weights.sum()) * n / (n - 1))


def share(passed: Numbers, weights: Numbers, repeats: int) -> Interval | None:
    """A two-sided 95 % interval for a pass rate from each case's own rate; None without cases.

    Wilson's score interval with the effective number of cases: without repeats the cases themselves, with repeats as many independent
    answers as would have the variance between cases that is seen (E. L. Korn and B. I. Graubard, Survey Methodology 24 (1998), 193-201).
    """
    if not passed.size:
        return None
    rate, cases = mean(passed, weights), effective(weights)
    n = cases
    if repeats > 1 and 0 < rate < 1 and cases > 1:
        between = float((weights**2 * (passed - rate) ** 2).sum() / weights.sum() ** 2) * cases / (cases - 1)
        n = cases * repeats if between == 0 else min(rate * (1 - rate) / between, cases * repeats)
    return wilson(rate * n, n)


def pass_rate_bounds(differences: Numbers, weights: Numbers) -> tuple[Bound, ...]:
    """Bounds for a difference of pass rates, from each case's own difference (-1 to 1); empty without cases.

    Student's interval for the mean with two pseudo-cases added, one that the candidate wins and one that it loses. Without repeats that is
    the adjusted Wald interval of D. G. Bonett and R. M. Price (J. Educ. Behav. Stat. 37 (2012), 479-488, doi:10.3102/1076998611411915),
    with Student's quantile instead of the normal one. The pseudo-cases keep it from a width of 0 where no case differs.
    """
    if not differences.size:
        return ()
    pseudo = float((weights**2).sum() / weights.sum())
    values, mass = np.append(differences, (1.0, -1.0)), np.append(weights, (pseudo, pseudo))
    return _student(values, mass, contain=mean(differences, weights), limit=1.0)


def mean_interval(values: Numbers, weights: Numbers) -> Interval | None:
    """A two-sided 95 % interval for a mean, also of paired differences; None for fewer than two cases.

    Up to 12 cases it is exact for symmetric differences: the means of all subsets in order, the outer 2.5 % left off on either side
    (J. A. Hartigan, J. Am. Stat. Assoc. 64 (1969), 1303-1317), which is what a sign-flip test doesn't refuse. None where there are too few
    cases for any end, below 6. Above 12 it is Student's.
    """
    if values.size < 2:
        return None
    if values.size > _EXACT:
        (found,) = _student(values, weights, levels=(TWO_SIDED_95,))
        return Interval(low=found.low, high=found.high)
    chosen = _subsets(values.size)[1:]
    means = np.sort((chosen @ (values * weights)) / (chosen @ weights))
    rank = int((1 - TWO_SIDED_95) * 2**values.size)
    return Interval(low=float(means[rank - 1]), high=float(means[-rank])) if rank else None


def ratio_bounds(candidate: Numbers, baseline: Numbers) -> tuple[float, tuple[Bound, ...]] | None:
    """The ratio of two means over the same cases, with bounds; None where it has no meaning, no bounds for a single case.

    By the delta method on the logarithm, paired: what the same inputs cost both arms doesn't count as noise.
    """
    if not candidate.size or candidate.mean() <= 0 or baseline.mean() <= 0:
        return None
    return _ratio(log(candidate.mean() / baseline.mean()), candidate / candidate.mean() - baseline / baseline.mean())


def geometric_ratio_bounds(candidate: Numbers, baseline: Numbers) -> tuple[float, tuple[Bound, ...]] | None:
    """The ratio of two geometric means over the same cases, for values with a long tail (latency); None where one isn't positive."""
    if not candidate.size or candidate.min() <= 0 or baseline.min() <= 0:
        return None
    logs = np.log(candidate / baseline)
    return _ratio(float(logs.mean()), logs - logs.mean())


def same_ratio(cases: int) -> tuple[float, tuple[Bound, ...]]:
    """The ratio of two arms that both take nothing, over so many cases."""
    return _ratio(0.0, np.zeros(cases))


def p_worse(differences: Numbers, weights: Numbers) -> float:
    """One-sided p of the hypothesis that both arms are alike, against a candidate that is worse.

    The exact sign-flip test: if the arms are alike, each case's difference could as well have had the other sign. For cases that differ
    by the same amount that is McNemar's exact test. Above 12 cases with unequal differences it is the paired t test.
    """
    parts = (differences * weights)[differences * weights != 0]
    if not parts.size:
        return 1.0
    sizes = np.abs(parts)
    if isclose(sizes.min(), sizes.max(), rel_tol=1e-9):
        lost = int((parts < 0).sum())
        return float(bdtrc(lost - 1, parts.size, 0.5)) if lost else 1.0
    if parts.size <= _EXACT:
        sums = (1 - 2 * _subsets(parts.size)) @ sizes
        return float((sums <= parts.sum() + 1e-9 * sizes.sum()).mean())
    n = effective(weights)
    return float(stdtr(n - 1, mean(differences, weights) * sqrt(n) / spread(differences, weights)))


def p_two_sided(differences: Numbers, weights: Numbers) -> float:
    """Twice the smaller of both one-sided p."""
    return min(1.0, 2 * min(p_worse(differences, weights), p_worse(-differences, weights)))


def holm(values: Mapping[str, float]) -> dict[str, float]:
    """p values adjusted for how many there are (S. Holm, Scand. J. Stat. 6 (1979), 65-70)."""
    adjusted, highest = {}, 0.0
    for place, (name, p) in enumerate(sorted(values.items(), key=lambda each: each[1])):
        highest = max(highest, min(1.0, p * (len(values) - place)))
        adjusted[name] = highest
    return adjusted


def _ratio(centre: float, residuals: Numbers) -> tuple[float, tuple[Bound, ...]]:
    bounds: tuple[Bound, ...] = ()
    if residuals.size > 1:
        on_logs = _student(residuals + (centre - residuals.mean()), np.ones(residuals.size))
        bounds = tuple(Bound(confidence=b.confidence, low=_exp(b.low), high=_exp(b.high)) for b in on_logs)
    return _exp(centre), bounds


def _exp(value: float) -> float:
    return exp(min(max(value, -50.0), 50.0))  # two cases can give an interval beyond every finite number


def _student(
    values: Numbers,
    weights: Numbers,
    *,
    levels: Sequence[float] = LEVELS,
    contain: float | None = None,
    limit: float | None = None,
) -> tuple[Bound, ...]:
    """Student's bounds for a weighted mean, which hold `contain` and stay within ± `limit`."""
    n, centre = effective(weights), mean(values, weights)
    error = spread(values, weights) / sqrt(n)
    inside = centre if contain is None else contain
    found = []
    for level in levels:
        half = float(stdtrit(n - 1, level)) * error
        low, high = min(centre - half, inside), max(centre + half, inside)
        if limit is not None:
            low, high = max(low, -limit), min(high, limit)
        found.append(Bound(confidence=level, low=low, high=high))
    return tuple(found)


def _subsets(n: int) -> Numbers:
    """All subsets of n things, a row each, the empty one first."""
    return ((np.arange(2**n)[:, None] >> np.arange(n)) & 1).astype(np.float64)
