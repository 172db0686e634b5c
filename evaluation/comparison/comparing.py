"""One metric of two versions compared: the calls that can be, the differences overall and by stratum, and the verdict.

Pure. Knows how the parts are put together. Refuses to know ClickHouse and how it is shown.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import exp
from statistics import NormalDist

from evaluation.comparison import choosing, verdicts
from evaluation.comparison.choosing import Chosen, Key, Stratum
from evaluation.comparison.estimate import LEAST_BLOCKS, Estimate, Sums, estimate, mean_interval, standard_error, sums
from evaluation.comparison.needed import ALPHA
from evaluation.comparison.values import (
    Basis,
    Cell,
    Difference,
    Kind,
    Measure,
    MetricComparison,
    Side,
    StratumDifference,
)
from evaluation.comparison.wording import difference_text
from evaluation.intervals import Interval

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BLOCK = timedelta(hours=6)

Both = tuple[Sequence[Cell], Sequence[Cell]]
"""The baseline's cells and the candidate's."""


def compare(
    measure: Measure, baseline: Sequence[Cell], candidate: Sequence[Cell], *, versions: tuple[int, int]
) -> MetricComparison | None:
    """The candidate's values against the baseline's; `versions` are the baseline's number and the candidate's.

    None where one of them has no value of this metric.
    """
    raw = estimate(baseline, candidate, measure.kind)
    if raw is None:
        return None
    ways = choosing.ways(baseline, candidate)
    # Never by what comes out: a weaker comparison that "tells" is told by whatever else changed.
    chosen = next((each for each in ways if _sees_much(measure, each)), ways[0])
    found = _compared(measure, chosen, raw, versions)
    if chosen.concurrent == ways[0].concurrent:
        return found
    return replace(found, notes=(*found.notes, _alone_in(_compared(measure, ways[0], raw, versions))))


def _sees_much(measure: Measure, chosen: Chosen) -> bool:
    """Whether there are enough values to see the largest difference that the measure is asked about."""
    needed = verdicts.yardstick(measure, sums(chosen.baseline), 1.0).needed
    return chosen.least >= (needed[0].n if needed else choosing.LEAST)


def _compared(measure: Measure, chosen: Chosen, raw: Estimate, versions: tuple[int, int]) -> MetricComparison:
    """The comparison of the calls that were chosen; `raw` is that of all."""
    old, new = choosing.pooled(chosen.baseline, chosen.candidate)
    key = _by_model if chosen.same_model else _alone
    alike = choosing.matched(old, new, key) if chosen.concurrent else (old, new)
    strata, left_out = _comparable(old, alike, key)
    before, after = (_inside(cells, key, strata) for cells in alike)
    found = estimate(before, after, measure.kind, key=key, shares_of=_inside(old, key, strata))
    design_effect = (found or raw).design_effect
    sides = (
        _side(measure.kind, chosen.baseline, versions[0]),
        _side(measure.kind, chosen.candidate, versions[1]),
    )
    yardstick = verdicts.yardstick(measure, sums(chosen.baseline), design_effect)
    told = None if found is None else _told(measure.kind, found.difference)
    parts = _by_stratum(measure, (old, new), alike, key, strata, found.widening) if found else []
    lacking = verdicts.missing(chosen, sides, found, left_out)
    verdict, why = verdicts.verdict_of(measure.metric, told, yardstick, sides, lacking)
    return MetricComparison(
        metric=measure.metric,
        baseline=sides[0],
        candidate=sides[1],
        raw=_told(measure.kind, raw.difference),
        standardised=told,
        basis=_basis(chosen),
        margin=yardstick.margin,
        verdict=verdict,
        why=why,
        needed=yardstick.needed,
        design_effect=design_effect,
        strata=tuple(parts),
        worst=min(parts, key=lambda part: verdicts.gain(measure.metric, part.difference.change), default=None),
        but=() if lacking or verdict == "worse" else tuple(verdicts.lost(measure.metric, parts, yardstick.margin)),
        notes=tuple(_notes(chosen, found, left_out)),
    )


def _alone_in(concurrent: MetricComparison) -> str:
    """What concurrent calls have shown that were too few to go by."""
    shown = difference_text(concurrent.metric, concurrent.standardised, concurrent.margin)
    n = f"n {concurrent.baseline.n:,.0f} and {concurrent.candidate.n:,.0f}"
    return f"concurrent calls are too few to go by them alone: {shown}, {n}"


def _by_model(cell: Cell) -> Stratum:
    return cell.stratum, cell.model


def _alone(cell: Cell) -> Stratum:
    return cell.stratum, ""


def _inside(cells: Sequence[Cell], key: Key, strata: Collection[Stratum]) -> list[Cell]:
    return [cell for cell in cells if key(cell) in strata]


def _comparable(baseline: Sequence[Cell], alike: Both, key: Key) -> tuple[set[Stratum], dict[str, float]]:
    """The strata that both versions have enough values of, and by stratum the share of the baseline's values in the others."""
    before, after = (_sums_by(cells, key) for cells in alike)
    both = before.keys() & after.keys()
    strata = {name for name in both if min(before[name].effective, after[name].effective) >= choosing.LEAST_IN_STRATUM}
    all_of = _sums_by(baseline, key)
    whole = sum(each.n for each in all_of.values())
    left: dict[str, float] = defaultdict(float)
    for name, each in all_of.items():
        if name not in strata and each.n:
            left[name[0]] += each.n / whole
    return strata, dict(left)


def _sums_by(cells: Sequence[Cell], key: Key) -> dict[Stratum, Sums]:
    found: dict[Stratum, list[Cell]] = defaultdict(list)
    for cell in cells:
        found[key(cell)].append(cell)
    return {name: sums(each) for name, each in found.items()}


def _side(kind: Kind, cells: Sequence[Cell], version: int) -> Side:
    found = sums(cells)
    calls, unparsed = sum(cell.calls for cell in cells), sum(cell.unparsed for cell in cells)
    interval = mean_interval(cells, kind) if found.n else None
    mean = found.mean if found.n else None
    if kind == "log":
        mean = None if mean is None else exp(mean)
        interval = None if interval is None else Interval(low=exp(interval.low), high=exp(interval.high))
    return Side(
        version=version,
        calls=calls,
        n=found.n,
        effective_n=found.effective,
        coverage=min(found.n / calls, 1.0) if calls else 0.0,
        unparsed=unparsed / (unparsed + found.n) if unparsed else 0.0,
        mean=mean,
        interval=interval,
        models=tuple(sorted({cell.model for cell in cells})),
        scorers=tuple(sorted({cell.scorer for cell in cells if cell.scorer})),
    )


def _told(kind: Kind, difference: Difference) -> Difference:
    """As people read it: differences of logarithms as ratios less one."""
    if kind != "log":
        return difference
    inside = difference.interval
    return Difference(
        change=exp(difference.change) - 1,
        interval=None if inside is None else Interval(low=exp(inside.low) - 1, high=exp(inside.high) - 1),
    )


def _by_stratum(
    measure: Measure,
    all_cells: Both,
    alike: Both,
    key: Key,
    strata: set[Stratum],
    widening: float,
) -> list[StratumDifference]:
    """Every stratum that can be compared, the baseline's largest first. Numbers and shares are those of all cells."""
    whole = [sums(cells).n for cells in all_cells]
    found: dict[str, tuple[Estimate, float, float]] = {}
    for name in sorted({stratum for stratum, _ in strata}):
        own = {each for each in strata if each[0] == name}
        there, here = (_inside(cells, key, own) for cells in all_cells)
        before, after = (_inside(cells, key, own) for cells in alike)
        each = estimate(before, after, measure.kind, key=key, shares_of=there, widening=widening)
        if each is not None:
            found[name] = (each, sums(there).n, sums(here).n)
    shown = _shown({name: each.difference for name, (each, _, _) in found.items()})
    parts = [
        StratumDifference(
            stratum=name,
            difference=_told(measure.kind, each.difference),
            n_baseline=n_old,
            n_candidate=n_new,
            share_baseline=n_old / whole[0],
            share_candidate=n_new / whole[1],
            shown=name in shown,
        )
        for name, (each, n_old, n_new) in found.items()
    ]
    return sorted(parts, key=lambda part: -part.n_baseline)


def _shown(differences: dict[str, Difference]) -> set[str]:
    """Those that hold against chance however many strata are looked at (S. Holm, Scand. J. Stat. 6 (1979), 65-70)."""
    sure: dict[str, float] = {}
    for name, difference in differences.items():
        error = standard_error(difference)
        sure[name] = 1.0 if not error else 2 * NormalDist().cdf(-abs(difference.change) / error)
    shown = set()
    for place, name in enumerate(sorted(sure, key=lambda each: sure[each])):
        if sure[name] * (len(sure) - place) >= ALPHA:
            break
        shown.add(name)
    return shown


def _basis(chosen: Chosen) -> Basis:
    blocks = [cell.block for cell in (*chosen.baseline, *chosen.candidate)] or [0]
    return Basis(
        design="concurrent" if chosen.concurrent else "before/after",
        same_channel=chosen.same_channel,
        same_model=chosen.same_model,
        since=_EPOCH + min(blocks) * _BLOCK,
        until=_EPOCH + (max(blocks) + 1) * _BLOCK,
    )


def _notes(chosen: Chosen, found: Estimate | None, left_out: dict[str, float]) -> Iterator[str]:
    """What the reader must know of a comparison that was made."""
    if found is None:
        return
    if not chosen.concurrent:
        yield "whatever else changed in between is in the difference; `slugline drift` takes that apart"
    elif not chosen.same_channel:
        yield "the calls came by different channels, so by different callers"
    if not chosen.same_model:
        yield "different models answered: the difference is of prompt and model together"
    if chosen.concurrent and not found.blocks:
        yield f"the calls lie within fewer than {LEAST_BLOCKS} six-hour blocks: what hours differ by is not in the interval"
    if not chosen.concurrent and not found.days:
        yield f"the calls lie within fewer than {LEAST_BLOCKS} days: what days differ by is not in the interval, so verdicts err more often"
    if left_out:
        share = sum(left_out.values())
        yield f"without {verdicts.strata_text(left_out)}, {share:.1%} of the baseline's values: too few on one side"
