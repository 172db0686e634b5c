"""Weighted least squares on rows of observations, with errors that own up to hours and days that differ for no known reason.

A row's mean is what its columns say, plus a chance of its own (variance of an observation / observations), plus a chance that all rows of
six hours share, plus one that all rows of a day share. The last two are what the likelihood of the residuals makes of what is usual
(H. D. Patterson and R. Thompson, Biometrika 58 (1971), 545-554; for the prior A. Gelman, Bayesian Analysis 1 (2006), 515-534). Every
number of a report is a weighted sum of the rows' means, so that its variance, and that of any two together, follow.

Knows arrays. Refuses to know causes, events and metrics.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit  # type: ignore[import-untyped]

from evaluation.drift.table import Codes, Numbers

BLOCK_HOURS = 6
DAY_HOURS = 24
_SPREADS = np.geomspace(0.001, 0.4, 48)
USUAL, RARE, RARELY = 0.013, 0.03, 0.03
"""What is known of blocks and days before any is seen: their means differ by about 1.3 % of an observation's standard deviation (half
normal), and in three cases of a hundred by about 3 % or far more (Student's with 3 degrees of freedom). A fortnight of few observations
says little about it by itself: an interval would by chance be far too wide or too narrow. Where there are many, they decide."""
_PRIOR = np.log(_SPREADS) + np.log(
    (1 - RARELY) * np.exp(-((_SPREADS / USUAL) ** 2) / 2) / USUAL
    + RARELY * (1 + (_SPREADS / RARE) ** 2 / 3) ** -2 / RARE
)
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
    unsure_block: float
    unsure_day: float
    blocks: int
    days: int

    def covariance(self, weights: Numbers) -> Numbers:
        """That of weighted sums of the rows' means; `weights` has a row for each sum."""
        by_block, by_day = self._gathered(weights)
        return (weights * self.own) @ weights.T + self.block * (by_block @ by_block.T) + self.day * (by_day @ by_day.T)

    def variances(self, weights: Numbers) -> tuple[Numbers, Numbers]:
        """Each sum's variance, and the degrees of freedom that it is known with (F. E. Satterthwaite, Biometrics 2 (1946), 110-114)."""
        by_block, by_day = self._gathered(weights)
        by_block, by_day = (by_block**2).sum(axis=1), (by_day**2).sum(axis=1)
        total = (weights**2 * self.own).sum(axis=1) + self.block * by_block + self.day * by_day
        unsure = (self.unsure_block * by_block**2 + self.unsure_day * by_day**2) / 2
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


def fit(rows: Rows, columns: Numbers) -> Fit:
    """Fits `columns` (a column each), leaving out those that are sums of columns before them."""
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
        noise=_noise(rows, inside, weights, fitted),
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


def _noise(rows: Rows, inside: Numbers, weights: Numbers, fitted: Numbers) -> Noise:
    block_of, blocks = _numbered(rows.hour // BLOCK_HOURS)
    day_of, days = _numbered(rows.hour // DAY_HOURS)
    own = _own(rows, fitted)
    single = float((own * rows.n**2).sum() / rows.n.sum())  # the variance of a single observation
    # Weighted residuals added up by block and by day are G y with G = Z'W(I - H).
    by_block, by_day = (
        _added(rows, inside, weights, codes, size) for codes, size in ((block_of, blocks), (day_of, days))
    )
    block = _between_blocks(rows, by_block, by_day, own, block_of, day_of, single)
    day = _between_days(rows, by_day, own, block[0], block_of, day_of, single)
    return Noise(
        own=own, block=block[0], day=day[0], unsure_block=block[1], unsure_day=day[1], block_of=block_of, day_of=day_of, blocks=blocks,
        days=days,
    )  # fmt: skip


def _added(rows: Rows, inside: Numbers, weights: Numbers, codes: Codes, size: int) -> Numbers:
    shape = np.zeros((size, rows.n.size))
    shape[codes, np.arange(rows.n.size)] = rows.n
    shape -= (shape @ inside) @ weights
    return shape


def _between_blocks(
    rows: Rows, by_block: Numbers, by_day: Numbers, own: Numbers, block_of: Codes, day_of: Codes, single: float
) -> tuple[float, float]:
    """The variance between the blocks of a day, and that of what is known of it. Blocks are compared with the rest of their day alone."""
    blocks, days = by_block.shape[0], by_day.shape[0]
    day_of_block = np.zeros(blocks, np.int64)
    day_of_block[block_of] = day_of
    n_block, n_day = (
        np.bincount(codes, weights=rows.n, minlength=size) for codes, size in ((block_of, blocks), (day_of, days))
    )
    share = n_block / n_day[day_of_block]
    apart = by_block - share[:, None] * by_day[day_of_block]
    expected = (apart**2) @ own
    told = expected > 1e-9 * max(float(expected.max()), 1e-300)
    if blocks <= days or not told.any():
        return _posterior(np.zeros(1), np.zeros(1), single)
    grown = (gathered(apart, block_of, blocks) ** 2).sum(axis=1)[told] / expected[told]
    square = (apart[told] @ rows.mean) ** 2 / expected[told]
    # Of all blocks of a day one follows from the others.
    return _posterior(grown, square, single, part=(blocks - days) / blocks)


def _between_days(
    rows: Rows, by_day: Numbers, own: Numbers, block: float, block_of: Codes, day_of: Codes, single: float
) -> tuple[float, float]:
    """The variance between days, and that of what is known of it."""
    in_blocks, in_days = gathered(by_day, block_of, int(block_of.max()) + 1), gathered(by_day, day_of, by_day.shape[0])
    alone = (by_day * own) @ by_day.T + block * (in_blocks @ in_blocks.T)
    sizes, directions = np.linalg.eigh(alone)
    told = sizes > 1e-7 * sizes.max()
    white = directions[:, told] / np.sqrt(sizes[told])
    grown, turned = np.linalg.eigh(white.T @ (in_days @ in_days.T) @ white)
    return _posterior(np.maximum(grown, 0.0), (turned.T @ (white.T @ (by_day @ rows.mean))) ** 2, single)


def _posterior(grown: Numbers, square: Numbers, single: float, part: float = 1.0) -> tuple[float, float]:
    """Mean and variance of a variance, of which `square` tell: each is (1 + grown x variance) times the square of a normal deviate."""
    known = 1 + np.outer(_SPREADS**2 * single, grown)
    likely = -part / 2 * (np.log(known) + square / known).sum(axis=1)
    likely += _PRIOR
    weight = np.exp(likely - likely.max())
    weight /= weight.sum()
    variance = _SPREADS**2 * single
    mean = float(weight @ variance)
    return mean, float(weight @ (variance - mean) ** 2)


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
