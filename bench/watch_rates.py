"""How often the watch cries wolf in a week without a change, and how soon it finds a loss.

`python -m bench.watch_rates > bench/results/watch-rates.md`.
The hours are simulated, with chances that move from hour to hour and from day to day (standard deviations in log odds). Nothing of the
detector is used to make them.
"""

import numpy as np

from evaluation.watch.detector import Bucket, limit_for, usual, watch

P, MARGIN, REFERENCE_DAYS = 0.85, 0.01, 14
NOISE = ((0.0, 0.0), (0.15, 0.0), (0.3, 0.0), (0.15, 0.1))


def hours(draw: np.random.Generator, days: int, rate: float, noise: tuple[float, float], loss: float) -> list[Bucket]:
    """Hours of bool scores."""
    by_hour, by_day = noise
    odds = np.log(P / (1 - P)) + np.repeat(draw.normal(0, by_day, days), 24) + draw.normal(0, by_hour, 24 * days)
    chance = np.clip(1 / (1 + np.exp(-odds)) - loss, 0, 1)
    n = draw.poisson(rate, 24 * days)
    good = draw.binomial(n, chance)
    return [Bucket(day=i // 24, n=int(n[i]), total=int(good[i]), squares=int(good[i])) for i in range(24 * days)]


def alarm(seed: int, rate: float, noise: tuple[float, float], loss: float, days: int) -> int | None:
    """After how many hours there is an alarm."""
    draw = np.random.default_rng(seed)
    before = usual(hours(draw, REFERENCE_DAYS, rate, noise, 0.0), MARGIN)
    assert before is not None
    return watch(hours(draw, days, rate, noise, loss), before, limit_for(1)).alarm_at


def main() -> None:
    print("# The watch after a promotion: false alarms and delay\n")
    print(
        f"Chance of a good score {P}, margin {MARGIN}, {REFERENCE_DAYS} days of history. Made by `python -m bench.watch_rates`.\n"
    )
    print("## A week without a change (1,000 seeds; the aim: at most 1 %)\n")
    print("| scores an hour | noise by hour | by day | false alarms |\n|---|---|---|---|")
    for rate in (10, 50, 200):
        for noise in NOISE:
            wrong = sum(alarm(seed, rate, noise, 0.0, 7) is not None for seed in range(1000))
            print(f"| {rate} | {noise[0]} | {noise[1]} | {wrong / 10:.1f} % |", flush=True)
    print("\n## A loss (300 seeds, two weeks, noise by hour 0.15)\n")
    print("| scores an hour | loss | found | hours, median | 90th percentile |\n|---|---|---|---|---|")
    for rate in (10, 50, 200):
        for loss in (0.03, 0.05, 0.10):
            found = [at for seed in range(300) if (at := alarm(10_000 + seed, rate, NOISE[1], loss, 14)) is not None]
            told = [f"{np.percentile(found, q):.0f}" for q in (50, 90)]
            print(f"| {rate} | {100 * loss:.0f} points | {len(found) / 3:.0f} % | {told[0]} | {told[1]} |", flush=True)


if __name__ == "__main__":
    main()
