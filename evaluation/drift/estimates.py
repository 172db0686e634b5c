"""The numbers of a report with their errors, averaged over the moments that a step could have had.

A step whose time isn't known well is fitted at each time that would do, weighed by likelihood; what the fits differ by adds to the error
(J. A. Hoeting et al., Statistical Science 14 (1999), 382-417). Users who are alike add theirs.
Knows fits and sides. Refuses to know what makes a cause.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from evaluation.drift.changes import Change, step
from evaluation.drift.design import Model, mix_spread, model_of, parts_of
from evaluation.drift.fitting import as_normal, quantile
from evaluation.drift.sides import Sided
from evaluation.drift.table import Numbers, Table
from evaluation.intervals import CONFIDENCE, Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Values with their standard errors, and the degrees of freedom that these are known with."""

    values: Numbers
    errors: Numbers
    freedom: Numbers

    def deviates(self) -> Numbers:
        """How far each is from nothing, in normal deviates; 0 where there is no error to compare with."""
        known = self.errors > 0
        return np.where(known, as_normal(self.values / np.where(known, self.errors, 1.0), self.freedom), 0.0)

    def interval(self, place: int) -> Interval:
        """At 95 %."""
        half = float(self.errors[place]) * quantile(CONFIDENCE, float(self.freedom[place]))
        return Interval(low=float(self.values[place]) - half, high=float(self.values[place]) + half)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimates:
    """`by_users`: how much greater each part's error is because users are alike.

    `parts`: the mix, each change, the remainder, the total. `effects`: by change, for each kind of input. `moved`: see Parts."""

    model: Model
    parts: Estimate
    by_users: Numbers
    effects: tuple[Estimate, ...]
    moved: Numbers
    mean_before: float
    means: Estimate


def estimates_of(
    table: Table, changes: Sequence[Change], before: Sided, after: Sided, design_effect: float | None
) -> Estimates:
    """All numbers that a report gives of these changes between two sides."""
    spread = mix_spread(table, before, after)
    found = [
        (weight, _one(table, each, before, after, spread, design_effect)) for weight, each in _ways(table, changes)
    ]
    total = sum(weight for weight, _ in found)
    best = found[0][1]
    each = [(weight / total, one) for weight, one in found]
    return replace(
        best,
        parts=_averaged([(weight, one.parts) for weight, one in each]),
        effects=tuple(
            _averaged([(weight, one.effects[place]) for weight, one in each]) for place in range(len(changes))
        ),
    )


def _ways(table: Table, changes: Sequence[Change]) -> list[tuple[float, list[Change]]]:
    """The changes as they are, and with each step in turn at the other times that it could have had."""
    ways = [(1.0, list(changes))]
    for place, change in enumerate(changes):
        own = sum(weight for at, width, weight in change.likely if at == change.at and width == _width(change))
        for at, width, weight in change.likely:
            if own > 0 and (at != change.at or width != _width(change)):
                other = replace(change, on=step(table.hour, at, width))
                ways.append((weight / own, [*changes[:place], other, *changes[place + 1 :]]))
    return ways


def _width(change: Change) -> float:
    return (change.until or 0.0) - (change.at or 0.0)


def _one(
    table: Table, changes: Sequence[Change], before: Sided, after: Sided, spread: float, design_effect: float | None
) -> Estimates:
    model = model_of(table, changes)
    parts = parts_of(model, before, after, spread)
    means = np.array([before.weights, after.weights])
    with_users = _estimate(model, parts.values, parts.sums, design_effect, parts.shares_variance)
    return Estimates(
        model=model,
        parts=with_users,
        by_users=with_users.errors
        / np.maximum(_estimate(model, parts.values, parts.sums, None, parts.shares_variance).errors, 1e-12),
        effects=tuple(
            _estimate(model, parts.effects[place], parts.effect_sums[place], design_effect)
            for place in range(len(changes))
        ),
        moved=parts.moved,
        mean_before=parts.means_before,
        means=_estimate(model, means @ table.mean, means, design_effect),
    )


def _estimate(
    model: Model, values: Numbers, weights: Numbers, design_effect: float | None, more: Numbers | float = 0.0
) -> Estimate:
    variance, freedom = model.found.noise.variances(weights)
    users = max((design_effect or 1.0) - 1.0, 0.0) * (weights**2 * model.found.noise.own).sum(axis=1)
    return Estimate(values=values, errors=np.sqrt(variance + users + more), freedom=freedom)


def _averaged(ways: Sequence[tuple[float, Estimate]]) -> Estimate:
    values = np.sum([weight * each.values for weight, each in ways], axis=0)
    variance = np.sum([weight * (each.errors**2 + (each.values - values) ** 2) for weight, each in ways], axis=0)
    return replace(ways[0][1], values=values, errors=np.sqrt(variance))
