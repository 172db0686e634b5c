"""The cells of one question as arrays: kinds of input pooled, hours counted, everything else in codes.

Knows cells. Refuses to know what changed, and statistics.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from evaluation.drift.values import Cell

Numbers = NDArray[np.float64]
Codes = NDArray[np.int64]

OTHER = "other"
MOST_STRATA = 20
LEAST_SHARE = 0.02
"""Kinds of input below this share of all observations are told as "other", and so is what goes beyond the largest `MOST_STRATA`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """What a cell has in one respect, as codes of `names`."""

    codes: Codes
    names: tuple[str, ...]

    def where(self, chosen: NDArray[np.bool_] | Codes) -> Factor:
        """The same for some rows."""
        return replace(self, codes=self.codes[chosen])


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of observations: `n` of them in each, with their `mean`, the sum of `squares`, and the mean `weight` of one."""

    hour: Codes
    stratum: Factor
    version: Factor
    model: Factor
    fingerprint: Factor
    params: Factor
    scorer: Factor
    n: Numbers
    total: Numbers
    squares: Numbers
    calls: Numbers
    unparsed: Numbers
    weight: Numbers

    @property
    def mean(self) -> Numbers:
        """Each row's mean; rows without observations have none and say 0."""
        return self.total / np.where(self.n > 0, self.n, 1.0)

    def where(self, chosen: NDArray[np.bool_] | Codes) -> Table:
        """Some of the rows."""
        return replace(
            self,
            **{  # type: ignore[arg-type]  # each name keeps its own kind of value
                name: value.where(chosen) if isinstance(value, Factor) else value[chosen]
                for name in self.__slots__
                for value in [getattr(self, name)]
            },
        )


def table_of(cells: Sequence[Cell]) -> Table:
    """The cells as rows, with small kinds of input pooled."""

    def numbers(name: str) -> Numbers:
        return np.array([getattr(cell, name) for cell in cells], np.float64)

    n, calls = numbers("n"), numbers("calls")
    stratum = _factor([cell.stratum for cell in cells])
    return Table(
        hour=np.array([cell.hour for cell in cells], np.int64),
        stratum=_pooled(stratum, n if n.sum() else calls),
        version=_factor([str(cell.version) for cell in cells]),
        model=_factor([cell.model for cell in cells]),
        fingerprint=_factor([cell.fingerprint for cell in cells]),
        params=_factor([cell.params for cell in cells]),
        scorer=_factor([cell.scorer for cell in cells]),
        n=n,
        total=numbers("total"),
        squares=numbers("squares"),
        calls=calls,
        unparsed=numbers("unparsed"),
        weight=numbers("weight"),
    )


def compressed(table: Table, ons: Sequence[Numbers]) -> tuple[Table, list[Numbers]]:
    """Rows of an hour and a kind of input that agree in `ons` as one; what else they differ in is lost. All must have observations."""
    key = table.hour * len(table.stratum.names) + table.stratum.codes
    for on in ons:
        key = np.unique(np.stack([key, (on * 1000).astype(np.int64)]), axis=1, return_inverse=True)[1].reshape(-1)
    _, first, codes = np.unique(key, return_index=True, return_inverse=True)
    size = first.size

    def added(values: Numbers) -> Numbers:
        return sums(codes, values, size)

    n = added(table.n)
    smaller = replace(
        table.where(first),
        n=n,
        total=added(table.total),
        squares=added(table.squares),
        calls=added(table.calls),
        unparsed=added(table.unparsed),
        weight=added(table.weight * table.n) / n,
    )
    return smaller, [on[first] for on in ons]


def sums(codes: Codes, values: Numbers, size: int) -> Numbers:
    """`values` added up by code."""
    return np.bincount(codes, weights=values, minlength=size).astype(np.float64)


def _factor(values: Sequence[str]) -> Factor:
    names = tuple(sorted(set(values)))
    place = {name: code for code, name in enumerate(names)}
    return Factor(codes=np.array([place[value] for value in values], np.int64), names=names)


def _pooled(stratum: Factor, n: Numbers) -> Factor:
    sizes = sums(stratum.codes, n, len(stratum.names))
    largest = np.argsort(-sizes, kind="stable")[:MOST_STRATA]
    kept = {int(code) for code in largest if sizes[code] >= LEAST_SHARE * sizes.sum()}
    if len(kept) == len(stratum.names):
        return stratum
    names = [name if code in kept else OTHER for code, name in enumerate(stratum.names)]
    merged = _factor(names)
    return Factor(codes=merged.codes[stratum.codes], names=merged.names)
