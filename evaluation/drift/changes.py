"""What could have caused a change, as columns: another version, model, fingerprint, parameters or scorer, or a step that nobody recorded.

Each change says for every row how much it was under the new regime (0 or 1, a fraction within a slow change). What comes with a version
and only with it (its model, its parameters) is the version's. Two changes that nearly always come together can't be told apart.

Knows tables and events. Refuses to know what the changes did.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from evaluation.drift.events import Shift, event_of, hour_of, shifts
from evaluation.drift.table import Codes, Factor, Numbers, Table
from evaluation.drift.values import Cause, Event, EventKind

APART = 200
"""So many observations must have one of two changes and not the other, or they are told as one."""
LEAST = 50
_COMES_WITH = 0.97
_LONGER = 6.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """`on` by row; `events` that tell of it, the main one first; `at` and `until` in hours since 1970, where there is a time.

    `owner`: the place of the change that has the credit for this one; what two do together beyond what each does alone is the later one's.
    `instead`: another reading of the rows, by time alone, where a set of fingerprints has some in common with the one before.
    `deviate`: how sure a step at a free time was when it was found; not `searched`: that there is a change was known, only not when.
    `wide`: a time that isn't known well goes from the first to the second; `likely` are (begin, hours, weight) that would fit.
    """

    cause: Cause
    on: Numbers
    name: str
    events: tuple[Event, ...] = ()
    at: float | None = None
    until: float | None = None
    wide: tuple[float, float] | None = None
    likely: tuple[tuple[float, float, float], ...] = ()
    parts: tuple[Cause, ...] = ()
    owner: int | None = None
    instead: Numbers | None = None
    deviate: float = 0.0
    searched: bool = True


def served_states(table: Table) -> tuple[Factor, list[Event], dict[str, Event]]:
    """Each row's model with the generation of its fingerprints, the events by which these changed, and which told of which generation."""
    calls = np.where(table.calls > 0, table.calls, 0.0)
    weights = calls if calls.sum() else table.n
    events = [event_of("model", shift) for shift in shifts(table.hour, table.model, weights)]
    generation = np.zeros(table.hour.size, np.int64)
    began: dict[str, Event] = {}
    for code in range(len(table.model.names)):
        mine = table.model.codes == code
        if weights[mine].sum() < LEAST:
            continue
        for number, shift in enumerate(shifts(table.hour[mine], table.fingerprint.where(mine), weights[mine]), start=1):
            event = event_of("fingerprint", shift)
            if any(abs((event.at - other.at).total_seconds()) < 6 * 3600 for other in events):
                continue  # another model has other fingerprints
            events.append(event)
            chosen = mine & np.isin(table.fingerprint.codes, list(shift.risen))
            generation[chosen] = np.maximum(generation[chosen], number)
            began[_state(table.model.names[code], number)] = event
    pairs = table.model.codes * 100 + generation
    found, codes = np.unique(pairs, return_inverse=True)
    names = tuple(_state(table.model.names[pair // 100], int(pair % 100)) for pair in found)
    return Factor(codes=codes.astype(np.int64), names=names), sorted(events, key=lambda event: event.at), began


def _state(model: str, generation: int) -> str:
    return f"{model} (fingerprints since change {generation})" if generation else model


def changes_of(table: Table, scored: Table, announced: Sequence[Event], early: int) -> tuple[list[Change], list[Event]]:
    """The recorded changes over the rows of `scored`, and the events that were found in the calls of `table`.

    `early`: rows before this hour tell what was usual.
    """
    state, found, began = served_states(table)
    calls = np.where(table.calls > 0, table.calls, 0.0)
    changes = _levels(
        "prompt", scored.version, scored, early, lambda name: [each for each in announced if each.after == name]
    )
    model = state.where(table.n > 0)

    def told_by(name: str) -> list[Event]:
        if name in began:
            return [began[name]]
        return [each for each in found if each.kind == "model" and name in each.after.split(", ")]

    changes += [_also_by_time(change, scored) for change in _levels("model", model, scored, early, told_by)]
    for kind, cause, factor, weights in _others(table, calls):
        for shift in _lasting(table, factor, weights, kind):
            event = event_of(kind, shift)
            risen = np.isin(getattr(scored, "params" if kind == "parameters" else "scorer").codes, list(shift.risen))
            found.append(event)
            if kind == "parameters" and _comes_with(risen, scored.version, scored.n):
                continue  # the version's own
            changes.append(Change(
                cause=cause, on=risen.astype(np.float64), name=event.after, events=(event,), at=shift.begin,
                until=shift.end,
            ))  # fmt: skip
    return changes, found


def merged(changes: Sequence[Change], n: Numbers, *, always: tuple[int, int] | None = None) -> list[Change]:
    """The changes, with those that can't be told apart from each other as one; `always`: the places of two that are."""
    left = list(changes)
    if always is not None:
        second, first = left.pop(max(always)), left.pop(min(always))
        left.append(_joined(first, second))
    while True:
        pair = next(
            (
                (a, b)
                for a in range(len(left))
                for b in range(a + 1, len(left))
                if left[a].cause != left[b].cause and float((n * np.abs(left[a].on - left[b].on)).sum()) < APART
            ),
            None,
        )
        if pair is None:
            return left
        left[pair[0]] = _joined(left[pair[0]], left[pair[1]])
        del left[pair[1]]


def _joined(first: Change, second: Change) -> Change:
    parts = tuple(dict.fromkeys((*_parts(first), *_parts(second))))
    times = [change.at for change in (first, second) if change.at is not None]
    ends = [change.until for change in (first, second) if change.until is not None]
    return Change(
        cause="prompt or model" if set(parts) == {"prompt", "model"} else "not separable",
        on=np.maximum(first.on, second.on),
        name=f"{first.name} + {second.name}",
        events=tuple(sorted((*first.events, *second.events), key=lambda event: event.at)),
        at=min(times) if times else None,
        until=max(ends) if ends else None,
        parts=parts,
    )


def step(hour: Codes, at: float, width: float = 0.0) -> Numbers:
    """0 before, 1 after, and in between the way from one to the other over `width` hours."""
    if width <= 0:
        return (hour >= at).astype(np.float64)
    return np.clip((hour + 0.5 - at) / width, 0.0, 1.0)


def _also_by_time(change: Change, scored: Table) -> Change:
    """A sharp change of fingerprints may be one of all calls from then on, also of those whose fingerprint was there before."""
    if not change.events or change.events[0].kind != "fingerprint" or change.at is None:
        return change
    if change.until is not None and change.until - change.at > _LONGER:
        return change
    by_time = step(scored.hour, round(change.at))
    return replace(change, instead=by_time) if (scored.n * np.abs(by_time - change.on)).sum() >= LEAST else change


def _parts(change: Change) -> tuple[Cause, ...]:
    return change.parts or (change.cause,)


def _levels(
    cause: Cause, factor: Factor, scored: Table, early: int, told_by: Callable[[str], list[Event]]
) -> list[Change]:
    """A change for each value that is not the usual one. `told_by`: the events that tell of a value."""
    sizes = np.bincount(factor.codes, weights=scored.n, minlength=len(factor.names))
    before = np.bincount(
        factor.codes, weights=np.where(scored.hour < early, scored.n, 0.0), minlength=len(factor.names)
    )
    usual = int(np.argmax(before if before.sum() else sizes))
    moved = shifts(scored.hour, factor, scored.n) if cause == "prompt" else []
    found = []
    for code in np.argsort(-sizes, kind="stable"):
        if code == usual or sizes[code] < max(LEAST, 0.002 * sizes.sum()):
            continue
        on = factor.codes == code
        name = factor.names[code]
        mine = told_by(name)
        times = [(hour_of(event.at), hour_of(event.until or event.at)) for event in mine]
        seen = [(shift.begin, shift.end) for shift in moved if code in shift.risen]
        # Calls tell when it began and ended only where the record doesn't, or where it took longer than the record says.
        times += [(begin, end) for begin, end in seen if not times or min(t for t, _ in times) - begin > _LONGER]
        times += [(times[0][0], end) for _, end in seen if times and end - max(t for _, t in times) > _LONGER]
        at = min(time for time, _ in times) if times else None
        until = max(end for _, end in times) if times else None
        found.append(Change(
            cause=cause, on=on.astype(np.float64), name=name, events=tuple(reversed(mine)), at=at, until=until,
        ))  # fmt: skip
    return found


def _others(table: Table, calls: Numbers) -> list[tuple[EventKind, Cause, Factor, Numbers]]:
    return [
        ("parameters", "parameters", table.params, calls if calls.sum() else table.n),
        ("scorer", "scorer", table.scorer, table.n),
    ]


def _lasting(table: Table, factor: Factor, weights: Numbers, kind: EventKind) -> list[Shift]:
    inside = (weights > 0) & (table.n > 0) if kind == "scorer" else weights > 0
    return shifts(table.hour[inside], factor.where(inside), weights[inside])


def _comes_with(risen: np.ndarray, version: Factor, n: Numbers) -> bool:
    """Whether each version has the new value nearly always or nearly never: then it is the version that has it."""
    size = len(version.names)
    total = np.bincount(version.codes, weights=n, minlength=size)
    new = np.bincount(version.codes, weights=n * risen, minlength=size)
    share = new[total >= LEAST] / total[total >= LEAST]
    return bool(((share >= _COMES_WITH) | (share <= 1 - _COMES_WITH)).all() and (share >= _COMES_WITH).any())
