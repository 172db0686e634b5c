"""How often a comparison of two versions says something wrong, and how often it sees a loss.

`python -m bench.comparison_rates > bench/results/comparison-rates.md`.
Scores are drawn call by call in blocks of six hours, of two kinds of input, with chances that move from block to block and from day to day
for both versions alike (standard deviations in log odds). Nothing of the estimator is used to make them.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from evaluation.comparison.comparing import compare
from evaluation.comparison.measures import score_measure
from evaluation.comparison.values import Cell

KINDS = (("calm", 0.8, 0.9), ("angry", 0.2, 0.5))
NOISE = ((0.0, 0.0), (0.15, 0.0), (0.15, 0.1), (0.2, 0.2))
SEEDS = 500


@dataclass(frozen=True)
class Traffic:
    """`calls` in six hours over `days`. Concurrent: the second version gets `share` of them, with `ramp` growing ninefold; else it takes
    over after half of the days."""

    days: int
    calls: int
    concurrent: bool
    share: float = 0.1
    ramp: bool = False

    def share_at(self, block: int) -> float:
        if not self.concurrent:
            return float(block >= 2 * self.days)
        return self.share * (0.2 + 1.6 * block / (4 * self.days)) if self.ramp else self.share


def cells(draw: np.random.Generator, traffic: Traffic, noise: tuple[float, float], loss: float) -> list[list[Cell]]:
    found: list[list[Cell]] = [[], []]
    by_day = np.repeat(draw.normal(0, noise[1], traffic.days), 4)
    for block in range(4 * traffic.days):
        moved = by_day[block] + draw.normal(0, noise[0])
        for kind, part, chance in KINDS:
            good = 1 / (1 + np.exp(-np.log(chance / (1 - chance)) - moved))
            share = traffic.share_at(block)
            for version, size in ((0, 1 - share), (1, share)):
                n = draw.poisson(traffic.calls * part * size)
                total = float(draw.binomial(n, max(good - loss * version, 0.0)))
                found[version].append(
                    Cell(
                        version=version + 1,
                        stratum=kind,
                        model="m",
                        scorer="",
                        block=block,
                        shared=2 if traffic.concurrent else 0,
                        n=n,
                        weight_squares=n,
                        total=total,
                        squares=total,
                        calls=n,
                        unparsed=0.0,
                    )
                )
    return found


def verdicts(traffic: Traffic, noise: tuple[float, float], loss: float) -> tuple[Counter[str], int]:
    """Verdicts, and how many intervals hold the truth, over all seeds."""
    told: Counter[str] = Counter()
    held = 0
    for seed in range(SEEDS):
        old, new = cells(np.random.default_rng(seed), traffic, noise, loss)
        found = compare(score_measure("good", "bool"), old, new, versions=(1, 2))
        assert found is not None
        told[found.verdict] += 1
        inside = found.standardised.interval if found.standardised else None
        held += inside is not None and inside.low <= -loss <= inside.high
    return told, held


def main() -> None:
    kinds = (
        ("before/after, 2 x 14 days, 60 calls in 6 h", Traffic(days=28, calls=60, concurrent=False)),
        ("before/after, 2 x 14 days, 300 calls in 6 h", Traffic(days=28, calls=300, concurrent=False)),
        ("before/after, 2 x 3 days, 300 calls in 6 h", Traffic(days=6, calls=300, concurrent=False)),
        ("10 % for 14 days, 300 calls in 6 h", Traffic(days=14, calls=300, concurrent=True)),
        ("2 % growing to 18 %, 300 calls in 6 h", Traffic(days=14, calls=300, concurrent=True, ramp=True)),
    )
    print("# Versions compared: wrong verdicts, and losses seen\n")
    print(f"{SEEDS} seeds a row, intervals at 99 %. Made by `python -m bench.comparison_rates`.\n")
    for title, loss in (("No difference", 0.0), ("A loss of 5 points", 0.05)):
        print(f"## {title}\n")
        print(
            "| traffic | noise by 6 h | by day | better | worse | none > 2 points | not enough data | interval holds the truth |"
        )
        print("|---|---|---|---|---|---|---|---|")
        for name, traffic in kinds:
            for noise in NOISE:
                told, held = verdicts(traffic, noise, loss)
                shares = [
                    f"{100 * told[each] / SEEDS:.1f} %"
                    for each in ("better", "worse", "no_difference", "not_enough_data")
                ]
                print(
                    f"| {name} | {noise[0]} | {noise[1]} | {' | '.join(shares)} | {100 * held / SEEDS:.1f} % |",
                    flush=True,
                )
        print()


if __name__ == "__main__":
    main()
