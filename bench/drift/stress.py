"""Families beyond the table: what real traffic does to an analysis. Each is reported on its own, against the aim of the row it is like.

Slow ramps, strong weeks, noisy hours and days, failures that stick to some users, few users with moods of their own, scores that come late
or only for some answers, little and much traffic.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.drift.plans import Change, Plan, Shows
from bench.drift.single import Frame, chances, effects, single, size_of

NOTHING: frozenset[str] = frozenset()
Make = Callable[[str, int, np.random.Generator, Frame], Plan]


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """How a family's plan is made; `about` says what is in it, `aim` the share that should be right."""

    make: Make
    about: str
    aim: float = 0.95


def stress(family: str, seed: int) -> Plan:
    """A history of one of STRESS."""
    random = chances(family, seed)
    frame = Frame(family, seed, random, scored=2_500)
    return STRESS[family].make(family, seed, random, frame)


def _one(shows: Shows, *, provider: bool = False, hours: tuple[float, float] = (0.0, 0.0), **more: Any) -> Make:
    """One change of 5 to 14 points, that takes this many hours to be complete."""

    def make(family: str, seed: int, random: np.random.Generator, frame: Frame) -> Plan:
        over = float(random.uniform(*hours))
        effect = effects(random, frame.shares, size_of(random, 0.05))
        change = Change(shows=shows, at=frame.at, over=over, effect=effect, provider=provider)
        wait = over + float(more.get("late", 0.0))
        return frame.plan((change,), frozenset({change.cause}), wait=wait, **more)

    return make


def _nothing(**more: Any) -> Make:
    """No change."""

    def make(family: str, seed: int, random: np.random.Generator, frame: Frame) -> Plan:
        return frame.plan((), NOTHING, **more)

    return make


def _sticky(share: float) -> Make:
    """A provider's failure that takes 60 points from this share of users, the same ones all along, after two days of growing."""

    def make(family: str, seed: int, random: np.random.Generator, frame: Frame) -> Plan:
        change = Change(
            shows="nothing",
            at=frame.at,
            over=48,
            share=share,
            sticky=True,
            effect=(-0.6,) * len(frame.shares),
            provider=True,
        )
        small = share * 0.6 < 0.04
        return frame.plan((change,), frozenset({"silent model"}), wait=48, none_will_do=small, users=1000, user_sd=0.2)

    return make


def _at_rate(family_like: str, rate: float) -> Make:
    """As in row 1, with this many calls an hour."""

    def make(family: str, seed: int, random: np.random.Generator, frame: Frame) -> Plan:
        return single(family_like, seed, rate=rate, name=family)

    return make


STRESS: Mapping[str, Family] = {
    "ramp-silent": Family(make=_one("nothing", provider=True, hours=(48, 120)), about="a provider's change over 2 to 5 days"),
    "ramp-local": Family(make=_one("nothing", hours=(48, 120)), about="a local change over 2 to 5 days"),
    "ramp-model": Family(make=_one("model", provider=True, hours=(24, 72)), about="a new model taken in over 1 to 3 days"),
    "week-prompt": Family(make=_one("version", weekend=-0.5, daily=0.4), about="a promotion, weekends 9 points lower"),
    "week-silent": Family(make=_one("nothing", provider=True, weekend=-0.5, daily=0.4), about="a silent change, weekends 9 points lower"),
    "noisy-prompt": Family(make=_one("version", hour_sd=0.3, day_sd=0.1), about="a promotion, noise by hour 0.3, by day 0.1"),
    "noisy-silent": Family(
        make=_one("nothing", provider=True, hour_sd=0.3, day_sd=0.1), about="a silent change, noise by hour 0.3, by day 0.1"
    ),
    "noisy-null": Family(make=_nothing(hour_sd=0.3, day_sd=0.1), about="nothing, noise by hour 0.3, by day 0.1", aim=0.99),
    "noisier-null": Family(make=_nothing(hour_sd=0.3, day_sd=0.2), about="nothing, noise by hour 0.3, by day 0.2", aim=0.99),
    "users-prompt": Family(
        make=_one("version", users=60, user_sd=1.0, bursts=1.0), about="a promotion, 60 users who differ by 1.0 and come in bursts"
    ),
    "users-null": Family(
        make=_nothing(users=60, user_sd=1.0, bursts=1.0), about="nothing, 60 users who differ by 1.0 and come in bursts", aim=0.99
    ),
    "late-prompt": Family(make=_one("version", late=72.0), about="a promotion, scores up to 3 days late"),
    "late-silent": Family(make=_one("nothing", provider=True, late=72.0), about="a silent change, scores up to 3 days late"),
    "coverage-null": Family(
        make=_nothing(coverage_of_good=0.3, coverage_of_bad=0.3), about="nothing, a third of the scores from one day on", aim=0.99
    ),
    "coverage-chosen": Family(
        make=_nothing(coverage_of_good=0.3, coverage_of_bad=0.9), about="nothing, good answers are scored less from one day on", aim=0.99
    ),
    "sticky-16": Family(make=_sticky(0.16), about="16 % of users lose 60 points (9.6 in all)"),
    "sticky-8": Family(make=_sticky(0.08), about="8 % of users lose 60 points (4.8 in all)"),
    "sticky-4": Family(make=_sticky(0.04), about="4 % of users lose 60 points (2.4 in all): finding nothing is right, too"),
    "sticky-1": Family(make=_sticky(0.01), about="1 % of users lose 60 points (0.6 in all): finding nothing is right, too"),
    "low-prompt": Family(make=_at_rate("prompt", 40.0), about="a promotion at 40 calls an hour"),
    "low-silent": Family(make=_at_rate("silent", 40.0), about="a silent change at 40 calls an hour"),
    "high-prompt": Family(make=_at_rate("prompt", 200.0), about="a promotion at 200 calls an hour"),
    "high-silent": Family(make=_at_rate("silent", 200.0), about="a silent change at 200 calls an hour"),
}  # fmt: skip
