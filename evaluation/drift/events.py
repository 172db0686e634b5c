"""Events: moves of channels from the registry's history, and changes that nobody announced, found in the calls themselves.

A change of served model, fingerprint, parameters or scorer is a shift of the whole distribution that lasts: fingerprints are a set, any of
which may answer a call, and one that comes and goes is no change. It runs from the time that the new values' share passes 5 % of its way to
the time that it passes 95 %.

Knows cells and entries of the history. Refuses to know what an event did to a metric.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from evaluation.drift.table import Codes, Factor, Numbers
from evaluation.drift.values import Event, EventKind
from registry.values import HistoryEntry

SHIFT = 0.2
"""How much of a distribution must move (total variation) to be a change; half of it where a value is new."""
LEAST_CALLS = 50
LEAST_HOURS = 6
_MOST = 6
SLOW_HOURS = 7 * 24
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """A distribution's lasting change. `begin` and `end` are hours since 1970, with fractions; `risen` are codes with a greater share."""

    hour: int
    begin: float
    end: float
    risen: frozenset[int]
    before: tuple[str, ...]
    after: tuple[str, ...]


def moves(history: Iterable[HistoryEntry]) -> tuple[Event, ...]:
    """The promotions, rollbacks and rollouts among entries of the history, oldest first. Versions are numbers as text."""
    found = [
        Event(
            kind="promotion" if entry.action == "promote" else "rollback" if entry.action == "rollback" else "rollout",
            at=entry.at,
            before="" if entry.from_version is None else str(entry.from_version),
            after="" if entry.to_version is None else str(entry.to_version),
            announced=True,
            by=entry.actor,
            reason=entry.reason,
            channel=entry.channel or "",
            revision=entry.revision,
        )
        for entry in history
        if entry.action in ("promote", "rollback", "rollout")
    ]
    return tuple(sorted(found, key=lambda event: event.at))


def shifts(hour: Codes, factor: Factor, calls: Numbers) -> list[Shift]:
    """The lasting changes of a factor's distribution over `calls`, in the order of time."""
    if not hour.size or len(factor.names) < 2:
        return []
    first = int(hour.min())
    counts = np.zeros((int(hour.max()) - first + 1, len(factor.names)))
    np.add.at(counts, (hour - first, factor.codes), calls)
    at = sorted(_splits(counts, 0, counts.shape[0], _MOST))
    ends = [0, *at, counts.shape[0]]
    found: list[tuple[tuple[int, int, int, int], Shift]] = []
    for place in range(len(at)):
        cut = (ends[place], ends[place + 1], ends[place + 1], ends[place + 2])
        if found and cut[1] - found[-1][0][2] <= SLOW_HOURS and _goes_on(counts, cut, found[-1][1].risen):
            # What rises again soon has not stopped: a slow change is one.
            cut = (found[-1][0][0], found[-1][0][1], cut[2], cut[3])
            found[-1] = (cut, _shift(counts, factor.names, first, cut))
        else:
            found.append((cut, _shift(counts, factor.names, first, cut)))
    return [shift for _, shift in found]


def _goes_on(counts: Numbers, cut: tuple[int, int, int, int], risen: frozenset[int]) -> bool:
    before, after = counts[cut[0] : cut[1]].sum(axis=0), counts[cut[2] : cut[3]].sum(axis=0)
    codes = list(risen)
    return bool(codes) and bool((after[codes] / after.sum() > before[codes] / before.sum()).any())


def event_of(kind: EventKind, shift: Shift) -> Event:
    """A shift as an event that nobody announced."""
    at, until = time_of(shift.begin), time_of(shift.end)
    before, after = ", ".join(shift.before), ", ".join(shift.after)
    return Event(
        kind=kind,
        at=at,
        until=until if shift.end - shift.begin > 1 else None,
        before=before,
        after=after,
        announced=False,
    )


def time_of(hour: float) -> datetime:
    """Hours since 1970 as a time, to the minute."""
    return _EPOCH + timedelta(minutes=round(hour * 60))


def hour_of(time: datetime) -> float:
    """A time as hours since 1970, with fractions."""
    return (time - _EPOCH) / timedelta(hours=1)


def _splits(counts: Numbers, begin: int, end: int, most: int) -> list[int]:
    """Where the rows [begin, end) fall apart into different distributions, the greatest difference first, then within both sides."""
    inside = counts[begin:end]
    if most <= 0 or inside.shape[0] < 2 * LEAST_HOURS:
        return []
    left = np.cumsum(inside, axis=0)[:-1]
    right = inside.sum(axis=0) - left
    n_left, n_right = left.sum(axis=1), right.sum(axis=1)
    able = (n_left >= LEAST_CALLS) & (n_right >= LEAST_CALLS)
    hours = np.arange(1, inside.shape[0])
    able &= (hours >= LEAST_HOURS) & (hours <= inside.shape[0] - LEAST_HOURS)
    if not able.any():
        return []
    p = left / np.maximum(n_left, 1)[:, None]
    q = right / np.maximum(n_right, 1)[:, None]
    moved = np.abs(p - q).sum(axis=1) / 2
    # What chance alone would move, about: the distance grows with the number of values, and hours aren't independent.
    pooled = inside.sum(axis=0) / inside.sum()
    chance = np.sqrt(pooled * (1 - pooled)).sum() * np.sqrt(1 / np.maximum(n_left, 1) + 1 / np.maximum(n_right, 1)) / 2
    new = np.where(p < 0.01, q, 0.0).sum(axis=1) + np.where(q < 0.01, p, 0.0).sum(axis=1)
    lasting = able & ((moved >= SHIFT) | (new >= SHIFT / 2)) & (moved > 4 * chance)
    if not lasting.any():
        return []
    # By likelihood, which is sharp where a distance of shares over long sides is flat.
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = np.where(left > 0, left * np.log(p), 0).sum(axis=1) + np.where(right > 0, right * np.log(q), 0).sum(
            axis=1
        )
    at = int(np.argmax(np.where(lasting, gain, -np.inf))) + 1
    rest = most - 1
    before = _splits(counts, begin, begin + at, rest)
    return [*before, begin + at, *_splits(counts, begin + at, end, rest - len(before))]


def _shift(counts: Numbers, names: tuple[str, ...], first: int, cut: tuple[int, int, int, int]) -> Shift:
    """The shift from the rows [cut[0], cut[1]) to [cut[2], cut[3])."""
    begin, low_end, high_begin, end = cut
    before, after = counts[begin:low_end].sum(axis=0), counts[high_begin:end].sum(axis=0)
    p, q = before / before.sum(), after / after.sum()
    risen = q > p
    hours = counts[begin:end]
    n = hours.sum(axis=1)
    low, high = float(p[risen].sum()), float(q[risen].sum())
    way = (np.where(n > 0, hours[:, risen].sum(axis=1) / np.maximum(n, 1), np.nan) - low) / (high - low)
    start = low_end - begin
    while start > 0 and (
        np.isnan(way[start - 1]) or way[start - 1] > max(0.05, 3 * _noise(low, n[start - 1], high - low))
    ):
        start -= 1
    stop = high_begin - begin
    while stop < way.size and (np.isnan(way[stop]) or way[stop] < min(0.95, 1 - 3 * _noise(high, n[stop], high - low))):
        stop += 1
    begun, done = float(begin + start), float(begin + stop)
    if stop - start <= 2:  # within an hour or across a full one: the share that the new values have in it tells when
        known = way[start:stop]
        share = float(np.nansum(np.clip(known, 0, 1))) if known.size else 0.0
        begun = done = begin + stop - share
    ranked = np.argsort(-p, kind="stable"), np.argsort(-q, kind="stable")
    return Shift(
        hour=first + low_end,
        begin=first + begun,
        end=first + done,
        risen=frozenset(int(code) for code in np.flatnonzero((q >= 0.02) & ((q > 1.5 * p) | (q - p >= SHIFT / 2)))),
        before=tuple(names[code] for code in ranked[0] if p[code] >= 0.05),
        after=tuple(names[code] for code in ranked[1] if q[code] >= 0.05),
    )


def _noise(share: float, n: float, way: float) -> float:
    return float(np.sqrt(max(share * (1 - share), 0.0) / max(n, 1)) / way)
