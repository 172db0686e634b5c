"""How far whole days stray, and how little a few days tell of it. Pure.

Knows the days that were learnt from: how far each was from the level, and how far chance and its hours alone may have put it there. A
fortnight gives the variance between days to within a factor of three or so, and the level only as well as days allow: what looks like a
change is most often one bad day of a series whose days happened to agree while it was learnt. So a monitor doesn't go by the likeliest
variance, but by the largest that the days still allow. Refuses to know hours.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from evaluation.monitors.hours import Numbers

_SUNDAY, _SATURDAY = 3, 2
"""1970-01-01 was a Thursday: days since then modulo 7."""

_MORE_DAYS = 4
"""Days that count as seen, as far off as chance puts them: the fewer days there are, the less it says that they agree, or that they
don't."""

_STEPS = 30
_CLOSE = 1e-3


def is_weekend(day: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Of days since 1970."""
    of_week = day % 7
    return np.asarray((of_week == _SATURDAY) | (of_week == _SUNDAY))


@dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    """The days that were learnt from: `off` is how far each was from the level, `chance` the variance that this has if days don't stray.
    `weekend` says which are of a weekend with a level of its own (none, where it has none)."""

    off: Numbers
    chance: Numbers
    weekend: NDArray[np.bool_]

    def at_most(self, tail: float) -> float:
        """The largest variance between days that may be: with it, these days and `_MORE_DAYS` would agree as well as they do with a
        probability of `tail`. It is where Cochran's Q, weighted by it, is as low as chi-square is that seldom (the Q-profile,
        https://doi.org/10.1002/sim.2514)."""
        seldom = _chi_square(tail, len(self.off) - 1 - int(self.weekend.any()) + _MORE_DAYS)
        usual = float(np.mean(self.chance))
        variance = 0.0
        for _ in range(_STEPS):  # Newton's: Q is convex and falls, so that from below no step goes too far
            weights = 1 / (self.chance + variance)
            squares = (weights * (self.off - self._centre(weights))) ** 2
            more = _MORE_DAYS * usual / (usual + variance)
            above = float((squares / weights).sum()) + more - seldom
            if above <= _CLOSE * seldom:
                break
            variance += above / (float(squares.sum()) + more / (usual + variance))
        return variance

    def error_of_level(self, variance: float) -> tuple[float, float]:
        """The standard errors of the level on other days and at weekends, where days have that variance."""
        weights = 1 / (self.chance + variance)
        total = float(weights.sum())
        at_weekends = float(weights[self.weekend].sum()) or total
        return (total - at_weekends or total) ** -0.5, at_weekends**-0.5

    def _centre(self, weights: Numbers) -> Numbers:
        place = self.weekend.astype(np.int64)
        totals = np.bincount(place, weights, 2)
        return np.asarray((np.bincount(place, weights * self.off, 2) / np.maximum(totals, 1e-300))[place])


def _chi_square(tail: float, free: int) -> float:
    """What a chi-square of so many degrees of freedom is below with a probability of `tail`, by Wilson and Hilferty's cube: within a
    hundredth or so, and without half a second of importing scipy."""
    ninth = 2 / (9 * free)
    return float(free * max(1 - ninth + NormalDist().inv_cdf(tail) * math.sqrt(ninth), 0.05) ** 3)
