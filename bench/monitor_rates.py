"""How often monitors cry wolf in a week without a change, all series of a family together, and how soon they find one.

`python -m bench.monitor_rates > bench/results/monitor-rates.md` (some minutes of one core; `--seeds 50` for a look).
The hours are simulated, with chances that move from hour to hour and from day to day (standard deviations in log odds). Nothing of the
detector is used to make them. Two weeks are learnt from.
"""

import argparse
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.monitors.calendar import PERIOD_HOURS
from evaluation.monitors.hours import Hours
from evaluation.monitors.series import Prepared, Side, evidence, prepare
from evaluation.watch.detector import limit_for

FIRST = 100 * PERIOD_HOURS
REFERENCE_DAYS = 14
FAMILY = 10
SEEDS_FROM = 600_000_000
"""Others than those that the detector was tried with while it was made."""

NOISE = tuple((hour, day) for hour in (0.0, 0.15, 0.3) for day in (0.0, 0.05, 0.1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """How hours come about: observations an hour, the chance, its noise by hour and day, a daily wave, another level at weekends, bursts
    (the share of hours in which a rare event is twenty times as likely), and users that keep their luck (so many calls each)."""

    rate: float
    p: float = 0.85
    by_hour: float = 0.0
    by_day: float = 0.0
    wave: float = 0.0
    weekend: float = 0.0
    bursts: float = 0.0
    calls_a_user: int = 1


def simulated(draw: np.random.Generator, setting: Setting, days: int, loss: float) -> Hours:
    """Hours of shares; the chance is less by `loss` once the reference is over."""
    hour = np.arange(24 * days)
    odds = np.full(24 * days, math.log(setting.p / (1 - setting.p)))
    odds += np.repeat(draw.normal(0, setting.by_day, days), 24) + draw.normal(0, setting.by_hour, 24 * days)
    odds += setting.wave * np.sin(2 * np.pi * hour / 24) + setting.weekend * np.isin(
        hour // 24 % 7, (2, 3)
    )  # FIRST is a Thursday
    odds += np.where(draw.random(24 * days) < setting.bursts, math.log(20), 0.0)
    chance = 1 / (1 + np.exp(-odds))
    chance[24 * REFERENCE_DAYS :] = np.clip(chance[24 * REFERENCE_DAYS :] - loss, 0, 1)
    n = draw.poisson(setting.rate / setting.calls_a_user, 24 * days)
    good = draw.binomial(n, chance) * setting.calls_a_user
    n = n * setting.calls_a_user
    there = n > 0
    share = good[there] / n[there]
    return Hours(hour=FIRST + hour[there].astype(float), n=n[there].astype(float), mean=share, squares=share.copy())


def prepared(seed: int, setting: Setting, days: int, loss: float) -> Prepared:
    """A series with its reference."""
    hours = simulated(np.random.default_rng(seed), setting, REFERENCE_DAYS + days, loss)
    found = prepare(hours, FIRST + 24 * (REFERENCE_DAYS + days))
    assert isinstance(found, Prepared), found
    return found


def alarm(seed: int, setting: Setting, *, family: int, margin: float, side: Side, days: int, loss: float) -> int | None:
    """After how many hours one series alarms, None if it doesn't."""
    one = prepared(seed, setting, days, loss)
    log = evidence(one, margin=margin, side=side, series=family).log
    over = np.flatnonzero(log >= math.log(limit_for(family)))
    return int(one.since.hour[over[0]] + one.since.width - FIRST - 24 * REFERENCE_DAYS) if len(over) else None


def families(settings: Sequence[Setting], seeds: Iterable[int], *, margin: float, side: Side) -> int:
    """In how many families, a series a setting, any series alarms in a week without a change. Each of `seeds` is a family's, a thousandth
    of its first series'."""
    wrong = 0
    for seed in seeds:
        draws = ((1_000 * seed + place, setting) for place, setting in enumerate(settings))
        wrong += any(
            alarm(each, setting, family=len(settings), margin=margin, side=side, days=7, loss=0.0) is not None
            for each, setting in draws
        )
    return wrong


def delays(setting: Setting, loss: float, seeds: int, *, family: int, margin: float, side: Side) -> str:
    """A row of the tables of delays."""
    found = [
        alarm(2 * SEEDS_FROM + seed, setting, family=family, margin=margin, side=side, days=14, loss=loss)
        for seed in range(seeds)
    ]
    sure = [math.inf if at is None else at for at in found]
    told = [np.percentile(sure, q, method="higher") for q in (50, 90)]
    share = 100 * sum(at is not None for at in found) / seeds
    return f"{share:.0f} % | " + " | ".join(
        "not within 14 days" if math.isinf(each) else f"{each:.0f}" for each in told
    )


def main(say: Callable[[str], None]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=1000)
    seeds = parser.parse_args().seeds
    few = max(seeds * 3 // 10, 10)
    first = SEEDS_FROM // 1_000
    say("# Monitors: false alarms and delay\n")
    say(
        f"Made by `python -m bench.monitor_rates --seeds {seeds}`. Two weeks of history; margin 1 point; a family is {FAMILY} series.\n"
    )
    say(
        "Drawn anew twice. With the variance between days at its estimate and half its standard error, 7 families of 1,000 had a "
        "false alarm in the last setting of noise; with three quarters of it, 5, 6 and 5 had one with noise by day of 0.1. Now the "
        "variance is the largest that the days allow.\n"
    )
    say(f"## A week without a change: families with a false alarm, of {seeds} (aim: at most 1 %)\n")
    say("Chance of a good score 0.85, half of the series with 50 scores an hour, half with 200. Noise in log odds.\n")
    say("| noise by hour | by day | families | share |\n|---|---|---|---|")
    for by_hour, by_day in NOISE:
        settings = [Setting(rate=rate, by_hour=by_hour, by_day=by_day) for rate in (50, 200)] * (FAMILY // 2)
        wrong = families(settings, range(first, first + seeds), margin=0.01, side="down")
        say(f"| {by_hour} | {by_day} | {wrong} | {100 * wrong / seeds:.1f} % |")
    say(f"\n## The same for what was not aimed at, of {few}\n")
    say("| what | families | share |\n|---|---|---|")
    for name, one, margin, side in _OTHERS:
        wrong = families([one] * FAMILY, range(first, first + few), margin=margin, side=side)
        say(f"| {name} | {wrong} | {100 * wrong / few:.1f} % |")
    for family, by_day in ((1, 0.0), (FAMILY, 0.0), (100, 0.0), (1, 0.1), (FAMILY, 0.1)):
        who = "one series alone" if family == 1 else f"a family of {family}"
        say(f"\n## A loss, {who} ({few} seeds, noise by hour 0.15, by day {by_day:g})\n")
        say("| scores an hour | loss | found in 14 days | hours, median | 90th percentile |\n|---|---|---|---|---|")
        for rate in (10, 50, 200):
            for loss in (0.03, 0.05, 0.10):
                one = Setting(rate=rate, by_hour=0.15, by_day=by_day)
                row = delays(one, loss, few, family=family, margin=0.01, side="down")
                say(f"| {rate} | {100 * loss:.0f} points | {row} |")
    say(f"\n## Errors, 0.1 % before, a family of {FAMILY} ({few} seeds, margin 0.5 points)\n")
    say("| calls an hour | after | found in 14 days | hours, median | 90th percentile |\n|---|---|---|---|---|")
    for rate in (10, 50, 200):
        for after in (0.01, 0.02, 0.05):
            row = delays(Setting(rate=rate, p=0.001), 0.001 - after, few, family=FAMILY, margin=0.005, side="up")
            say(f"| {rate} | {100 * after:.0f} % | {row} |")


_OTHERS: tuple[tuple[str, Setting, float, Side], ...] = (
    ("10 scores an hour, noise by hour 0.15, by day 0.1", Setting(rate=10, by_hour=0.15, by_day=0.1), 0.01, "down"),
    ("200 an hour, noise by day 0.2 (2.5 points)", Setting(rate=200, by_hour=0.15, by_day=0.2), 0.01, "down"),
    ("200 an hour, a daily wave of 0.5", Setting(rate=200, by_hour=0.15, wave=0.5), 0.01, "down"),
    ("200 an hour, weekends lower by 0.3", Setting(rate=200, by_hour=0.15, weekend=-0.3), 0.01, "down"),
    (
        "200 an hour, users of 10 calls that keep their luck",
        Setting(rate=200, by_hour=0.15, calls_a_user=10),
        0.01,
        "down",
    ),
    ("rises, 200 an hour, noise by hour 0.15, by day 0.1", Setting(rate=200, by_hour=0.15, by_day=0.1), 0.01, "up"),
    ("errors 0.1 %, 50 calls an hour", Setting(rate=50, p=0.001), 0.005, "up"),
    ("errors 0.1 %, 200 calls an hour", Setting(rate=200, p=0.001), 0.005, "up"),
    ("errors 0.1 %, 2,000 calls an hour, no margin", Setting(rate=2000, p=0.001), 0.0, "up"),
    ("errors 0.1 %, 200 calls an hour, no margin", Setting(rate=200, p=0.001), 0.0, "up"),
    (
        "errors 0.1 %, 200 an hour, twenty times as many in one hour of 50",
        Setting(rate=200, p=0.001, bursts=0.02),
        0.005,
        "up",
    ),
    ("errors 2 %, 200 an hour, noise by day 0.3", Setting(rate=200, p=0.02, by_hour=0.3, by_day=0.3), 0.005, "up"),
    ("true 99.5 % of the time, 50 an hour", Setting(rate=50, p=0.995, by_day=0.1), 0.01, "down"),
)


if __name__ == "__main__":
    main(lambda line: print(line, flush=True))
