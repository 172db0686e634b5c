"""Which families each row of the acceptance table is made of, how many histories it has, and how many must be right."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from bench.drift.compound import COMPOUND, HIGH, LOW, NULL, compound, not_separable, null
from bench.drift.plans import Plan
from bench.drift.single import SINGLE, single
from bench.drift.stress import STRESS, stress


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of the table. `least` of `seeds` must be right, spread evenly over `families`, and of each family `least_of_family`."""

    name: str
    what: str
    families: Mapping[str, Callable[[int], Plan]]
    seeds: int
    least: int
    least_of_family: float = 0.0

    def plans(self, seeds: int | None, first: int, only: str = "") -> list[Plan]:
        """The histories: `seeds` in all, the seeds of each family from `first` on."""
        total, families = seeds or self.seeds, len(self.families)
        found = []
        for place, (name, make) in enumerate(self.families.items()):
            if only in {"", name}:
                many = total // families + (place < total % families)
                found += [make(seed) for seed in range(first, first + many)]
        return found


def _low(family: str) -> Callable[[int], Plan]:
    return partial(compound, family, rate=LOW)


def _step(rate: float) -> Callable[[int], Plan]:
    return partial(single, "silent", rate=rate, name=f"step-{rate:.0f}")


ROWS = {
    row.name: row
    for row in (
        Row(
            name="1",
            what="one cause, 4 points or more, at least 2,500 scored calls after it: the right cause and no other is named",
            families={family: partial(single, family) for family in SINGLE},
            seeds=300,
            least=292,
            least_of_family=0.9,
        ),
        Row(
            name="2",
            what=f"two causes, or one and a decoy, {HIGH:.0f} calls an hour, at least 13,000 scored calls after",
            families={family: partial(compound, family) for family in COMPOUND},
            seeds=300,
            least=292,
            least_of_family=0.9,
        ),
        Row(
            name="2b",
            what=f"the same at {LOW:.0f} calls an hour",
            families={f"{family}-{LOW:.0f}": _low(family) for family in COMPOUND},
            seeds=100,
            least=85,
        ),
        Row(
            name="3",
            what="a promotion and a new model within half an hour: said to be inseparable, and nothing is split",
            families={"same-hour": not_separable},
            seeds=200,
            least=196,
        ),
        Row(
            name="4",
            what="nothing happened: no cause is named",
            families={family: partial(null, family) for family in NULL},
            seeds=1000,
            least=996,
        ),
        Row(
            name="7",
            what="a silent step of 4 to 14 points: how far the time is from the truth",
            families={f"step-{rate:.0f}": _step(rate) for rate in (LOW, HIGH)},
            seeds=400,
            least=0,
        ),
        Row(
            name="stress",
            what="what real traffic does: each family on its own",
            families={family: partial(stress, family) for family in STRESS},
            seeds=20 * len(STRESS),
            least=0,
        ),
    )
}
"""Rows that are made of histories. Row 8 is counted over the reports of all of them but the stress, 5, 6 and 9 are made elsewhere."""
