"""One series, looked at: what is usual, and whether it has changed, since when and by how much. Pure.

1. `prepare` says what the series is compared with, or why it isn't watched. How many series are watched decides how much evidence an alarm
   takes, so all are prepared before the first is looked at.
2. `look` gives the change, if there is one that stands: evidence that reached the limit within the last day.
3. `recovered` says whether a series that had changed is back.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from evaluation.intervals import Interval, wilson
from evaluation.monitors.calendar import begin_of_watch, reference
from evaluation.monitors.evidence import RARE, Evidence, bursts, doubt_for, of_counts, of_means
from evaluation.monitors.hours import Hours, Numbers, Span, width_for
from evaluation.monitors.usual import LEAST_DAYS, Usual, learn
from evaluation.watch.detector import limit_for

Side = Literal["up", "down"]

LEAST_IN_BUCKET = 10.0
TOO_LITTLE = (
    f"too little traffic: {LEAST_DAYS} days of the last four weeks with {LEAST_IN_BUCKET:g} values each are needed"
)
WIDEST_OF_SHARES = 8
"""Hours a bucket of shares may have for a normal distribution; where that is too few to have `RARE` events, they are counted."""

STANDS_HOURS = 24
"""An alarm counts while the evidence reached its limit within so many hours: what came and went before that is over."""

_FIT = 2.0
"""Begins of a change fit the hours about as well as the best one while their log likelihood is within this of its."""

_SURE = 3.0
"""Log likelihood ratio that a day of hours must give for a series to be back."""

_LEAST_BACK = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What was decided about a series: hours that were an incident and teach nothing, the hour from which on its level was accepted, and
    the hour from which on it is watched anew."""

    incidents: tuple[Span, ...] = ()
    accepted_from: int | None = None
    watched_from: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A series that is watched: its buckets since the watch began, and what is usual.

    `rate` and `burst` are of rare events, None where a normal distribution will do; where the rare thing is that something does *not*
    happen, `turned` says that these are shares of that.
    """

    since: Hours
    usual: Usual
    rate: float | None = None
    burst: float = 0.0
    turned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change. Hours are since 1970; it began within `earliest` and `latest`, most likely with `since`. `before` and `after` are means,
    `difference` is after minus before with its interval at 95 %."""

    side: Side
    since: int
    earliest: int
    latest: int
    before: float
    after: float
    difference: float
    interval: Interval
    n_before: float
    n_after: float


def prepare(hours: Hours, now: int, memory: Memory = Memory()) -> Prepared | str:
    """What a series is compared with; or, in words, why it isn't watched."""
    if memory.accepted_from is not None:
        hours = hours.within(memory.accepted_from, math.inf)
    if not len(hours):
        return "no traffic"
    begin = begin_of_watch(int(hours.hour[0]), now)
    if begin is None:
        return f"learning: {LEAST_DAYS} days are needed"
    span = reference(begin)
    past = hours.within(span.begin, span.end).without(memory.incidents)
    since = hours.within(max(begin, memory.watched_from or 0), math.inf)
    if not len(past):
        return "learning: there was no traffic before"
    least = LEAST_IN_BUCKET
    if past.is_share and since.is_share:
        mean = float((past.n * past.mean).sum() / past.n.sum())
        least = max(least, RARE / max(min(mean, 1 - mean), 1e-9))
        if (width_for(past, least) or WIDEST_OF_SHARES + 1) > WIDEST_OF_SHARES:
            return _rare(past, since, turned=mean > 0.5)
    return _usual(past, since, least)


def _rare(past: Hours, since: Hours, *, turned: bool) -> Prepared | str:
    if turned:
        past, since = _turned(past), _turned(since)
    usual = learn(past)
    if usual is None:
        return TOO_LITTLE
    rate = max(usual.mean, 0.0)
    burst = bursts(past, rate) if rate else 0.0
    return Prepared(since=since, usual=usual, rate=rate, burst=burst, turned=turned)


def _usual(past: Hours, since: Hours, least: float) -> Prepared | str:
    width = width_for(past, least)
    usual = None if width is None else learn(past.widened(width))
    if width is None or usual is None:
        return TOO_LITTLE
    return Prepared(since=since.widened(width), usual=usual)


def look(prepared: Prepared, *, margin: float, sides: Sequence[Side], series: int, now: int) -> Change | None:
    """The change of a series by more than `margin` to one of the `sides`, if it stands; `series` are watched together."""
    limit = math.log(limit_for(series))
    for side, found in zip(sides, _of_sides(prepared, margin=margin, sides=sides, series=series), strict=True):
        recent = found.log[prepared.since.hour >= now - STANDS_HOURS]
        if len(recent) and float(recent.max()) >= limit:
            change = _change(prepared, side)
            if change is not None and not recovered(prepared, change.difference, now):
                return change
    return None


def evidence(prepared: Prepared, *, margin: float, side: Side, series: int) -> Evidence:
    """The evidence for a change to one side after each bucket."""
    return _of_sides(prepared, margin=margin, sides=(side,), series=series)[0]


def _of_sides(prepared: Prepared, *, margin: float, sides: Sequence[Side], series: int) -> list[Evidence]:
    ups, doubt = [(side == "up") != prepared.turned for side in sides], doubt_for(series)
    if prepared.rate is None:
        return of_means(prepared.since, prepared.usual, margin=margin, ups=ups, doubt=doubt)
    since, usual, rate, burst = prepared.since, prepared.usual, prepared.rate, prepared.burst
    return [of_counts(since, usual, margin=margin, up=up, doubt=doubt, rate=rate, burst=burst) for up in ups]


def recovered(prepared: Prepared, difference: float, now: int) -> bool:
    """Whether the last day looks as usual, and not as after a change by `difference`."""
    recent = prepared.since.within(now - STANDS_HOURS, math.inf)
    if len(recent) * recent.width < _LEAST_BACK:
        return False
    sign = -1.0 if prepared.turned else 1.0
    before = prepared.usual.level.at(recent)[0] if prepared.rate is None else np.full(len(recent), prepared.usual.mean)
    after = before + sign * difference
    variance = prepared.usual.spread(recent) + prepared.usual.between_days
    ratio = ((recent.mean - after) ** 2 - (recent.mean - before) ** 2) / (2 * variance)
    return float(np.clip(ratio, -1.0, 1.0).sum()) > _SURE


def _change(prepared: Prepared, side: Side) -> Change | None:
    hours, usual = prepared.since, prepared.usual
    fit = _fit_of_begins(prepared, up=(side == "up") != prepared.turned)
    if not len(fit) or fit.max() <= 0:
        return None
    best = int(fit.argmax())
    near = np.flatnonzero(fit >= fit[best] - _FIT)
    changed = hours.of(np.arange(len(hours)) >= best)
    n = float(changed.n.sum())
    after = float((changed.n * changed.mean).sum() / n)
    # Compared with what is usual at the same hours, so that a change that was seen at night only is no matter of the night.
    level = usual.level.at(changed)[0] if prepared.rate is None else np.full(len(changed), usual.mean)
    before = float((changed.n * level).sum() / n)
    interval = _interval(prepared, changed, before, after)
    change = Change(
        side=side,
        since=int(hours.hour[best]),
        earliest=int(hours.hour[near[0]]) - (hours.width - 1),
        latest=int(hours.hour[near[-1]]) + hours.width - 1,
        before=before,
        after=after,
        difference=after - before,
        interval=interval,
        n_before=usual.n,
        n_after=n,
    )
    return _turned_back(change) if prepared.turned else change


def _fit_of_begins(prepared: Prepared, *, up: bool) -> Numbers:
    """For each bucket, the log likelihood ratio of a change that began there and stayed, at its best size, to no change."""
    hours, usual = prepared.since, prepared.usual
    if prepared.rate is None:
        level, unsure = usual.level.at(hours)
        weights = 1 / (usual.spread(hours) + unsure)
        moved, weight = _from_here(weights * (hours.mean - level)), _from_here(weights)
        right = moved > 0 if up else moved < 0
        return np.where(right, moved**2 / (2 * weight), 0.0)
    events = _from_here(hours.n * hours.mean)
    expected = np.maximum(_from_here(hours.n * max(prepared.rate, 1 / usual.n)), 1e-12)
    right = events > expected if up else events < expected
    logs = np.where(events > 0, events * np.log(np.maximum(events, 1e-12) / expected), 0.0) - (events - expected)
    return np.where(right, logs, 0.0)


def _from_here(values: Numbers) -> Numbers:
    return np.cumsum(values[::-1])[::-1]


def _interval(prepared: Prepared, changed: Hours, before: float, after: float) -> Interval:
    """Of the difference, at 95 %: chance, hours and days on both sides. Newcombe's for shares of rare events, from Wilson's of both."""
    usual = prepared.usual
    if prepared.rate is not None:
        n = float(changed.n.sum())
        size = 1 + prepared.burst * float(np.median(changed.n)) * prepared.rate  # what bursts take away from n
        new, old = wilson(after * n / size, n / size), wilson(before * usual.n / size, usual.n / size)
        if new is not None and old is not None:
            low = math.hypot(after - new.low, old.high - before)
            high = math.hypot(new.high - after, before - old.low)
            return Interval(low=after - before - low, high=after - before + high)
    weights = changed.n / changed.n.sum()
    chance = float((weights**2 * usual.spread(changed)).sum())
    of_day = np.bincount(np.unique(changed.day, return_inverse=True)[1], weights)
    half = 1.96 * math.sqrt(chance + float((of_day**2).sum()) * usual.between_days + usual.error**2)
    return Interval(low=after - before - half, high=after - before + half)


def _turned(hours: Hours) -> Hours:
    return replace(hours, mean=1 - hours.mean, squares=1 - hours.mean)


def _turned_back(change: Change) -> Change:
    return replace(
        change,
        before=1 - change.before,
        after=1 - change.after,
        difference=-change.difference,
        interval=Interval(low=-change.interval.high, high=-change.interval.low),
    )
