"""The columns that explain a metric hour by hour, and what each change contributed to the difference of two sides.

Columns: each kind of input, the time of day (two harmonics) and the weekend, and each change by kind of input. A change's contribution is
its effect times how much more there was of it after than before, at the mix after; the mix's is the difference of shares times what
answers were like before. Together they are the whole difference, but for chance that no column has: the remainder.

Knows arrays and changes. Refuses to know how they were found and what they are called.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.drift.changes import Change
from evaluation.drift.fitting import DAY_HOURS, Fit, Rows, fit
from evaluation.drift.sides import Sided, weekend
from evaluation.drift.table import Codes, Numbers, Table, sums

LEAST_MOVED = 0.01
"""A change whose share of calls grew by less than this in every kind of input contributed nothing that is worth telling."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A fit with the places of its columns: `kinds` those of kinds of input, `effects` a row for each change, a column for each kind."""

    table: Table
    changes: tuple[Change, ...]
    found: Fit
    kinds: Codes
    effects: Codes


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The difference of two sides and its parts. `sums` are the weights of rows that give each part: the mix, each change, the remainder,
    the total, in this order; `values` and `shares_variance` (what the chance of the shares adds) go with them. `effects` and
    `effect_sums` are by change and kind of input; `moved` is by how much each change grew in each kind."""

    values: Numbers
    sums: Numbers
    shares_variance: Numbers
    effects: Numbers
    effect_sums: Numbers
    moved: Numbers
    means_before: float
    means_after: float


def model_of(table: Table, changes: Sequence[Change]) -> Model:
    """Fits the changes to a table whose rows all have observations."""
    kinds = len(table.stratum.names)
    by_kind = (table.stratum.codes[:, None] == np.arange(kinds)[None, :]).astype(np.float64)
    columns = [by_kind, season_of(table.hour)]
    for change in changes:
        columns.append(by_kind * change.on[:, None])
    joined = np.hstack(columns)
    begin = kinds + columns[1].shape[1]
    effects = begin + np.arange(len(changes) * kinds).reshape(len(changes), kinds)
    rows = Rows(
        hour=table.hour, n=table.n, mean=table.mean, squares=table.squares, weight=table.weight,
        alike=_alike(table, changes),
    )  # fmt: skip
    return Model(
        table=table,
        changes=tuple(changes),
        found=fit(rows, joined),
        kinds=np.arange(kinds),
        effects=effects,
    )


def parts_of(model: Model, before: Sided, after: Sided, mix_spread: float) -> Parts:
    """What each change and the mix contributed to the difference of both sides. `mix_spread`: how much more the shares vary than by lot."""
    table, found = model.table, model.found
    size, codes = len(table.stratum.names), table.stratum.codes
    levels, effects = found.coefficients[model.kinds], found.coefficients[model.effects]
    was = np.array([_exposure(change.on, before, codes, size) for change in model.changes]).reshape(-1, size)
    now = np.array([_exposure(change.on, after, codes, size) for change in model.changes]).reshape(-1, size)
    # A kind of input that one side hasn't seen moved by nothing there: it is the mix that brought it or took it away.
    seen = (before.shares > 0) & (after.shares > 0)
    moved = np.where(seen[None, :], now - was, 0.0)
    # What hardly moved is no part of the change: the remainder has it.
    moved[np.abs(moved).max(axis=1, initial=0.0) < LEAST_MOVED] = 0.0
    was = np.where(before.shares[None, :] > 0, was, now)
    old_level = levels + (was * effects).sum(axis=0)
    old_sums = found.weights[model.kinds] + np.einsum("cs,csn->sn", was, found.weights[model.effects])
    mix = after.shares - before.shares
    done = moved * effects
    done_sums = moved[:, :, None] * found.weights[model.effects]
    for place, owner in enumerate(change.owner for change in model.changes):
        if owner is not None:
            done[owner] += done[place]
            done_sums[owner] += done_sums[place]
            moved[place], done[place], done_sums[place] = 0.0, 0.0, 0.0
    weights = [mix @ old_sums]
    values = [float(mix @ old_level)]
    for place in range(len(model.changes)):
        weights.append(after.shares @ done_sums[place])
        values.append(float(after.shares @ done[place]))
    total = after.weights - before.weights
    change = float(total @ table.mean)
    weights += [total - np.sum(weights, axis=0), total]
    values += [change - sum(values), change]
    spread_before, spread_after = _lot(before, mix_spread), _lot(after, mix_spread)
    new_level = old_level + done.sum(axis=0)
    shares = [float(old_level @ (spread_before + spread_after) @ old_level)]
    shares += [float(e @ spread_after @ e) for e in done]
    shares += [0.0, float(new_level @ spread_after @ new_level + old_level @ spread_before @ old_level)]
    return Parts(
        values=np.array(values),
        sums=np.array(weights),
        shares_variance=np.maximum(shares, 0.0),  # squares of one kind of input alone come out at -1e-17
        effects=done,
        effect_sums=done_sums,
        moved=moved,
        means_before=float(before.weights @ table.mean),
        means_after=float(after.weights @ table.mean),
    )


def mix_spread(table: Table, before: Sided, after: Sided) -> float:
    """By how much shares of kinds of input vary more from day to day than by lot: Pearson's chi² / freedom, at least 1."""
    square, freedom = 0.0, 0
    day = table.hour // DAY_HOURS
    for side in (before, after):
        inside = side.weights > 0
        if not inside.any() or (side.shares > 0).sum() < 2:
            continue
        names, codes = np.unique(day[inside], return_inverse=True)
        size = len(side.shares)
        counts = sums(codes * size + table.stratum.codes[inside], table.n[inside], names.size * size)
        counts = counts.reshape(names.size, size)
        shares = counts.sum(axis=0) / counts.sum()
        expected = counts.sum(axis=1)[:, None] * shares[None, :]
        likely = expected >= 1
        square += float(((counts - expected)[likely] ** 2 / expected[likely]).sum())
        freedom += (names.size - 1) * (int((shares > 0).sum()) - 1)
    return max(1.0, square / freedom) if freedom else 1.0


def season_of(hour: Codes) -> Numbers:
    """Two harmonics of the day and the weekend, each less its mean, so that the other columns keep their meaning."""
    if hour.max() - hour.min() < 2 * DAY_HOURS:
        return np.zeros((hour.size, 0))
    angle = 2 * np.pi * (hour % DAY_HOURS) / DAY_HOURS
    waves = [np.sin(angle), np.cos(angle), np.sin(2 * angle), np.cos(2 * angle)]
    return np.stack([*waves, weekend(hour).astype(np.float64)], axis=1)


def _alike(table: Table, changes: Sequence[Change]) -> Codes:
    codes = table.stratum.codes.copy()
    for change in changes:
        codes = codes * 2 + (change.on >= 0.5)
    return np.unique(codes, return_inverse=True)[1].astype(np.int64)


def _exposure(on: Numbers, side: Sided, codes: Codes, size: int) -> Numbers:
    share = sums(codes, side.weights * on, size)
    return np.where(side.shares > 0, share / np.where(side.shares > 0, side.shares, 1.0), 0.0)


def _lot(side: Sided, spread: float) -> Numbers:
    return spread * (np.diag(side.shares) - np.outer(side.shares, side.shares)) / max(side.effective, 1.0)
