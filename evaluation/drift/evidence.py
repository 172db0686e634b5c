"""How good the evidence for a cause is: traffic of both kinds at the same time, a time that agrees, and prompts that should move along.

Knows fits. Refuses to know how a cause was found and what it is called in a report.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc, ndtri  # type: ignore[import-untyped]

from evaluation.drift.apart import scale_of
from evaluation.drift.changes import Change, changes_of, merged, step
from evaluation.drift.design import Model, model_of
from evaluation.drift.fitting import as_normal
from evaluation.drift.scan import best_step, common_step_squares, step_squares, sums_of
from evaluation.drift.table import Numbers, Table, sums, table_of
from evaluation.drift.values import Cell, Event

CONCURRENT = 200
"""So many observations on both sides, within the same hours and kinds of input, are evidence of their own."""
AGREE = 3.29
NEAR = 36
COVERAGE_MOVED = 0.10
"""Hours on both sides of a step, and by how much the share of scored calls may differ between them."""
ALPHA = 0.01
"""The chance that one control of all moves for no reason, and that all together do. A step is there already: to take it for the
provider's is no worse than to take it for this prompt's alone."""
_LEAST_CONTROL = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """A metric of another prompt that the same model answers: its cells, and what was announced about that prompt."""

    prompt: str
    metric: str
    cells: Sequence[Cell]
    announced: Sequence[Event] = ()

    @property
    def name(self) -> str:
        """As a report tells it."""
        return f"{self.metric} of {self.prompt}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Controls:
    """What the controls say of one time: those that `moved`, out of those that had enough to tell (`asked`)."""

    moved: tuple[str, ...]
    asked: tuple[str, ...]


def concurrent(model: Model, place: int) -> bool:
    """Whether calls with and without a change came at the same hours, enough of them, and say the same as before and after do."""
    table, on = model.table, model.changes[place].on >= 0.5
    kinds = len(table.stratum.names)
    first = int(table.hour.min())
    size = (int(table.hour.max()) - first + 1) * kinds
    slot = (table.hour - first) * kinds + table.stratum.codes
    # Another change that comes with this one within an hour would be taken for it: only rows that agree in all others are compared.
    other = np.zeros(table.hour.size, np.int64)
    for number, change in enumerate(model.changes):
        if number != place:
            other = other * 2 + (change.on >= 0.5)
    codes = np.unique(slot + size * other, return_inverse=True)[1]
    count = int(codes.max()) + 1
    n_on, n_off = sums(codes, np.where(on, table.n, 0.0), count), sums(codes, np.where(on, 0.0, table.n), count)
    both = (n_on > 0) & (n_off > 0)
    if min(n_on[both].sum(), n_off[both].sum()) < CONCURRENT:
        return False
    y_on = sums(codes, np.where(on, table.total, 0.0), count)[both] / n_on[both]
    y_off = sums(codes, np.where(on, 0.0, table.total), count)[both] / n_off[both]
    weights = n_on[both] * n_off[both] / (n_on[both] + n_off[both])
    difference = float((weights * (y_on - y_off)).sum() / weights.sum())
    spread = float((model.found.noise.own * table.n**2).sum() / table.n.sum())
    shares = sums(table.stratum.codes, np.where(on, table.n, 0.0), kinds)
    effect = float((shares / shares.sum()) @ model.found.coefficients[model.effects[place]])
    return abs(difference - effect) <= AGREE * float(np.sqrt(spread / weights.sum()))


def time_agrees(scored: Table, changes: Sequence[Change], place: int) -> bool:
    """Whether a step at any time would be put where the change is on record, and no other change lies as near."""
    change = changes[place]
    if change.at is None:
        return False
    others = [other for number, other in enumerate(changes) if number != place]
    model = model_of(scored, others)
    made = sums_of(model.found, scored.stratum.codes, len(scored.stratum.names))
    moment = best_step(made, step_squares(made).sum(axis=0), 1.0)
    if moment is None:
        return False
    until = change.until if change.until is not None else change.at
    low, high = moment.low - 1, moment.high + 1
    fits = low <= until + 1 and high >= change.at - 1
    return fits and not any(other.at is not None and low <= other.at <= high for other in others)


def coverage_moved(table: Table, change: Change) -> bool:
    """Whether another part of the calls was scored from about the time of a step on: then other calls were scored, not other answers."""
    if change.at is None or not table.calls.sum():
        return False
    until = change.at if change.until is None else change.until
    low, high = change.wide or (change.at, until)
    shares = []
    for inside in ((table.hour >= low - NEAR) & (table.hour < low), (table.hour >= high) & (table.hour < high + NEAR)):
        calls = float(table.calls[inside].sum())
        if calls <= 0:
            return False
        shares.append(float(table.n[inside].sum()) / calls)
    return abs(shares[1] - shares[0]) > COVERAGE_MOVED


def models_of(changes: Sequence[Change]) -> tuple[tuple[float, float], ...]:
    """From when to when the recorded changes of the model went: controls moved with these, too."""
    return tuple(
        (each.at, each.at if each.until is None else each.until)
        for each in changes
        if each.at is not None and "model" in (each.cause, *each.parts) and each.owner is None
    )


def controls_say(
    controls: Sequence[Control], at: float, between: tuple[float, float], models: Sequence[tuple[float, float]] = ()
) -> Controls:
    """Which controls moved at a time, in any direction, beyond what the changes of `models` that are on record did to them.

    The hours in which it could have happened are left out.
    """
    deviates: dict[str, float] = {}
    for control in controls:
        found = _moved(control, at, between, models)
        if found is not None:
            deviates[control.name] = found
    limit = float(-ndtri(ALPHA / 2 / max(len(deviates), 1)))
    moved = tuple(name for name, z in deviates.items() if abs(z) > limit)
    if not moved and deviates and chdtrc(len(deviates), sum(z * z for z in deviates.values())) < ALPHA / 2:
        moved = (max(deviates, key=lambda name: abs(deviates[name])),)  # none is sure alone, and all together are
    return Controls(moved=moved, asked=tuple(deviates))


def profile_of(
    control: Control, at: float, hours: tuple[int, int], models: Sequence[tuple[float, float]] = ()
) -> Numbers:
    """Twice what a step at each of these hours [first, end) would gain in (quasi) log likelihood in a control that moved at about `at`."""
    scored, others = _known(control.cells, control, at, models)
    made = sums_of(model_of(scored, others).found, scored.stratum.codes, len(scored.stratum.names))
    moved = Change(cause="local", on=step(scored.hour, at), name="step")
    scale = scale_of(model_of(scored, [*others, moved]), len(others))
    square = common_step_squares(made) / scale
    place = np.arange(*hours) - made.first
    return np.where((place >= 0) & (place < square.size), square[place.clip(0, square.size - 1)], 0.0)


def _known(
    cells: Sequence[Cell], control: Control, at: float, models: Sequence[tuple[float, float]]
) -> tuple[Table, list[Change]]:
    """A control's rows with observations, and what is on record about it; its cells don't tell the model."""
    table = table_of(cells)
    scored = table.where(table.n > 0)
    if not scored.n.size:
        return scored, []
    recorded, _ = changes_of(table, scored, control.announced, int(at))
    others = [change for change in merged(recorded, scored.n) if change.cause != "model"]
    for begin, end in models:
        on = step(scored.hour, round(begin), end - begin if end - begin > 1 else 0.0)
        others.append(Change(cause="model", on=on, name="model"))
    return scored, others


def _moved(
    control: Control, at: float, between: tuple[float, float], models: Sequence[tuple[float, float]]
) -> float | None:
    low, high = between
    cells = [cell for cell in control.cells if not low < cell.hour < high or high - low > 48]
    scored, others = _known(cells, control, at, models)
    if (
        not scored.n.size
        or scored.n[scored.hour < at].sum() < _LEAST_CONTROL
        or scored.n[scored.hour >= at].sum() < _LEAST_CONTROL
    ):
        return None
    moved = Change(cause="local", on=step(scored.hour, at), name="step")
    model = model_of(scored, [*others, moved])
    effects = model.effects[-1]
    shares = sums(scored.stratum.codes, np.where(moved.on > 0, scored.n, 0.0), len(scored.stratum.names))
    weights = (shares / shares.sum()) @ model.found.weights[effects]
    variance, freedom = model.found.noise.variances(weights[None, :])
    if variance[0] <= 0:
        return None
    value = float(weights @ scored.mean)
    return float(as_normal(np.array([value]) / np.sqrt(variance), freedom)[0])
