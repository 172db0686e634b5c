"""The difference between two sets of cells, standardised to the baseline's strata, with an interval for values that resemble each other.

1. Each stratum's means are weighed by the share that the stratum has in the baseline, so that another mix is no difference.
2. Each mean has its own interval (Wilson's for rates, Student's for numbers); those of the weighed difference are put together from
   them by MOVER (G. Y. Zou, W. Huang, X. Zhang, Comput. Stat. Data Anal. 53 (2009), 1080-1085), which is Newcombe's for one stratum.
3. Values of the same hours resemble each other: the variance of the difference is also taken from its sums by six hours and by day
   (the sandwich of K.-Y. Liang and S. L. Zeger, Biometrika 73 (1986), 13-22), and by how much it is larger is the design effect.

Pure. Knows cells and formulas. Refuses to know which cells can be compared and what a difference means.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

from evaluation.comparison.values import CONFIDENCE, Cell, Difference, Kind
from evaluation.intervals import CONFIDENCE as USUAL
from evaluation.intervals import Interval, student_t, wilson

LEAST_BLOCKS = 8
"""Of fewer six-hour blocks, or days, no variance between them is told."""

_BLOCKS_A_DAY = 4

Key = Callable[[Cell], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """What cells come to. `effective` is how many values of equal weight know as much (L. Kish, Survey Sampling, 1965)."""

    n: float
    total: float
    squares: float
    effective: float

    @property
    def mean(self) -> float:
        """The weighed mean; only where n isn't 0."""
        return self.total / self.n

    @property
    def variance(self) -> float:
        """Of single values."""
        spread = max(0.0, self.squares / self.n - self.mean**2)
        return spread * self.effective / (self.effective - 1) if self.effective > 1 else 0.0

    def interval(self, kind: Kind, *, design_effect: float = 1.0, confidence: float = USUAL) -> Interval | None:
        """Of the mean; None where it can't be told."""
        n = self.effective / design_effect
        if kind == "rate":
            return wilson(self.mean * n, n, confidence)
        if kind == "total" or self.effective <= 1:
            return None
        return student_t(n, self.mean * n, (self.squares / self.n) * n, confidence)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A difference. `design_effect`: by how much values of the same hours say less, 1 where that can't be told from chance.

    `widening` is what the interval was widened by, in terms of variance: more than the design effect, as few blocks tell it poorly.
    `blocks` and `days`: whether there were enough of them to tell what they differ by.
    """

    difference: Difference
    design_effect: float
    widening: float
    blocks: bool
    days: bool


def sums(cells: Iterable[Cell]) -> Sums:
    """The cells added up."""
    n = squares_of_weights = total = squares = 0.0
    for cell in cells:
        n += cell.n
        squares_of_weights += cell.weight_squares
        total += cell.total
        squares += cell.squares
    return Sums(n=n, total=total, squares=squares, effective=n * n / squares_of_weights if squares_of_weights else 0.0)


def estimate(
    baseline: Sequence[Cell],
    candidate: Sequence[Cell],
    kind: Kind,
    *,
    key: Key | None = None,
    shares_of: Sequence[Cell] = (),
    widening: float | None = None,
) -> Estimate | None:
    """Candidate less baseline over the strata that `key` makes; None where the two have no stratum in common.

    Strata count by the share that they have in `shares_of`, by default in the baseline. `widening` is that of the whole, for a part of it.
    """
    old, new = _by(baseline, key), _by(candidate, key)
    both = [name for name in old if name in new]
    if not both:
        return None
    before, after = ({name: sums(cells[name]) for name in both} for cells in (old, new))
    counted = {name: sums(cells).n for name, cells in _by(shares_of or baseline, key).items() if name in both}
    shares = {name: n / sum(counted.values()) for name, n in counted.items()}
    change = sum(shares[name] * (after[name].mean - before[name].mean) for name in both)
    parts: dict[int, float] = defaultdict(float)
    for name in both:
        _add(parts, old[name], before[name], -shares[name])
        _add(parts, new[name], after[name], shares[name])
    likeness = _likeness(parts)
    if kind == "total":
        return Estimate(
            difference=Difference(change=change, interval=_by_blocks(change, likeness)),
            design_effect=1.0,
            widening=1.0,
            blocks=likeness is not None,
            days=_days(parts) >= LEAST_BLOCKS,
        )
    single = sum(
        share**2 * (before[name].variance / before[name].effective + after[name].variance / after[name].effective)
        for name, share in shares.items()
    )
    wider = widening if widening is not None else _wider(likeness, single)
    return Estimate(
        difference=Difference(change=change, interval=_mover(change, kind, before, after, shares, wider)),
        design_effect=likeness.beyond(single) if likeness else 1.0,
        widening=wider,
        blocks=likeness is not None,
        days=_days(parts) >= LEAST_BLOCKS,
    )


def mean_interval(cells: Sequence[Cell], kind: Kind) -> Interval | None:
    """The 95 % interval of the cells' mean; None where it can't be told."""
    found = sums(cells)
    parts: dict[int, float] = defaultdict(float)
    _add(parts, cells, found, 1.0)
    likeness = _likeness(parts)
    if kind == "total":
        return _by_blocks(found.mean, likeness, confidence=USUAL)
    return found.interval(kind, design_effect=_wider(likeness, found.variance / found.effective))


def standard_error(difference: Difference) -> float | None:
    """What the interval's width says the standard error is; None without an interval."""
    if difference.interval is None:
        return None
    return (difference.interval.high - difference.interval.low) / (2 * _normal(CONFIDENCE))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Likeness:
    """Variances from sums by block, by day and by six hours, each with the number of its blocks."""

    variances: tuple[tuple[float, int], ...]

    def widened(self, confidence: float) -> float:
        """The largest, widened by what Student's quantile is beyond the normal one: few blocks tell a variance poorly."""
        from scipy.special import stdtrit  # type: ignore[import-untyped]  # half a second, that few processes ever need

        level, normal = (1 + confidence) / 2, _normal(confidence)
        return max(variance * (float(stdtrit(count - 1, level)) / normal) ** 2 for variance, count in self.variances)

    def beyond(self, single: float) -> float:
        """The largest ratio to the variance of values that don't resemble each other, where it is told from 1 (two standard errors)."""
        if single <= 0:
            return 1.0
        ratios = ((variance / single, 1 + 2 * math.sqrt(2 / (count - 1))) for variance, count in self.variances)
        return max((ratio for ratio, chance in ratios if ratio > chance), default=1.0)


def _by(cells: Sequence[Cell], key: Key | None) -> dict[object, list[Cell]]:
    found: dict[object, list[Cell]] = defaultdict(list)
    for cell in cells:
        if cell.n > 0:
            found[key(cell) if key else ""].append(cell)
    return found


def _mover(
    change: float,
    kind: Kind,
    before: Mapping[object, Sums],
    after: Mapping[object, Sums],
    shares: Mapping[object, float],
    widening: float,
) -> Interval | None:
    down = up = 0.0
    for name, share in shares.items():
        old = before[name].interval(kind, design_effect=widening, confidence=CONFIDENCE)
        new = after[name].interval(kind, design_effect=widening, confidence=CONFIDENCE)
        if old is None or new is None:
            return None
        down += share**2 * ((after[name].mean - new.low) ** 2 + (old.high - before[name].mean) ** 2)
        up += share**2 * ((new.high - after[name].mean) ** 2 + (before[name].mean - old.low) ** 2)
    return Interval(low=change - math.sqrt(down), high=change + math.sqrt(up))


def _add(parts: dict[int, float], cells: Sequence[Cell], whole: Sums, share: float) -> None:
    """Adds to each block what its values move the result by."""
    for cell in cells:
        if cell.n > 0:
            parts[cell.block] += share * (cell.total - cell.n * whole.mean) / whole.n


def _days(parts: Mapping[int, float]) -> int:
    return len({block // _BLOCKS_A_DAY for block in parts})


def _likeness(parts: Mapping[int, float]) -> _Likeness | None:
    """None where there are too few blocks, and too few days."""
    days: dict[int, float] = defaultdict(float)
    for block, part in parts.items():
        days[block // _BLOCKS_A_DAY] += part
    found = [
        (len(each) / (len(each) - 1) * sum(part * part for part in each.values()), len(each))
        for each in (parts, days)
        if len(each) >= LEAST_BLOCKS
    ]
    return _Likeness(variances=tuple(found)) if found else None


def _wider(likeness: _Likeness | None, single: float) -> float:
    if likeness is None or single <= 0:
        return 1.0
    return max(1.0, likeness.widened(CONFIDENCE) / single)


def _by_blocks(centre: float, likeness: _Likeness | None, confidence: float = CONFIDENCE) -> Interval | None:
    if likeness is None:
        return None
    half = _normal(confidence) * math.sqrt(likeness.widened(confidence))
    return Interval(low=centre - half, high=centre + half)


def _normal(confidence: float) -> float:
    return NormalDist().inv_cdf((1 + confidence) / 2)
