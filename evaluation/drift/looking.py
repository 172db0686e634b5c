"""What changed: the recorded changes, the steps that nobody recorded, and the two sides that they leave to compare.

1. Changes that calls and the registry tell of, with those that can't be told apart as one.
2. The timing check: where a step at another time explains a change far better than the recorded one does, that step stands in its place.
3. Steps at free times, one after the other, while one is beyond what chance does anywhere.
4. The same for the mix: when the inputs changed.
5. Before is what lies before the first of them, after is what lies behind the last.

Pure. Refuses to know what the changes contributed, and other prompts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.drift.changes import Change, changes_of, merged, step
from evaluation.drift.design import Model, model_of
from evaluation.drift.events import hour_of
from evaluation.drift.fitting import Rows, as_normal, fit
from evaluation.drift.scan import (
    SLOW_GAIN,
    Moment,
    best_slope,
    best_step,
    common_squares,
    squares,
    steps,
    sums_of,
)
from evaluation.drift.sides import Span, slot_of
from evaluation.drift.table import Numbers, Table, sums, table_of
from evaluation.drift.values import Cell, Event, Metric

GATE = 4.4
"""Normal deviates that a step at a free time must have: it is the best of several hundred times that were tried."""
DECISIVE = 6.0
"""How much better in (quasi) log likelihood a step at another time must be to take the place of a recorded change."""
SURE = 3.29
LEAST_BEFORE, LEAST_AFTER, SLACK = 7 * 24, 24, 72
MOST_FREE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked: cells of one prompt and metric, what was announced, and the hours (since 1970) from which on a change is looked for.

    `design_effect`: how much greater variances are because calls of one user are alike (1: they aren't, or nobody knows).
    """

    prompt: str
    metric: Metric
    cells: Sequence[Cell]
    announced: Sequence[Event]
    since: int
    until: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """A recorded change that a step at another time takes the place of."""

    change: Change
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What was found: all rows, those with observations, the changes with their fit, and the sides."""

    question: Question
    table: Table
    scored: Table
    changes: tuple[Change, ...]
    dropped: tuple[Dropped, ...]
    events: tuple[Event, ...]
    own_events: tuple[Event, ...]
    mix: Moment | None
    before: Span
    after: Span


def look(question: Question) -> Look | None:
    """Looks for changes; None where nothing at all was observed."""
    cells = [cell for cell in question.cells if cell.hour < question.until]
    table = table_of(cells)
    if not (table.n > 0).any():
        return None
    scored = table.where(table.n > 0)
    early = min([question.since, *[int(hour_of(event.at)) for event in question.announced if event.after]])
    recorded, found, own = changes_of(table, scored, question.announced, early)
    changes = merged([change for change in recorded if _varies(change, scored)], scored.n)
    changes, dropped = _timed(scored, changes)
    while sum(not change.events for change in changes if change.wide) < MOST_FREE:
        moment = _free(scored, changes)
        if moment is None:
            break
        changes = [*changes, _as_change(moment, scored)]
    mix = _mix(scored, changes)
    before, after = _spans(question, scored, changes, mix)
    events = tuple(sorted((*question.announced, *found), key=lambda event: event.at))
    return Look(
        question=question, table=table, scored=scored, changes=tuple(changes), dropped=tuple(dropped), events=events,
        own_events=tuple(own), mix=mix, before=before, after=after,
    )  # fmt: skip


def _varies(change: Change, scored: Table) -> bool:
    return bool(change.on.any() and (change.on < 1).any())


def _as_change(moment: Moment, scored: Table) -> Change:
    return Change(
        cause="local", on=step(scored.hour, moment.at, moment.width), name="step", at=moment.at,
        until=moment.at + moment.width, wide=(moment.low, moment.high),
    )  # fmt: skip


def _timed(scored: Table, changes: list[Change]) -> tuple[list[Change], list[Dropped]]:
    """Puts a step in the place of a recorded change whose effect it explains decisively better at another time.

    The recorded change stays beside it where both can be told: then it gets an effect, and an interval, of its own.
    """
    dropped: list[Dropped] = []
    for change in list(changes):
        if change.at is None or not change.events:
            continue
        others = [other for other in changes if other is not change]
        if _deviate(model_of(scored, [*others, change]), len(others), -1) < SURE:
            continue
        model = model_of(scored, others)
        made = sums_of(model.found, scored.stratum.codes, len(scored.stratum.names))
        hours = made.n.shape[1]
        own = _hourly(change.on, scored, made.first, hours)
        square = squares(made, np.vstack([steps(hours), own[None, :]])).sum(axis=0)
        moment = best_step(made, square[:-1], 1.0)
        if moment is None:
            continue
        free = _as_change(moment, scored)
        scale = _scale(model_of(scored, [*others, free]), len(others))
        if (moment.square - float(square[-1])) / scale / 2 <= DECISIVE + made.n.shape[0] / 2:
            continue
        if _separable(model_of(scored, [*others, change, free]), len(others)):
            changes = [*others, change, free]
        else:
            changes = [*others, free]
            dropped.append(Dropped(change=change, why="a step at another time explains the change far better"))
        break  # one step found this way; the scan looks for more
    return changes, dropped


def _free(scored: Table, changes: Sequence[Change]) -> Moment | None:
    """The best step at a free time, if it is beyond chance."""
    model = model_of(scored, changes)
    kinds = len(scored.stratum.names)
    made = sums_of(model.found, scored.stratum.codes, kinds)
    hours = made.n.shape[1]
    common = common_squares(made, steps(hours))
    single = squares(made, steps(hours))
    tried = [(common, GATE, -1)]
    if kinds > 1:
        tried.append((single.max(axis=0), GATE + 0.3, int(np.argmax(single.max(axis=1)))))
    for square, gate, kind in tried:
        moment = best_step(made, square, 1.0)
        if moment is None or moment.square < gate**2:
            continue
        scale = _scale(model_of(scored, [*changes, _as_change(moment, scored)]), len(changes))
        moment = best_step(made, square, scale) or moment
        if kind < 0:
            slow = best_slope(made, scale)
            if slow is not None and (slow.square - moment.square) / scale / 2 > SLOW_GAIN:
                moment = slow
        after = model_of(scored, [*changes, _as_change(moment, scored)])
        if _deviate(after, len(changes), kind) > gate:
            return moment
    return None


def _deviate(model: Model, place: int, kind: int) -> float:
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


def _scale(model: Model, place: int) -> float:
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


def _mix(scored: Table, changes: Sequence[Change]) -> Moment | None:
    """When the inputs changed, told by what their kinds scored before: a step in the mean that their shares alone would give."""
    kinds = len(scored.stratum.names)
    if kinds < 2:
        return None
    model = model_of(scored, changes)
    levels = model.found.coefficients[model.kinds]
    hours, codes = np.unique(scored.hour, return_inverse=True)
    n = sums(codes, scored.n, hours.size)
    total = sums(codes, scored.n * levels[scored.stratum.codes], hours.size)
    square = sums(codes, scored.n * levels[scored.stratum.codes] ** 2, hours.size)
    zeros = np.zeros(hours.size, np.int64)
    rows = Rows(hour=hours, n=n, mean=total / n, squares=square, weight=np.ones(hours.size), alike=zeros)
    slot = slot_of(hours)
    season = (slot[:, None] // 4 == np.arange(12)[None, :]).astype(np.float64)
    alone = fit(rows, season, days=2)
    made = sums_of(alone, zeros, 1)
    found = best_step(made, common_squares(made, steps(made.n.shape[1])), 1.0)
    if found is None or found.square < GATE**2:
        return None
    with_step = fit(rows, np.hstack([season, step(hours, found.at)[:, None]]), days=3)
    weights = with_step.weights[-1:]
    variance, freedom = with_step.noise.variances(weights)
    if variance[0] <= 0:
        return None
    deviate = as_normal(with_step.coefficients[-1:] / np.sqrt(variance), freedom)
    return found if abs(float(deviate[0])) > GATE else None


def _spans(question: Question, scored: Table, changes: Sequence[Change], mix: Moment | None) -> tuple[Span, Span]:
    """Before the first change and behind the last, where both leave enough to compare."""
    first, last = int(scored.hour.min()), question.until
    times = [(change.at, change.until if change.until is not None else change.at) for change in changes if change.at]
    if mix is not None:
        times.append((mix.at, mix.at))
    old = [end for _, end in times if end < question.since - SLACK and question.since - end >= LEAST_BEFORE]
    begin = max([first, *[int(np.ceil(end)) for end in old]])
    usable: list[tuple[float, float]] = []
    for least in (LEAST_BEFORE, 48, 24):
        usable = [
            (at, end)
            for at, end in times
            if at - begin >= least and last - end >= LEAST_AFTER and end >= question.since - SLACK
        ]
        if usable:
            break
    if usable:
        at, end = min(at for at, _ in usable), max(end for _, end in usable)
        return Span(begin=begin, end=int(np.floor(at))), Span(begin=int(np.ceil(end)), end=last)
    middle = question.since if question.since - begin >= 24 else (begin + last) // 2
    return Span(begin=begin, end=middle), Span(begin=middle, end=last)
