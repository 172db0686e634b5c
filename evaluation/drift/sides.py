"""The two sides of a comparison, matched by hour of the week: what changes every night or weekend anyway is no change.

Rows of the side before are weighed so that each hour of a weekday or weekend counts as it does after.
Knows tables. Refuses to know causes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evaluation.drift.table import Codes, Numbers, Table, sums

_LEAST_MATCHED = 0.5
_SLOTS = 48


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Whole hours [begin, end) since 1970."""

    begin: int
    end: int

    def holds(self, hour: Codes) -> np.ndarray:
        """Which of these hours lie in it."""
        return np.asarray((hour >= self.begin) & (hour < self.end))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sided:
    """One side: `weights` of the rows (they add up to 1, and are 0 outside), `shares` of the kinds of input, and how many observations of
    equal weight know as much (`effective`)."""

    span: Span
    weights: Numbers
    shares: Numbers
    effective: float


def slot_of(hour: Codes) -> Codes:
    """Hours of a weekday and of a weekend's day, 48 in all (UTC). The first of January 1970 was a Thursday."""
    return np.asarray(hour % 24 + 24 * weekend(hour).astype(np.int64), np.int64)


def weekend(hour: Codes) -> np.ndarray:
    """Which hours lie on a Saturday or Sunday (UTC)."""
    return np.asarray((hour // 24 + 3) % 7 >= 5)


def sides_of(table: Table, before: Span, after: Span) -> tuple[Sided, Sided]:
    """Both sides, of a table whose rows all have observations, matched as finely as they allow."""
    old, new = before.holds(table.hour), after.holds(table.hour)
    weights_after = np.where(new, table.n, 0.0)
    weights_before = np.where(old, table.n, 0.0)
    for slots in (slot_of(table.hour), slot_of(table.hour) // 4, table.hour % 24 // 6):
        n_old, n_new = sums(slots, weights_before, _SLOTS), sums(slots, weights_after, _SLOTS)
        factor = np.where(n_old > 0, n_new / np.where(n_old > 0, n_old, 1.0), 0.0)
        matched = weights_before * factor[slots]
        covered = n_new[n_old > 0].sum() / max(n_new.sum(), 1e-12)
        if covered > 0.98 and _effective(matched, table) >= _LEAST_MATCHED * _effective(weights_before, table):
            weights_before = matched
            break
    return _sided(table, before, weights_before), _sided(table, after, weights_after)


def _effective(weights: Numbers, table: Table) -> float:
    """L. Kish's: (sum of weights)² / sum of their squares, an observation each."""
    inside = weights > 0
    if not inside.any():
        return 0.0
    single = weights[inside] / table.n[inside]
    return float(weights[inside].sum() ** 2 / (single**2 * table.n[inside] * table.weight[inside]).sum())


def _sided(table: Table, span: Span, weights: Numbers) -> Sided:
    total = weights.sum()
    even = weights / total if total > 0 else weights
    return Sided(
        span=span,
        weights=even,
        shares=sums(table.stratum.codes, even, len(table.stratum.names)),
        effective=_effective(weights, table),
    )
