"""Families with one cause (row 1), and silent steps alone (row 7). Each gives the plan of a seed.

The effect is a loss of 4 to 14 points, or in one of five a gain of 4 to 8, with 2,500 to 7,500 scored calls after it, at 40, 80 or 120
calls an hour and 8 days before. Days differ (log odds 0.05) in every second history; hours always do (0.15).
"""

import math
from typing import Any

import numpy as np

from bench.drift.plans import DAY, Array, Change, Plan, mix_at, usual_chance, volume
from bench.drift.traffic import STRATA

SCORED_AFTER = 2_500
_HISTORY_DAYS = 8


def single(family: str, seed: int, *, rate: float | None = None, name: str = "") -> Plan:
    """A history with one cause: `family` is one of SINGLE; `name` is what it is called where that isn't its family."""
    name = name or family
    random = chances(name, seed)
    frame = Frame(name, seed, random, rate=rate, scored=SCORED_AFTER * float(random.uniform(1, 3)))
    at = frame.at
    if family == "mix":
        return frame.plan((Change(shows="inputs", at=at, mix=other_mix(random, frame)),), frozenset({"mix"}))
    effect = effects(random, frame.shares, size_of(random))
    change = {
        "prompt": Change(shows="version", at=at, effect=effect),
        "holdback": Change(shows="version", at=at, effect=effect),
        "model": Change(shows="model", at=at, effect=effect, provider=True),
        "fingerprint": fingerprint_change(random, at, frame.shares),
        "silent": Change(shows="nothing", at=at, effect=effect, provider=True),
        "local": Change(shows="nothing", at=at, effect=effect),
        "params": Change(shows="params", at=at, effect=effect),
        "scorer": Change(shows="scorer", at=at, effect=effect),
    }[family]
    frame.fingerprints |= family == "fingerprint"
    more = {"held_back": 0.1} if family == "holdback" else {}
    return frame.plan((change,), frozenset({change.cause}), wait=change.over, **more)


SINGLE = ("prompt", "model", "fingerprint", "silent", "local", "mix", "params", "scorer", "holdback")


class Frame:
    """What the traffic of a history is like, before anything changes in it."""

    def __init__(
        self, family: str, seed: int, random: np.random.Generator, *, rate: float | None = None, scored: float
    ) -> None:
        self.family, self.seed, self.random = family, seed, random
        self.rate = float(random.choice([40, 80, 120])) if rate is None else rate
        strata = int(random.integers(3, len(STRATA) + 1))
        self.shares = shares_of(random, strata)
        self.odds = tuple(random.uniform(0.9, 1.7, strata))
        self.weekday = int(random.integers(0, 7))
        self.since = float(DAY * _HISTORY_DAYS)
        # The question begins with the day of the change, or with the day before.
        self.at = self.since + DAY * float(random.choice([0, 0, 1])) + float(random.uniform(0, DAY))
        self.scored = scored
        self.noise = {
            "day_sd": float(random.choice([0.0, 0.05])),
            "daily": float(random.uniform(0, 0.2)),
            "weekend": float(random.uniform(-0.2, 0.2)),
        }
        self.fingerprints = bool(random.random() < 0.5)

    def plan(self, changes: tuple[Change, ...], causes: frozenset[str], *, wait: float = 0.0, **more: Any) -> Plan:
        """The plan with these changes; it goes on until `scored` scores came, counted from `wait` hours after the first."""
        given: dict[str, Any] = {
            "family": self.family, "seed": self.seed, "length": 0.0, "since": self.since, "rate": self.rate,
            "shares": self.shares, "odds": self.odds, "changes": changes, "causes": causes, "weekday": self.weekday,
            "fingerprints": self.fingerprints, **self.noise, **more,
        }  # fmt: skip
        draft = Plan(**given)
        given["length"] = self._until(draft, self.at + wait)
        return Plan(**given)

    def _until(self, plan: Plan, begin: float) -> float:
        """The whole hour by which enough scores are expected, with some to spare, and a day and a half at least."""
        hours = begin + np.arange(0, 24 * 60)
        enough = np.cumsum(plan.rate * plan.coverage * volume(plan, hours)) >= 1.08 * self.scored + 100
        return math.ceil(max(begin + int(np.argmax(enough)) + 1, self.at + 36))


def chances(family: str, seed: int) -> np.random.Generator:
    """Random numbers for the plan of a family's seed."""
    return np.random.default_rng([seed, *family.encode()])


def size_of(random: np.random.Generator, low: float = 0.04, high: float = 0.14) -> float:
    """An effect's size: a loss, or a gain in one of five, which has less room."""
    if random.random() < 0.2:
        return float(random.uniform(low, max(low, 0.08)))
    return -float(random.uniform(low, high))


def shares_of(random: np.random.Generator, strata: int) -> tuple[float, ...]:
    """Shares of strata, none below 8 %."""
    shares = 0.08 + (1 - 0.08 * strata) * random.dirichlet([2.0] * strata)
    return tuple(float(each) for each in shares)


def effects(random: np.random.Generator, shares: tuple[float, ...], mean: float) -> tuple[float, ...]:
    """Effects by stratum that differ and come to `mean` over the inputs."""
    uneven = random.uniform(0.6, 1.4, len(shares))
    return tuple(float(each) for each in mean * uneven / (uneven @ np.array(shares)))


def fingerprint_change(random: np.random.Generator, at: float, shares: tuple[float, ...]) -> Change:
    """A new fingerprint takes over most of the calls within hours; only its calls are different."""
    share = float(random.uniform(0.6, 0.95))
    effect = effects(random, shares, -abs(size_of(random)) / share)
    return Change(
        shows="fingerprint", at=at, over=float(random.uniform(0, 6)), share=share, effect=effect, provider=True
    )


def other_mix(random: np.random.Generator, frame: Frame, *, least: float = 0.04) -> tuple[float, ...]:
    """Other shares that move the total by `least` at least. The strata are moved apart where they are too much alike."""
    strata = len(frame.shares)
    odds = np.array(frame.odds)
    odds[int(np.argmax(odds))], odds[int(np.argmin(odds))] = 2.4, 0.1
    frame.odds = tuple(float(each) for each in odds)
    plain = Plan(
        family="",
        seed=0,
        length=0,
        since=0,
        rate=1,
        shares=frame.shares,
        odds=frame.odds,
        changes=(),
        causes=frozenset(),
    )
    usual: Array = usual_chance(plain, np.zeros(1))[0]
    old = mix_at(plain, np.zeros(1))[0]
    while True:
        new = np.array(shares_of(random, strata))
        if abs((new - old) @ usual) >= least:
            return tuple(float(each) for each in new)
