"""How often a promotion gate passes, fails and can't tell, on simulated evaluations whose truth is known.

    python -m bench.gate_rates [--seeds 1000] > bench/results/gate-rates.md

Each case has its own chance to pass, from a Beta distribution; both versions answer anew. Arrays go through the same statistics and the
same decision as an evaluation's results. No clock, no network: the same seeds give the same table.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

import numpy as np
import orjson
from scipy.stats import multinomial

from evaluation.runs.values import Target
from evaluation.verdict.arms import Arm
from evaluation.verdict.build import difference_of, facts_of
from evaluation.verdict.statistics import pass_rate_bounds
from registry.policy import Policy, decide

KINDS = {"steady": (4.25, 0.75), "noisy": (1.7, 0.3), "certain": (0.17, 0.03)}
"""Beta distributions with mean 0.85: what chances cases have. `noisy` is the tests' own; in `certain` few cases have any."""

MEAN = 0.85
MARGIN = 0.05


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000)
    seeds = parser.parse_args().seeds
    print(HEAD.format(seeds=seeds))
    for kind in ("certain", "noisy", "steady"):
        a, b = KINDS[kind]
        within = a * b / ((a + b) * (a + b + 1))
        print(
            f"\n## Cases: {kind} (Beta({a:g}, {b:g}); equal versions differ on {2 * within:.1%} of cases without repeats)\n"
        )
        print("| cases | repeats | truth | pass | fail | can't tell |\n| --- | --- | --- | --- | --- | --- |")
        for n in (50, 100, 200, 500):
            for repeats in (1, 3, 5):
                for loss in (0.0, 0.05, 0.1):
                    print(row(n, repeats, loss, (a, b), seeds), flush=True)
    print(BOUND)
    for n in (46, 50, 58, 100, 200, 500):
        wrong = " | ".join(f"{share:.1%}" for share in passes_at_the_margin(n))
        print(f"| {n} | {wrong} |")


def row(n: int, repeats: int, loss: float, beta: tuple[float, float], seeds: int) -> str:
    """One line of the table."""
    frame = empty_facts(repeats)
    found = [
        decide(Policy(dataset="golden"), facts(frame, n, repeats, loss, beta, seed)).outcome for seed in range(seeds)
    ]
    shares = " | ".join(f"{found.count(each) / seeds:.1%}" for each in ("pass", "fail", "not_enough_cases"))
    truth = "equal" if loss == 0 else f"{loss * 100:.0f} points worse"
    return f"| {n} | {repeats} | {truth} | {shares} |"


def facts(
    frame: dict[str, Any], n: int, repeats: int, loss: float, beta: tuple[float, float], seed: int
) -> dict[str, Any]:
    """The facts of one evaluation."""
    random = np.random.default_rng([seed, n, repeats])
    chance = random.beta(*beta, size=n)[:, None]
    candidate = (random.random((n, repeats)) < chance * (1 - loss / MEAN)).mean(axis=1)
    baseline = (random.random((n, repeats)) < chance).mean(axis=1)
    found = difference_of(candidate, baseline, np.ones(n), repeats=repeats, left_out=0)
    return {**frame, "difference": orjson.loads(orjson.dumps(found))}


def empty_facts(repeats: int) -> dict[str, Any]:
    """Facts without cases, said to be about one, for a difference to be put in."""
    arms = [Arm(target=Target(slug="bench", version=each), results=()) for each in (2, 1)]
    known = facts_of(
        evaluation_id="bench",
        slug="bench",
        dataset="golden",
        number=1,
        cases=(),
        candidate=arms[0],
        baseline=arms[1],
        repeats=repeats,
    ).to_json()
    return {**known, "candidate": {**known["candidate"], "cases": 1}}


def passes_at_the_margin(n: int) -> Iterator[float]:
    """How often a candidate that is worse by exactly the margin passes, summed over all outcomes, by how many cases get better."""
    better, worse = np.meshgrid(np.arange(n + 1), np.arange(n + 1), indexing="ij")
    possible = better + worse <= n
    better, worse = better[possible], worse[possible]
    # For a number of wins the lower bound falls with the losses: one search by bisection for each.
    passing = np.zeros(better.size, dtype=bool)
    for wins in np.unique(better):
        low, high = -1, int(n - wins) + 1
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if lower(n, int(wins), middle) > -MARGIN else (low, middle)
        passing |= (better == wins) & (worse <= low)
    for win in (0.0, 0.005, 0.01, 0.02, 0.05, 0.1):
        chances = [win, win + MARGIN, 1 - 2 * win - MARGIN]
        likelihood = multinomial.pmf(np.stack([better, worse, n - better - worse], axis=-1), n, chances)
        yield float(likelihood[passing].sum())


def lower(n: int, better: int, worse: int) -> float:
    """The lower bound at the default confidence."""
    apart = np.repeat([1.0, -1.0, 0.0], [better, worse, n - better - worse])
    return next(each.low for each in pass_rate_bounds(apart, np.ones(n)) if each.confidence == 0.95)


HEAD = """# How often a gate is right

`python -m bench.gate_rates` ({seeds:,} seeds a line; no clock, so no machine to name). Default policy: margin 5 points, one-sided
confidence 95 %, no thresholds. A case's chance to pass comes from a Beta distribution with mean 0.85; both versions draw anew; a worse
candidate has every chance lowered by the same share. "fail" of an equal one and "pass" of a worse one are errors."""

BOUND = """
## Passing when worse by exactly the margin

Without repeats, summed over all outcomes rather than simulated. Columns: the share of cases that get better, while 5 points more get worse.

| cases | 0 % | 0.5 % | 1 % | 2 % | 5 % | 10 % |
| --- | --- | --- | --- | --- | --- | --- |"""

if __name__ == "__main__":
    main()
