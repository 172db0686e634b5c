"""When a step, or a slow change, would explain what columns have left over: one statistic for each moment that it could have begun.

A profile is what a change adds by hour: 0 before, 1 after. What a regression would gain by a profile follows from three sums by hour, so
that thousands of moments cost no more than one fit (R. Frisch and F. V. Waugh, Econometrica 1 (1933), 387-401).
Where a true step lies, by the likelihood ratio: A. Bhattacharya and P. Brockwell, Z. Wahrscheinlichkeitstheorie 37 (1976), 51-75.

Knows fits. Refuses to know causes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import ceil, exp

import numpy as np
from numpy.typing import NDArray

from evaluation.drift.fitting import Fit
from evaluation.drift.table import Codes, Numbers

_Added = Callable[[Numbers], Numbers]
"""What profiles add up of values by hour: a row each."""
WIDTHS = (24.0, 48.0, 96.0, 168.0)
"""Hours that a slow change may take. A step is preferred unless one of these fits much better."""
SLOW_GAIN = 4.0
_NEAR = 7 * 24
_MOST_LIKELY = 12
_UNLIKELY = 0.005
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
    """The best profile: where it begins (hours since 1970), how long it takes, its squared statistic, and the begin's 95 % interval.

    `likely`: (begin, hours, weight) of what would fit as well or nearly so.
    """

    at: float
    width: float
    square: float
    low: float
    high: float
    likely: tuple[tuple[float, float, float], ...] = ()


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
    return _by_kind(sums, lambda values: profiles @ values, lambda values: profiles**2 @ values)


def step_squares(sums: Sums) -> Numbers:
    """The same for a step at each hour."""
    return _by_kind(sums, _from_then_on, _from_then_on)


def common_squares(sums: Sums, profiles: Numbers) -> Numbers:
    """The squared statistic of each profile where it moves all kinds of input alike."""
    return _together(sums, lambda values: profiles @ values, lambda values: profiles**2 @ values)


def common_step_squares(sums: Sums) -> Numbers:
    """The same for a step at each hour."""
    return _together(sums, _from_then_on, _from_then_on)


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
    # Another peak far away is another step.
    inside = near[np.abs(near - top) <= _NEAR]
    return Moment(
        at=float(sums.first + top),
        width=0.0,
        square=float(chosen[top]),
        low=float(sums.first + inside.min() - 1),
        high=float(sums.first + inside.max() + 1),
        likely=_likely([(float(sums.first + place), 0.0, float(chosen[place])) for place in inside], scale),
    )


def slower(sums: Sums, square_of_steps: Numbers, best: Moment, scale: float) -> Moment:
    """The best step, or the slow change that explains more; what would also fit is taken from both."""
    found = best
    inside = np.arange(int(best.low) + 1, int(best.high)) - sums.first
    also = [(float(sums.first + place), 0.0, float(square_of_steps[place])) for place in inside]
    for width in WIDTHS:
        square = np.where(able(sums, width), common_squares(sums, slopes(sums.n.shape[1], width)), -1.0)
        top = int(np.argmax(square))
        if square[top] <= 0:
            continue
        near = np.flatnonzero(square >= square[top] - _DROP_95 * scale)
        near = near[np.abs(near - top) <= _NEAR]
        # Every third hour: neighbours hardly differ in a slow change.
        also += [(float(sums.first + place), width, float(square[place])) for place in near[::3]]
        if square[top] > found.square and (square[top] - best.square) / scale / 2 > SLOW_GAIN:
            found = Moment(
                at=float(sums.first + top), width=width, square=float(square[top]),
                low=float(sums.first + near.min()), high=float(sums.first + near.max() + width),
            )  # fmt: skip
    return replace(found, likely=_likely(also, scale))


def _likely(tried: Sequence[tuple[float, float, float]], scale: float) -> tuple[tuple[float, float, float], ...]:
    """Some of what was tried, with weights by (quasi) likelihood that add up to 1: the best `_MOST_LIKELY`."""
    top = max(square for _, _, square in tried)
    weighed = sorted(((exp((square - top) / 2 / scale), at, width) for at, width, square in tried), reverse=True)
    total = sum(weight for weight, _, _ in weighed)
    # Spread over all that is likely, in the order of time: leaving out the less likely half would hide how unsure the moment is.
    ordered = sorted((at, width, weight / total) for weight, at, width in weighed)
    step = max(1, ceil(len(ordered) / _MOST_LIKELY))
    groups = [ordered[first : first + step] for first in range(0, len(ordered), step)]
    found = []
    for group in groups:
        at, width, _ = max(group, key=lambda each: each[2])
        found.append((at, width, sum(weight for _, _, weight in group)))
    return tuple(each for each in found if each[2] > _UNLIKELY)


def _by_kind(sums: Sums, added: _Added, squared: _Added) -> Numbers:
    return np.stack(
        [
            _square(
                added(sums.left[kind]),
                added(sums.cross[kind]),
                squared(sums.n[kind]),
                sums.inverse,
                float(sums.spread[kind]),
            )
            for kind in range(sums.n.shape[0])
        ]
    )


def _together(sums: Sums, added: _Added, squared: _Added) -> Numbers:
    n = sums.n.sum(axis=1)
    spread = float((sums.spread * n).sum() / n.sum())
    left, cross = added(sums.left.sum(axis=0)), added(sums.cross.sum(axis=0))
    return _square(left, cross, squared(sums.n.sum(axis=0)), sums.inverse, spread)


def _from_then_on(values: Numbers) -> Numbers:
    """What a step at each hour adds up: all from that hour on. A step is its own square."""
    return np.cumsum(values[::-1], axis=0)[::-1]


def _square(moved: Numbers, through: Numbers, among: Numbers, inverse: Numbers, spread: float) -> Numbers:
    """From what profiles add up of the residuals, of the columns, and (their squares) of the observations."""
    free = among - ((through @ inverse) * through).sum(axis=1)
    known = free > 1e-6 * np.maximum(among, 1e-9)
    return np.where(known, moved**2 / np.where(known, free * max(spread, 1e-15), 1.0), 0.0)
