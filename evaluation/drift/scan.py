"""When a step, or a slow change, would explain what columns have left over: one statistic for each moment that it could have begun.

A profile is what a change adds by hour: 0 before, 1 after. What a regression would gain by a profile follows from three sums by hour, so
that thousands of moments cost no more than one fit (R. Frisch and F. V. Waugh, Econometrica 1 (1933), 387-401).
Where a true step lies, by the likelihood ratio: A. Bhattacharya and P. Brockwell, Z. Wahrscheinlichkeitstheorie 37 (1976), 51-75.

Knows fits. Refuses to know causes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.drift.fitting import Fit
from evaluation.drift.table import Codes, Numbers

WIDTHS = (48.0, 96.0, 168.0)
"""Hours that a slow change may take. A step is preferred unless one of these fits much better."""
SLOW_GAIN = 4.0
EDGE_BEFORE = 48
EDGE_AFTER = 24
_DROP_95 = 7.35
"""By so much the squared statistic may fall short of its greatest within the 95 % interval of the moment: -2 log(1 - sqrt(0.95))."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """Sums by hour (first axis: kinds of input) that a profile's statistic is made of; `first` is the first hour."""

    first: int
    left: Numbers
    n: Numbers
    cross: Numbers
    inverse: Numbers
    spread: Numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """The best profile: where it begins (hours since 1970), how long it takes, its squared statistic, and the begin's 95 % interval."""

    at: float
    width: float
    square: float
    low: float
    high: float


def sums_of(found: Fit, stratum: Codes, strata: int) -> Sums:
    """The sums of a fit's residuals and columns, by kind of input and hour."""
    rows, kept = found.rows, list(found.kept)
    first = int(rows.hour.min())
    hours = int(rows.hour.max()) - first + 1
    place = stratum * hours + rows.hour - first
    size = strata * hours

    def added(values: Numbers) -> Numbers:
        return np.asarray(np.bincount(place, weights=values, minlength=size), np.float64).reshape(strata, hours)

    own = rows.n * found.noise.own * rows.n  # the variance of n times the mean
    n = added(rows.n)
    cross = np.stack([added(rows.n * found.columns[:, column]) for column in kept], axis=2)
    by_stratum = np.bincount(stratum, weights=own, minlength=strata)
    count = n.sum(axis=1)
    return Sums(
        first=first,
        left=added(rows.n * found.residuals),
        n=n,
        cross=cross,
        inverse=found.inverse,
        spread=by_stratum / np.where(count > 0, count, 1.0),
    )


def squares(sums: Sums, profiles: Numbers) -> Numbers:
    """The squared statistic of each profile (second axis) within each kind of input (first axis), by the rows' own chance alone."""
    found = np.zeros((sums.n.shape[0], profiles.shape[0]))
    for kind in range(sums.n.shape[0]):
        found[kind] = _square(
            sums.left[kind], sums.n[kind], sums.cross[kind], sums.inverse, sums.spread[kind], profiles
        )
    return found


def common_squares(sums: Sums, profiles: Numbers) -> Numbers:
    """The squared statistic of each profile where it moves all kinds of input alike."""
    n = sums.n.sum(axis=1)
    spread = float((sums.spread * n).sum() / n.sum())
    return _square(sums.left.sum(axis=0), sums.n.sum(axis=0), sums.cross.sum(axis=0), sums.inverse, spread, profiles)


def steps(hours: int) -> Numbers:
    """A step at each hour, a row each."""
    return np.tri(hours).T


def slopes(hours: int, width: float) -> Numbers:
    """A change over `width` hours that begins at each hour."""
    since = np.arange(hours)[None, :] + 0.5 - np.arange(hours)[:, None]
    return np.clip(since / width, 0.0, 1.0)


def able(sums: Sums, width: float = 0.0) -> NDArray[np.bool_]:
    """Which hours a change may begin at, so that both its sides have something to tell."""
    hours = sums.n.shape[1]
    places = np.arange(hours)
    seen = np.cumsum(sums.n.sum(axis=0) > 0)
    return np.asarray((seen > EDGE_BEFORE) & (places + width <= hours - EDGE_AFTER))


def best_step(sums: Sums, square: Numbers, scale: float) -> Moment | None:
    """The step with the greatest statistic. `scale`: how much greater variances are than by the rows' own chance."""
    chosen = np.where(able(sums), square, -1.0)
    if not (chosen > 0).any():
        return None
    top = int(np.argmax(chosen))
    near = np.flatnonzero(chosen >= chosen[top] - _DROP_95 * scale)
    # Only what hangs together with the best moment, but for gaps of a few hours: another peak is another step.
    inside = near[np.abs(near - top) <= 7 * 24]
    return Moment(
        at=float(sums.first + top),
        width=0.0,
        square=float(chosen[top]),
        low=float(sums.first + inside.min() - 1),
        high=float(sums.first + inside.max() + 1),
    )


def best_slope(sums: Sums, scale: float) -> Moment | None:
    """The slow change with the greatest statistic."""
    best: Moment | None = None
    for width in WIDTHS:
        square = np.where(able(sums, width), common_squares(sums, slopes(sums.n.shape[1], width)), -1.0)
        top = int(np.argmax(square))
        if square[top] <= 0 or (best is not None and square[top] <= best.square):
            continue
        near = np.flatnonzero(square >= square[top] - _DROP_95 * scale)
        best = Moment(
            at=float(sums.first + top), width=width, square=float(square[top]), low=float(sums.first + near.min()),
            high=float(sums.first + near.max() + width),
        )  # fmt: skip
    return best


def _square(left: Numbers, n: Numbers, cross: Numbers, inverse: Numbers, spread: float, profiles: Numbers) -> Numbers:
    moved = profiles @ left
    through = profiles @ cross
    free = (profiles**2) @ n - np.einsum("kp,pq,kq->k", through, inverse, through)
    known = free > 1e-6 * np.maximum(profiles**2 @ n, 1e-9)
    return np.where(known, moved**2 / np.where(known, free * max(spread, 1e-15), 1.0), 0.0)
