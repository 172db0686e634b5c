"""What a difference is enough to say. The rules:

1. There is not enough data below 100 values of either version; where nobody scored both alike; where the shares of calls that have a value
   lie more than ten points apart, because who is scored is then no accident; and where strata that only one version has would have to be
   left out.
2. There is no difference to speak of where the interval lies within the margin, never because it holds zero.
3. Better and worse are told where the interval leaves zero out. Everything else is not enough data, with the number that would be.

Pure. Knows differences and how to say what is missing. Refuses to know cells.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import log, sqrt

from evaluation.comparison.choosing import LEAST, LEAST_IN_STRATUM, Chosen
from evaluation.comparison.estimate import Estimate, Sums
from evaluation.comparison.needed import for_means, for_rates
from evaluation.comparison.values import Difference, Measure, Needed, Side, StratumDifference, Verdict
from evaluation.comparison.wording import size_text
from evaluation.drift.values import Metric

MOST_APART = 0.1
"""Coverages further apart than this are of two kinds of calls."""

_RAREST = 0.01
"""A rate beyond this is taken for this: none seen is not none to come."""

MOST_LEFT_OUT = 0.05
"""The largest share of the baseline's values that may lie in strata that can't be compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Yardstick:
    """What a difference is held against, on the metric's scale."""

    margin: float
    needed: tuple[Needed, ...]


def yardstick(measure: Measure, baseline: Sums, design_effect: float) -> Yardstick:
    """The measure's margin and sizes on the scale of the baseline's values, with the values per version that show them."""
    if not baseline.n:
        return Yardstick(margin=measure.margin, needed=())
    if measure.kind == "rate":
        rate = min(max(baseline.mean, _RAREST), 1 - _RAREST)
        rates = (
            Needed(difference=size, n=for_rates(rate, size, design_effect=design_effect)) for size in measure.sizes
        )
        return Yardstick(margin=measure.margin, needed=tuple(rates))
    deviation = sqrt(baseline.variance)
    if measure.kind == "log":
        logs = (
            Needed(difference=size, n=for_means(deviation, log(1 + size), design_effect=design_effect))
            for size in measure.sizes
        )
        return Yardstick(margin=measure.margin, needed=tuple(logs))
    scale = deviation if measure.metric.unit == "score" else abs(baseline.mean)
    if measure.kind == "total" or not scale:
        return Yardstick(margin=measure.margin * scale, needed=())
    means = (
        Needed(difference=size * scale, n=for_means(deviation, size * scale, design_effect=design_effect))
        for size in measure.sizes
    )
    return Yardstick(margin=measure.margin * scale, needed=tuple(means))


def gain(metric: Metric, change: float) -> float:
    """How good a change is; where neither way is better, any change is a loss."""
    if metric.higher_is_better is None:
        return -abs(change)
    return change if metric.higher_is_better else -change


def lost(metric: Metric, parts: Sequence[StratumDifference], margin: float) -> Iterator[str]:
    """Strata that are shown to be worse by more than the margin."""
    for part in parts:
        if part.shown and metric.higher_is_better is not None and gain(metric, part.difference.change) < -margin:
            yield part.stratum


def missing(chosen: Chosen, sides: tuple[Side, Side], found: Estimate | None, left_out: Mapping[str, float]) -> str:
    """What keeps a comparison from being one, in words; "" where nothing does."""
    few = min(sides, key=lambda side: side.effective_n)
    if not chosen.same_scorer:
        old, new = (" and ".join(side.scorers) or "nobody on record" for side in sides)
        return f"version {sides[0].version} was scored by {old}, version {sides[1].version} by {new}"
    if few.effective_n < LEAST:
        return f"version {few.version} has {few.effective_n:,.0f} values, and {LEAST} are the least"
    if abs(sides[0].coverage - sides[1].coverage) > MOST_APART:
        shares = " and ".join(f"{side.coverage:.0%} of version {side.version}'s" for side in sides)
        return f"{shares} calls have a value: too far apart to be calls of one kind"
    if sum(left_out.values()) > MOST_LEFT_OUT or found is None:
        share = sum(left_out.values())
        return f"{strata_text(left_out)}, {share:.0%} of version {sides[0].version}'s values, has fewer than {LEAST_IN_STRATUM} on one side"
    return ""


def verdict_of(
    metric: Metric, difference: Difference | None, yard: Yardstick, sides: tuple[Side, Side], lacking: str
) -> tuple[Verdict, str]:
    """The verdict, and in words what is missing where there is not enough data."""
    have = min(side.effective_n for side in sides)
    inside = None if difference is None else difference.interval
    if lacking or difference is None or inside is None:
        return "not_enough_data", lacking or "too few days to tell an interval"
    if -yard.margin <= inside.low and inside.high <= yard.margin:
        return "no_difference", ""
    if inside.low <= 0 <= inside.high:
        return "not_enough_data", _wanted(metric, yard.needed, have)
    up = difference.change > 0
    if metric.higher_is_better is None:
        return ("higher" if up else "lower"), ""
    return ("better" if up == metric.higher_is_better else "worse"), ""


def strata_text(left_out: Mapping[str, float]) -> str:
    """Such as `'angry', 'calm' and 3 other strata`, the largest first."""
    names = [
        f"'{name}'" if name else "calls without a stratum"
        for name in sorted(left_out, key=lambda each: -left_out[each])
    ]
    if len(names) <= 3:
        return " and ".join(names)
    return f"{names[0]}, {names[1]} and {len(names) - 2} other strata"


def _wanted(metric: Metric, needed: Sequence[Needed], have: float) -> str:
    """The largest difference that there isn't enough for, and what it would take."""
    for each in sorted(needed, key=lambda one: -one.difference):
        if each.n > have:
            return f"{each.n:,} values per version are needed to see {size_text(metric, each.difference)}, you have {have:,.0f}"
    return f"the interval holds 0 and is wider than the margin, with {have:,.0f} values per version"
