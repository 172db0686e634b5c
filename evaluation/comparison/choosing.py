"""Which calls of two versions can be compared: of the same hours if there are enough, answered by the same models, by inputs of one kind.

Pure. Knows cells. Refuses to know what the values are of.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from evaluation.comparison.estimate import sums
from evaluation.comparison.values import Cell

LEAST = 100
"""Values of equal weight that either version needs."""

LEAST_IN_STRATUM = 30
MOST_STRATA = 20
LEAST_SHARE = 0.02
OTHER = "other"

Stratum = tuple[str, str]
"""A stratum and a model; without a model where the versions have none in common."""

Key = Callable[[Cell], Stratum]
Place = tuple[Stratum, int]
"""A stratum in six hours."""

_ON_ANOTHER_CHANNEL, _ON_THE_SAME = 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Cells of both versions, and what they have in common."""

    baseline: tuple[Cell, ...]
    candidate: tuple[Cell, ...]
    concurrent: bool
    same_channel: bool | None
    same_model: bool
    same_scorer: bool

    @property
    def least(self) -> float:
        """How many values of equal weight the version with fewer has."""
        return min(sums(self.baseline).effective, sums(self.candidate).effective)


def ways(baseline: Sequence[Cell], candidate: Sequence[Cell]) -> list[Chosen]:
    """The ways to compare that have enough values, best first; where none has, the one of all values.

    Concurrent traffic on one channel is best, then concurrent traffic at all, then before and after; and each of them rather by the
    models that answered both. The last one leaves nothing out but values of scorers that only one version has.
    """
    every = list(_ways(baseline, candidate))
    return [each for each in every if each.least >= LEAST] or every[-1:]


def pooled(baseline: Sequence[Cell], candidate: Sequence[Cell]) -> tuple[list[Cell], list[Cell]]:
    """The cells with small strata put together as "other": those below 2 % of all values, and those beyond the twenty largest."""
    sizes: dict[str, float] = defaultdict(float)
    for cell in (*baseline, *candidate):
        sizes[cell.stratum] += cell.n
    whole = sum(sizes.values())
    largest = sorted(sizes, key=lambda name: (-sizes[name], name))[:MOST_STRATA]
    kept = {name for name in largest if sizes[name] >= LEAST_SHARE * whole}
    if len(sizes) - len(kept) == 1:  # a single one would be as small under another name
        kept = set(sizes)
    old, new = (
        [cell if cell.stratum in kept else replace(cell, stratum=OTHER) for cell in cells]
        for cells in (baseline, candidate)
    )
    return old, new


def matched(baseline: Sequence[Cell], candidate: Sequence[Cell], key: Key) -> tuple[list[Cell], list[Cell]]:
    """Concurrent cells weighed so that both versions have the same weight in each six hours of each stratum that `key` makes.

    Else a share that grows while quality changes for everybody would look like a difference. Each weight is n₁n₂ / (n₁ + n₂), as in the
    test of N. Mantel and W. Haenszel (J. Natl. Cancer Inst. 22 (1959), 719-748), which keeps nearly all that the smaller version knows;
    hours without one of the two drop out.
    """
    old, new = (_by_block(cells, key) for cells in (baseline, candidate))
    weights = {place: old[place] * new[place] / (old[place] + new[place]) for place in old.keys() & new.keys()}
    return _weighed(baseline, key, old, weights), _weighed(candidate, key, new, weights)


def _by_block(cells: Sequence[Cell], key: Key) -> dict[Place, float]:
    found: dict[Place, float] = defaultdict(float)
    for cell in cells:
        if cell.n > 0:
            found[key(cell), cell.block] += cell.n
    return found


def _weighed(cells: Sequence[Cell], key: Key, own: Mapping[Place, float], weights: Mapping[Place, float]) -> list[Cell]:
    found = []
    for cell in cells:
        place = key(cell), cell.block
        if cell.n > 0 and place in weights:
            factor = weights[place] / own[place]
            found.append(
                replace(
                    cell,
                    n=cell.n * factor,
                    weight_squares=cell.weight_squares * factor * factor,
                    total=cell.total * factor,
                    squares=cell.squares * factor,
                )
            )
    return found


def _ways(baseline: Sequence[Cell], candidate: Sequence[Cell]) -> Iterator[Chosen]:
    scorers = _scorers(baseline) & _scorers(candidate)
    one_scorer = bool(scorers) or not (_scorers(baseline) and _scorers(candidate))
    old, new = (_scored_by(scorers, cells) if scorers else cells for cells in (baseline, candidate))
    for least in (_ON_THE_SAME, _ON_ANOTHER_CHANNEL, 0):
        there, here = ([cell for cell in cells if cell.shared >= least] for cells in (old, new))
        models = _models(there) & _models(here)
        same = models == _models(there) | _models(here)
        for chosen in (models, None) if models else (None,):
            yield Chosen(
                baseline=tuple(cell for cell in there if chosen is None or cell.model in chosen),
                candidate=tuple(cell for cell in here if chosen is None or cell.model in chosen),
                concurrent=least > 0,
                same_channel=least == _ON_THE_SAME if least else None,
                same_model=chosen is not None or same,
                same_scorer=one_scorer,
            )


def _scored_by(scorers: Collection[str], cells: Sequence[Cell]) -> list[Cell]:
    """The cells without values of other scorers, and without the calls of times when only those were at work."""
    ours = {cell.block for cell in cells if cell.n > 0 and cell.scorer in scorers}
    others = {cell.block for cell in cells if cell.n > 0 and cell.scorer not in scorers} - ours
    return [cell for cell in cells if cell.block not in others and (not cell.n or cell.scorer in scorers)]


def _scorers(cells: Sequence[Cell]) -> set[str]:
    return {cell.scorer for cell in cells if cell.n > 0}


def _models(cells: Sequence[Cell]) -> set[str]:
    """Models with enough values to be compared by."""
    sizes: dict[str, float] = defaultdict(float)
    for cell in cells:
        sizes[cell.model] += cell.n
    return {name for name, n in sizes.items() if n >= LEAST_IN_STRATUM}
