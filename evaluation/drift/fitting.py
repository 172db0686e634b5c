"""Weighted least squares on rows of observations, with errors that own up to hours and days that differ for no known reason.

A row's mean is what its columns say, plus a chance of its own (variance of an observation / observations), plus a chance that all rows of
six hours share, plus one that all rows of a day share. The last two are estimated from the residuals by the method of moments, each sum
of squares set equal to what it is expected to be (C. R. Henderson, Biometrics 9 (1953), 226-252, with the exact traces). Every number of
a report is a weighted sum of the rows' means, so that its variance, and that of any two together, follow.

Knows arrays. Refuses to know causes, events and metrics.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit  # type: ignore[import-untyped]

from evaluation.drift.table import Codes, Numbers

BLOCK_HOURS = 6
DAY_HOURS = 24
PRIOR_DAYS = 4.0
PRIOR_DAY = 0.02
"""What is known of days before any is seen: their means differ by about 2 % of an observation's standard deviation, and that is worth as
much as four days. A fortnight alone tells the variance between days so badly that an interval would be far too wide or too narrow."""
_SAME = 1e-7
_SURE = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """What is fitted: by hour, the `mean` of `n` observations with the sum of their `squares`, and the mean `weight` of one.

    `alike` numbers rows whose observations vary alike: the variance of one is taken from all of these.
    """

    hour: Codes
    n: Numbers
    mean: Numbers
    squares: Numbers
    weight: Numbers
    alike: Codes


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """Variances: of each row's mean by itself, of what six hours share, of what a day shares; and how many of these there are."""

    own: Numbers
    block: float
    day: float
    block_of: Codes
    day_of: Codes
    blocks: int
    days: int
    used: float

    def covariance(self, weights: Numbers) -> Numbers:
        """That of weighted sums of the rows' means; `weights` has a row for each sum."""
        by_block, by_day = self._gathered(weights)
        return (weights * self.own) @ weights.T + self.block * (by_block @ by_block.T) + self.day * (by_day @ by_day.T)

    def variances(self, weights: Numbers) -> tuple[Numbers, Numbers]:
        """Each sum's variance, and the degrees of freedom that it is known with (F. E. Satterthwaite, Biometrics 2 (1946), 110-114)."""
        by_block, by_day = self._gathered(weights)
        own = (weights**2 * self.own).sum(axis=1)
        block, day = self.block * (by_block**2).sum(axis=1), self.day * (by_day**2).sum(axis=1)
        total = own + block + day
        unsure = block**2 / max(self.blocks - self.used, 2.0) + day**2 / (max(self.days - self.used, 1.0) + PRIOR_DAYS)
        return total, np.where(unsure > 0, total**2 / np.where(unsure > 0, unsure, 1.0), _SURE).clip(2.0, _SURE)

    def _gathered(self, weights: Numbers) -> tuple[Numbers, Numbers]:
        return gathered(weights, self.block_of, self.blocks), gathered(weights, self.day_of, self.days)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """Coefficients of the columns that could be told apart (`kept`), and how each is a weighted sum of the rows' means (`weights`)."""

    rows: Rows
    columns: Numbers
    kept: tuple[int, ...]
    coefficients: Numbers
    weights: Numbers
    residuals: Numbers
    inverse: Numbers
    noise: Noise


def fit(rows: Rows, columns: Numbers, *, days: int) -> Fit:
    """Fits `columns` (a column each), leaving out those that are sums of columns before them. `days`: how many vary by day alone."""
    gram = columns.T @ (columns * rows.n[:, None])
    kept = _independent(gram)
    inside = columns[:, kept]
    inverse = np.asarray(np.linalg.inv(gram[np.ix_(kept, kept)]), np.float64)
    weights = inverse @ (inside * rows.n[:, None]).T
    found = weights @ rows.mean
    coefficients = np.zeros(columns.shape[1])
    coefficients[kept] = found
    fitted = inside @ found
    every = np.zeros((columns.shape[1], rows.n.size))
    every[kept] = weights
    return Fit(
        rows=rows,
        columns=columns,
        kept=tuple(kept),
        coefficients=coefficients,
        weights=every,
        residuals=rows.mean - fitted,
        inverse=inverse,
        noise=_noise(rows, inside, weights, fitted, days),
    )


def gathered(weights: Numbers, codes: Codes, size: int) -> Numbers:
    """Columns of `weights` added up by code."""
    order = np.argsort(codes, kind="stable")
    ordered = codes[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    found = np.zeros((weights.shape[0], size))
    found[:, ordered[starts]] = np.add.reduceat(weights[:, order], starts, axis=1)
    return found


def quantile(confidence: float, freedom: float) -> float:
    """Student's, two-sided."""
    return float(stdtrit(freedom, (1 + confidence) / 2))


def as_normal(t: Numbers, freedom: Numbers) -> Numbers:
    """The normal deviates that are as unlikely as these of Student's distribution, so that limits mean the same at all sizes."""
    from scipy.special import ndtri

    tail = np.maximum(stdtr(freedom, -np.abs(t)), 1e-300)
    return np.asarray(np.sign(t) * -ndtri(tail), np.float64)


def _noise(rows: Rows, inside: Numbers, weights: Numbers, fitted: Numbers, days_used: int) -> Noise:
    block_of, blocks = _numbered(rows.hour // BLOCK_HOURS)
    day_of, days = _numbered(rows.hour // DAY_HOURS)
    own = _own(rows, fitted)
    # Weighted residuals added up by block and by day are G y with G = Z'W(I - H); what their squares should come to is linear in the
    # variances.
    found = []
    for codes, size in ((block_of, blocks), (day_of, days)):
        shape = np.zeros((size, rows.n.size))
        shape[codes, np.arange(rows.n.size)] = rows.n
        shape -= (shape @ inside) @ weights
        square = float(((shape @ rows.mean) ** 2).sum())
        by_block = float((gathered(shape, block_of, blocks) ** 2).sum())
        by_day = float((gathered(shape, day_of, days) ** 2).sum())
        found.append((square - float((shape**2 @ own).sum()), by_block, by_day))
    (q_block, a, b), (q_day, c, d) = found
    block, day = 0.0, 0.0
    determinant = a * d - b * c
    if blocks > days and abs(determinant) > 1e-12 * abs(a * d):
        block, day = (q_block * d - b * q_day) / determinant, (a * q_day - c * q_block) / determinant
    if day < 0:
        block, day = (q_block / a if a > 0 else 0.0), 0.0
    elif block < 0:
        block, day = 0.0, (q_day / d if d > 0 else 0.0)
    single = float((own * rows.n**2).sum() / rows.n.sum())  # the variance of a single observation
    freedom = max(days - days_used, 1.0)
    return Noise(
        own=own,
        block=max(block, 0.0),
        day=(freedom * max(day, 0.0) + PRIOR_DAYS * PRIOR_DAY**2 * single) / (freedom + PRIOR_DAYS),
        block_of=block_of,
        day_of=day_of,
        blocks=blocks,
        days=days,
        used=float(days_used),
    )


def _own(rows: Rows, fitted: Numbers) -> Numbers:
    """The variance of each row's mean by itself: what observations that vary alike show around what is fitted."""
    size = int(rows.alike.max()) + 1 if rows.alike.size else 0
    around = rows.squares - 2 * fitted * rows.n * rows.mean + rows.n * fitted**2
    spread = np.bincount(rows.alike, weights=around, minlength=size)
    count = np.bincount(rows.alike, weights=rows.n, minlength=size)
    everywhere = max(float(spread.sum() / count.sum()), 1e-12)
    # A few observations that happen to agree don't show that there is no chance: ten of what is usual everywhere stand beside them.
    each = (np.maximum(spread, 0.0) + 10 * everywhere) / (count + 10)
    return np.asarray(each[rows.alike] * rows.weight / rows.n, np.float64)


def _numbered(values: Codes) -> tuple[Codes, int]:
    names, codes = np.unique(values, return_inverse=True)
    return codes.astype(np.int64), int(names.size)


def _independent(gram: Numbers) -> list[int]:
    """Columns, in their order, that aren't sums of those before them (Gram-Schmidt on their products)."""
    kept: list[int] = []
    left = gram.astype(np.float64).copy()
    for column in range(gram.shape[0]):
        pivot = left[column, column]
        if gram[column, column] <= 0 or pivot <= _SAME * gram[column, column]:
            continue
        kept.append(column)
        left = left - np.outer(left[:, column], left[column]) / pivot
    return kept
