"""Which of several changes it was: recorded ones against steps at other times, and changes that hide each other.

Everything is compared by what a fit lacks in (quasi) log likelihood, with variances as great as the days show.
Knows fits and changes. Refuses to know what a report makes of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from evaluation.drift.changes import APART, Change, merged, step
from evaluation.drift.design import Model, model_of
from evaluation.drift.fitting import as_normal
from evaluation.drift.scan import Moment, best_step, common_step_squares, slower, squares, step_squares, sums_of
from evaluation.drift.table import Numbers, Table, sums

GATE = 4.4
"""Normal deviates that a step at a free time must have: it is the best of several hundred times that were tried."""
BACKED_GATE = 3.4
"""The same for a step that other prompts of the model made, too: both by chance is rarer still."""
DECISIVE = 6.0
"""How much better in (quasi) log likelihood a step at another time must be to take the place of a recorded change."""
SURE = 3.29
_SAME_HOURS = 72
PREFERRED = 3.0
"""How much more, in (quasi) log likelihood, one of two changes must explain to be told from the other: twenty to one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """A recorded change that a step at another time takes the place of."""

    change: Change
    why: str


def timed(scored: Table, changes: list[Change]) -> tuple[list[Change], list[Dropped]]:
    """Puts a step in the place of a recorded change whose effect it explains decisively better at another time.

    The recorded change stays beside it where both can be told: then it gets an effect, and an interval, of its own.
    """
    dropped: list[Dropped] = []
    for change in list(changes):
        if change.at is None or not change.events or any(each.owner is not None for each in changes):
            continue
        others = [other for other in changes if other is not change]
        if deviate(model_of(scored, [*others, change]), len(others), -1) < SURE:
            continue
        model = model_of(scored, others)
        made = sums_of(model.found, scored.stratum.codes, len(scored.stratum.names))
        hours = made.n.shape[1]
        own = _hourly(change.on, scored, made.first, hours)
        square = np.hstack([step_squares(made), squares(made, own[None, :])]).sum(axis=0)
        moment = best_step(made, square[:-1], 1.0)
        if moment is None:
            continue
        free = as_change(moment, scored)
        scale = scale_of(model_of(scored, [*others, free]), len(others))
        if (moment.square - float(square[-1])) / scale / 2 <= DECISIVE + made.n.shape[0] / 2:
            continue
        common = common_step_squares(made)
        alike = best_step(made, common, scale)
        if alike is not None and abs(alike.at - moment.at) <= _SAME_HOURS:
            free = as_change(slower(made, common, alike, scale), scored)  # it may have taken days
        free = replace(free, deviate=deviate(model_of(scored, [*others, free]), len(others), -1), searched=False)
        if _separable(model_of(scored, [*others, change, free]), len(others)):
            changes = [*others, change, free]
        else:
            changes = [*others, free]
            dropped.append(Dropped(change=change, why="a step at another time explains the change far better"))
        break  # one step found this way; the scan looks for more
    return changes, dropped


def preferred_of(scored: Table, changes: list[Change]) -> tuple[list[Change], frozenset[int]]:
    """Of changes that hide each other, those that explain far more alone; recorded ones that explain as much become one.

    Beside each other neither is sure, though either alone is: their times lie so near that few observations have one and not the other.
    """
    preferred: set[int] = set()
    model = model_of(scored, changes)
    unsure = [place for place in range(len(changes)) if deviate(model, place, -1) < SURE]
    for a in unsure:
        for b in unsure:
            if b <= a or changes[a].cause == changes[b].cause or any(each.owner is not None for each in changes):
                continue
            others = [change for place, change in enumerate(changes) if place not in (a, b)]
            alone = [model_of(scored, [*others, changes[place]]) for place in (a, b)]
            if max(deviate(each, len(others), -1) for each in alone) < GATE:
                continue
            gain = (_misfit(alone[1]) - _misfit(alone[0])) / 2 / max(scale_of(each, len(others)) for each in alone)
            if abs(gain) > PREFERRED:
                preferred.add(a if gain > 0 else b)
            elif changes[a].events and changes[b].events:
                pair = (len(others), len(others) + 1)
                return preferred_of(scored, merged([*others, changes[a], changes[b]], scored.n, always=pair))
    return changes, frozenset(preferred)


def best_reading(scored: Table, changes: Sequence[Change]) -> list[Change]:
    """The changes, each by the reading of the rows that explains more."""
    found = list(changes)
    for place, change in enumerate(changes):
        if change.instead is not None:
            other = [*found[:place], replace(change, on=change.instead), *found[place + 1 :]]
            if _misfit(model_of(scored, other)) < _misfit(model_of(scored, found)):
                found = other
    return found


def interplay(scored: Table, changes: Sequence[Change]) -> list[Change]:
    """The changes, and what a prompt and a model do together beyond what each does alone, where calls of all four combinations show it.

    Without it, what both do together would be taken for a third change at the time of the later one.
    """
    found = list(changes)
    for a, first in enumerate(changes):
        for b, second in enumerate(changes[a + 1 :], start=a + 1):
            if {first.cause, second.cause} != {"prompt", "model"}:
                continue
            on = [change.on >= 0.5 for change in (first, second)]
            seen = [float(scored.n[(on[0] == x) & (on[1] == y)].sum()) for x in (False, True) for y in (False, True)]
            if min(seen) < APART:
                continue
            later = b if (second.at or 0.0) >= (first.at or 0.0) else a
            both = Change(cause="not separable", on=first.on * second.on, name="interplay", owner=later)
            model = model_of(scored, [*found, both])
            kinds = range(len(scored.stratum.names))
            if max(deviate(model, len(found), kind) for kind in (-1, *kinds)) > SURE + 0.5:
                found.append(both)
    return found


def _misfit(model: Model) -> float:
    """Twice the (quasi) log likelihood that a fit lacks."""
    return float((model.found.residuals**2 / model.found.noise.own).sum())


def deviate(model: Model, place: int, kind: int) -> float:
    """How far a change's effect is from none: averaged over all kinds of input (-1), or in one of them."""
    found = model.found
    effects = model.effects[place]
    if kind < 0:
        inside = model.changes[place].on > 0
        shares = sums(model.table.stratum.codes[inside], model.table.n[inside], len(model.table.stratum.names))
        weights = (shares / max(shares.sum(), 1e-12)) @ found.weights[effects]
        value = float((shares / max(shares.sum(), 1e-12)) @ found.coefficients[effects])
    else:
        weights, value = found.weights[effects[kind]], float(found.coefficients[effects[kind]])
    variance, freedom = found.noise.variances(weights[None, :])
    if variance[0] <= 0:
        return 0.0
    return float(abs(as_normal(np.array([value]) / np.sqrt(variance), freedom)[0]))


def scale_of(model: Model, place: int) -> float:
    """How much greater the variance of a change's effect is than by the rows' own chance."""
    weights = model.found.weights[model.effects[place]].sum(axis=0)
    own = float((weights**2 * model.found.noise.own).sum())
    variance, _ = model.found.noise.variances(weights[None, :])
    return max(float(variance[0]) / own, 1.0) if own > 0 else 1.0


def _separable(model: Model, place: int) -> bool:
    """Whether a change's effect is known about as well beside the step that follows it as alone."""
    alone = model_of(model.table, [*model.changes[:place], model.changes[place]])
    errors = []
    for fitted in (alone, model):
        weights = fitted.found.weights[fitted.effects[place]]
        if not (np.abs(weights).sum(axis=1) > 0).all():
            return False
        variance, _ = fitted.found.noise.variances(weights.mean(axis=0)[None, :])
        errors.append(float(variance[0]))
    return errors[1] < 16 * errors[0]


def _hourly(on: Numbers, scored: Table, first: int, hours: int) -> Numbers:
    """A change's share by hour, taken over where nothing was observed."""
    n = sums(scored.hour - first, scored.n, hours)
    share = sums(scored.hour - first, scored.n * on, hours) / np.where(n > 0, n, 1.0)
    last = np.maximum.accumulate(np.where(n > 0, np.arange(hours), 0))
    return share[last]


def as_change(moment: Moment, scored: Table) -> Change:
    return Change(
        cause="local", on=step(scored.hour, moment.at, moment.width), name="step", at=moment.at,
        until=moment.at + moment.width, wide=(moment.low, moment.high), likely=moment.likely,
    )  # fmt: skip
