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
from dataclasses import dataclass, replace

import numpy as np

from evaluation.drift.apart import (
    GATE,
    Dropped,
    as_change,
    best_reading,
    deviate,
    interplay,
    preferred_of,
    scale_of,
    timed,
)
from evaluation.drift.changes import APART, Change, changes_of, merged, step
from evaluation.drift.design import model_of
from evaluation.drift.events import hour_of
from evaluation.drift.fitting import Rows, as_normal, fit
from evaluation.drift.scan import Moment, best_step, common_step_squares, slower, step_squares, sums_of
from evaluation.drift.sides import Span, slot_of
from evaluation.drift.table import Table, compressed, sums, table_of
from evaluation.drift.values import Cell, Event, Metric

LEAST_BEFORE, LEAST_AFTER, SLACK = 7 * 24, 24, 72
MOST_FREE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked: cells of one prompt and metric, what was announced, and the hours (since 1970) between which a change is looked for.

    Cells from before `since` tell what was usual.
    """

    prompt: str
    metric: Metric
    cells: Sequence[Cell]
    announced: Sequence[Event]
    since: int
    until: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What was found: all rows, those with observations, the changes, and the sides.

    `preferred` are places of changes that lie so near to others that neither is sure beside the other, but that explain far more alone.
    """

    question: Question
    table: Table
    scored: Table
    changes: tuple[Change, ...]
    preferred: frozenset[int]
    dropped: tuple[Dropped, ...]
    events: tuple[Event, ...]
    mix: Moment | None
    before: Span
    after: Span


def look(question: Question, *, gate: float = GATE) -> Look | None:
    """Looks for changes; None where nothing at all was observed. `gate`: how sure a step at a free time must be, in normal deviates."""
    cells = [cell for cell in question.cells if cell.hour < question.until]
    table = table_of(cells)
    if not (table.n > 0).any():
        return None
    scored = table.where(table.n > 0)
    early = min([question.since, *[int(hour_of(event.at)) for event in question.announced if event.after]])
    recorded, found = changes_of(table, scored, question.announced, early)
    changes = merged([change for change in recorded if _varies(change, scored)], scored.n)
    changes = best_reading(scored, changes)
    scored, ons = compressed(scored, [change.on for change in changes])
    changes = [replace(change, on=on, instead=None) for change, on in zip(changes, ons, strict=True)]
    changes = interplay(scored, changes)
    changes, dropped = timed(scored, changes)
    while sum(not change.events for change in changes if change.wide) < MOST_FREE:
        free = _free(scored, changes, gate)
        if free is None:
            break
        changes = [*changes, free]
    changes, preferred = preferred_of(scored, changes)
    mix = _mix(scored, changes)
    before, after = spans_of(question, scored, changes, mix)
    events = tuple(sorted((*question.announced, *found), key=lambda event: event.at))
    return Look(
        question=question, table=table, scored=scored, changes=tuple(changes), preferred=preferred, dropped=tuple(dropped), events=events,
        mix=mix, before=before, after=after,
    )  # fmt: skip


def _varies(change: Change, scored: Table) -> bool:
    return bool(change.on.any() and (change.on < 1).any())


def _free(scored: Table, changes: Sequence[Change], gate: float) -> Change | None:
    """The best step at a free time, if it is beyond chance."""
    model = model_of(scored, changes)
    kinds = len(scored.stratum.names)
    made = sums_of(model.found, scored.stratum.codes, kinds)
    hours = made.n.shape[1]
    apart = _apart_from(changes, scored, made.first, hours)
    common = np.where(apart, common_step_squares(made), 0.0)
    single = np.where(apart, step_squares(made), 0.0)
    tried = [(common, gate, True)]
    if kinds > 1:
        tried.append((single.max(axis=0), max(gate, GATE) + 0.3, False))
    for square, limit, alike in tried:
        moment = best_step(made, square, 1.0)
        if moment is None or moment.square < limit**2:
            continue
        scale = scale_of(model_of(scored, [*changes, as_change(moment, scored)]), len(changes))
        moment = best_step(made, square, scale) or moment
        kind = -1 if alike else int(np.argmax(single[:, int(moment.at) - made.first]))
        if alike:
            moment = slower(made, square, moment, scale)
        change = as_change(moment, scored)
        sure = deviate(model_of(scored, [*changes, change]), len(changes), kind)
        if sure > limit:
            return replace(change, deviate=sure)
    return None


def _apart_from(changes: Sequence[Change], scored: Table, first: int, hours: int) -> np.ndarray:
    """At which hours a step would be another change than each of these, by the observations that have one and not the other."""
    found = np.ones(hours, bool)
    n = sums(scored.hour - first, scored.n, hours)
    for change in changes:
        on = sums(scored.hour - first, scored.n * change.on, hours)
        differ = np.cumsum(on) - on + (n - on)[::-1].cumsum()[::-1]
        found &= (differ >= APART) & (n.sum() - differ >= APART)
    return found


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
    alone = fit(rows, season)
    made = sums_of(alone, zeros, 1)
    found = best_step(made, common_step_squares(made), 1.0)
    if found is None or found.square < GATE**2:
        return None
    with_step = fit(rows, np.hstack([season, step(hours, found.at)[:, None]]))
    weights = with_step.weights[-1:]
    variance, freedom = with_step.noise.variances(weights)
    if variance[0] <= 0:
        return None
    deviate = as_normal(with_step.coefficients[-1:] / np.sqrt(variance), freedom)
    return found if abs(float(deviate[0])) > GATE else None


def spans_of(question: Question, scored: Table, changes: Sequence[Change], mix: Moment | None) -> tuple[Span, Span]:
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
