"""What happens in a history, as frozen values: the traffic of a prompt, the changes in it, and what they come to.

Knows chances and shares. Refuses to know rows, ClickHouse and the estimator that is judged.

1. The chance that an answer is accepted is a logistic function of the stratum, the hour, the day and the user; changes add to the chance
   itself, so that effects are differences of rates and add up in any order.
2. Times are hours since the history began (a Monday, 00:00 UTC, plus `weekday` days).
3. The true contribution of a cause to the difference of two windows follows from the plan alone: no row is counted for it.
"""

import hashlib
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import numpy as np

Array = np.ndarray
Shows = Literal["version", "model", "fingerprint", "params", "scorer", "inputs", "nothing"]
"""Where the calls themselves show a change; `nothing`: nowhere."""

EPOCH = datetime(2026, 8, 31, tzinfo=UTC)
DAY = 24
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Something that happens `at` an hour and reaches its last call `over` hours later.

    `effect` is what it adds to the chance in each stratum, `mix` the strata's new shares. `share` of the callers are reached when it is
    complete, always the same users where it is `sticky`. `provider`: prompts on the same model are hit as well.
    """

    shows: Shows
    at: float
    over: float = 0.0
    share: float = 1.0
    sticky: bool = False
    effect: tuple[float, ...] = ()
    mix: tuple[float, ...] = ()
    provider: bool = False

    @property
    def cause(self) -> str:
        """The cause that a report should call it."""
        if self.shows == "nothing":
            return "silent model" if self.provider else "local"
        named = {"version": "prompt", "params": "parameters", "inputs": "mix", "fingerprint": "model"}
        return named.get(self.shows, self.shows)

    def reached(self, hours: Array) -> Array:
        """The share of callers that it reaches at each of these times."""
        if self.over <= 0:
            return np.where(hours >= self.at, self.share, 0.0)
        return self.share * np.clip((hours - self.at) / self.over, 0.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The history of one prompt and of those that use the same model.

    - `rate`: calls an hour in the mean of a week. `odds`: log odds of acceptance by stratum, and `shares` of the strata.
    - `*_sd`: noise in log odds, from hour to hour, day to day, user to user. `daily`, `weekend`: how far they move with the clock.
    - `coverage` of the calls is scored, up to `late` hours later; `coverage_of_good` and `coverage_of_bad`, where they are given, from
      the first change on (or from `since`).
    - `held_back`: the share of users that stay on the version before. `pinned`: of calls that name the first version and get no other.
    - `together` is added to the chance of calls that both of the first two changes reach.
    - `since` is the hour that the question names. `causes` should be named; naming none is right as well where `none_will_do`; the
      stratum `disaster` should be shown to have lost.
    """

    family: str
    seed: int
    length: float
    since: float
    rate: float
    shares: tuple[float, ...]
    odds: tuple[float, ...]
    changes: tuple[Change, ...]
    causes: frozenset[str]
    weekday: int = 0
    hour_sd: float = 0.15
    day_sd: float = 0.0
    user_sd: float = 0.3
    daily: float = 0.1
    weekend: float = -0.1
    users: int = 300
    bursts: float = 0.0
    coverage: float = 0.9
    coverage_of_good: float | None = None
    coverage_of_bad: float | None = None
    late: float = 0.0
    held_back: float = 0.0
    pinned: float = 0.0
    together: float = 0.0
    fingerprints: bool = True
    controls: int = 2
    control_rate: float = 20.0
    disaster: int | None = None
    none_will_do: bool = False

    @property
    def begin(self) -> datetime:
        """When the history begins."""
        return EPOCH + timedelta(days=self.weekday)

    @property
    def prompt(self) -> str:
        """The slug that the question is about."""
        return f"{self.family}-{self.seed}"

    def time(self, hours: float) -> datetime:
        """An hour of the history as a time."""
        return self.begin + timedelta(hours=hours)

    def hours(self, time: datetime) -> float:
        """A time as an hour of the history."""
        return (time - self.begin).total_seconds() / 3600

    @property
    def first_change(self) -> float | None:
        """When the first change begins."""
        return min((change.at for change in self.changes), default=None)


def volume(plan: Plan, hours: Array) -> Array:
    """Expected calls of each hour in a mean of 1: quiet nights, weekends at six tenths."""
    day = (plan.weekday + hours // DAY) % 7
    shape = (1 + 0.6 * np.sin((hours % DAY - 8) / DAY * 2 * math.pi)) * np.where(day >= 5, 0.6, 1.0)
    return np.asarray(shape / (31 / 35))


def wobble(plan: Plan, hours: Array) -> Array:
    """How far the time of day and the weekend move the log odds."""
    day = (plan.weekday + hours // DAY) % 7
    return np.asarray(
        plan.daily * np.sin((hours % DAY - 3) / DAY * 2 * math.pi) + np.where(day >= 5, plan.weekend, 0.0)
    )


def mix_at(plan: Plan, hours: Array) -> Array:
    """The strata's expected shares at each of these times, a row a time."""
    shares = np.tile(np.array(plan.shares), (hours.size, 1))
    for change in plan.changes:
        if change.mix:
            moved = change.reached(hours)[:, None]
            shares = shares * (1 - moved) + np.array(change.mix) * moved
    return np.asarray(shares)


def usual_chance(plan: Plan, hours: Array) -> Array:
    """The expected chance by time and stratum before any change, over the noise of hours, days and users."""
    spread = math.sqrt(plan.hour_sd**2 + plan.day_sd**2 + plan.user_sd**2)
    odds = np.array(plan.odds)[None, :] + wobble(plan, hours)[:, None]
    chance = 1 / (1 + np.exp(-(odds[:, :, None] + spread * _NODES)))
    return np.asarray((chance * _WEIGHTS).sum(axis=2) / _WEIGHTS.sum())


def draw(plan: Plan, what: str) -> np.random.Generator:
    """Random numbers of their own for each family, seed and purpose, whatever else is drawn."""
    key = hashlib.sha256(f"{plan.family}/{plan.seed}/{what}".encode()).digest()
    return np.random.default_rng(np.frombuffer(key, dtype=np.uint32))


def user_weights(plan: Plan) -> Array:
    """How often each user calls: few call often, many seldom."""
    often = 1 / np.arange(1, plan.users + 1) ** 0.8
    return np.asarray(often / often.sum())


def user_luck(plan: Plan, what: str) -> Array:
    """A number from 0 to 1 for each user that stays the same: whoever is below a share belongs to it."""
    return draw(plan, f"luck {what}").random(plan.users)


def calls_reached(plan: Plan, change: Change, hours: Array) -> Array:
    """The expected share of calls that a change reaches at each time; users that are held back or pinned count."""
    reached = change.reached(hours)
    weight = user_weights(plan)
    if change.sticky:
        luck = user_luck(plan, "change")
        reached = (weight[None, :] * (luck[None, :] < reached[:, None])).sum(axis=1)
    if change.shows == "version":
        stays = float(weight[user_luck(plan, "held back") < plan.held_back].sum())
        reached = reached * (1 - plan.pinned) * (1 - stays)
    return np.asarray(reached)


def contribution(plan: Plan, cause: str, before: tuple[float, float], after: tuple[float, float]) -> float:
    """What a cause truly adds to the chance of `after` against `before`, both spans of hours.

    Behaviour is weighed by the inputs of each window, and the mix by the behaviour before. Not for changes that depend on each other.
    """
    sides = []
    for since, until in (before, after):
        hours = np.arange(math.floor(since), math.ceil(until), 0.25) + 0.125
        hours = hours[(hours >= since) & (hours < until)]
        weight = volume(plan, hours)
        sides.append((hours, weight / weight.sum(), mix_at(plan, hours)))
    if cause == "mix":
        hours, weight, mix = sides[0]
        old = (usual_chance(plan, hours) * weight[:, None]).sum(axis=0)
        return float(((sides[1][1] @ sides[1][2]) - (weight @ mix)) @ old)
    total = 0.0
    for change in plan.changes:
        if change.cause != cause or not change.effect:
            continue
        parts = [
            float((weight * calls_reached(plan, change, hours) * (mix @ np.array(change.effect))).sum())
            for hours, weight, mix in sides
        ]
        total += parts[1] - parts[0]
    return total
