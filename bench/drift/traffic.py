"""Calls of a plan: every one with its time, version, model, user, stratum and score, the same for the same plan.

Knows how a plan becomes columns. Refuses to know ClickHouse and what anybody makes of the calls.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from bench.drift.plans import DAY, Array, Change, Plan, draw, mix_at, user_luck, user_weights, volume, wobble

STRATA = ("billing", "delivery", "returns", "account", "other-topic")


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """Calls of one prompt, a column each, in order of time.

    `at` is in milliseconds since 1970. Columns of names are codes into `names`. `value` is 0 or 1, -1 where a call has no score;
    `scored_at` is when the score came.
    """

    prompt: str
    names: Mapping[str, tuple[str, ...]]
    at: Array
    version: Array
    channel: Array
    variant: Array
    model: Array
    fingerprint: Array
    params: Array
    stratum: Array
    user: Array
    input_tokens: Array
    output_tokens: Array
    duration_ms: Array
    value: Array
    scorer_version: Array
    scored_at: Array
    ids: bytes

    def __len__(self) -> int:
        return int(self.at.size)


def calls_of(plan: Plan) -> list[Calls]:
    """The calls of the prompt and of its controls."""
    return [
        _calls(plan, plan.prompt, draw(plan, "subject")),
        *(
            _calls(_control(plan, number), control_name(plan, number), draw(plan, f"control {number}"))
            for number in range(plan.controls)
        ),
    ]


def control_name(plan: Plan, number: int) -> str:
    """The slug of another prompt on the same model."""
    return f"{plan.prompt}-control-{number}"


def _control(plan: Plan, number: int) -> Plan:
    """A prompt on the same model: its own inputs, users and noise, and of the changes only those of the provider, with other effects."""
    chance, strata = draw(plan, f"control plan {number}"), len(plan.shares)
    changes = tuple(
        replace(change, effect=_effect_elsewhere(change, chance, strata)) for change in plan.changes if change.provider
    )
    return replace(
        plan,
        rate=plan.control_rate,
        odds=tuple(chance.uniform(0.6, 1.8, strata)),
        changes=changes,
        pinned=0.0,
        held_back=0.0,
        together=0.0,
        coverage_of_good=None,
        coverage_of_bad=None,
    )


def _effect_elsewhere(change: Change, chance: np.random.Generator, strata: int) -> tuple[float, ...]:
    """What a provider's change does to another prompt: of a like size, mostly for the worse; nothing where it does nothing here."""
    if not change.effect:
        return ()
    size = abs(float(np.mean(change.effect)))
    sign = 1.0 if chance.random() < 0.25 else -1.0
    return (sign * size * float(chance.uniform(0.7, 1.3)),) * strata


def _calls(plan: Plan, prompt: str, random: np.random.Generator) -> Calls:
    hours = np.arange(int(np.ceil(plan.length)))
    counts = random.poisson(plan.rate * volume(plan, hours.astype(float)))
    which = np.repeat(hours, counts)
    at = which + random.random(which.size)
    at = np.sort(at[at < plan.length])
    n, hour = at.size, at.astype(int)
    user = _users(plan, random, hour)
    stratum = _pick(random, mix_at(plan, at))
    chance = _usual(plan, random, hour, stratum, user)
    luck_of_user = user_luck(plan, "change")
    stays = user_luck(plan, "held back") < plan.held_back
    is_pinned = random.random(n) < plan.pinned
    version = np.ones(n, dtype=int)
    variant = np.zeros(n, dtype=int)
    model, params, scorer_version = (np.zeros(n, dtype=int) for _ in range(3))
    fingerprint = _pick(random, np.tile(_fingerprint_shares(random), (n, 1)))
    longer = np.ones(n)
    met: list[Array] = []
    for change in plan.changes:
        luck = luck_of_user[user] if change.sticky else random.random(n)
        reached = luck < change.reached(at)
        if change.shows == "version":
            variant = np.where(reached & (plan.held_back > 0), np.where(stays[user], 2, 1), variant)
            reached &= ~stays[user] & ~is_pinned
            version = np.where(reached, version + 1, version)
        elif change.shows == "model":
            model = np.where(reached, 1, model)
            fingerprint = np.where(reached, 4 + fingerprint % 3, fingerprint)
        elif change.shows == "fingerprint":
            fingerprint = np.where(reached, 7, fingerprint)
        elif change.shows == "params":
            params = np.where(reached, 1, params)
        elif change.shows == "scorer":
            scorer_version = np.where(reached, 1, scorer_version)
        if change.provider and change.effect:
            longer = np.where(reached, longer * float(random.uniform(0.8, 1.25)), longer)
        if change.effect:
            chance = chance + np.where(reached, np.asarray(change.effect)[stratum], 0.0)
        met.append(reached)
    if plan.together:
        chance = chance + np.where(met[0] & met[1], plan.together, 0.0)
    good = random.random(n) < np.clip(chance, 0.005, 0.995)
    value, scored_at = _scores(plan, random, at, good)
    tokens = np.exp(random.normal(5.0 + 0.2 * stratum, 0.5)) * longer
    world = f"{plan.family}-{plan.seed}"
    epoch = plan.begin.timestamp() * 1000
    return Calls(
        prompt=prompt,
        names={
            "channel": ("stable", "pinned"),
            "variant": ("", "main", "holdback"),
            "model": (f"m-{world}-0513", f"m-{world}-1002"),
            "fingerprint": tuple(f"fp_{world}_{number}" for number in range(8)) if plan.fingerprints else ("",) * 8,
            "params": ("a1", "b2"),
            "stratum": STRATA,
            "scorer_version": ("1", "2"),
        },
        at=np.round(epoch + at * 3_600_000).astype(np.int64),
        version=version,
        channel=is_pinned.astype(int),
        variant=variant,
        model=model,
        fingerprint=fingerprint,
        params=params,
        stratum=stratum,
        user=user,
        input_tokens=np.exp(random.normal(5.5 + 0.1 * stratum, 0.6)).astype(int),
        output_tokens=tokens.astype(int),
        duration_ms=np.round(300 + tokens * random.gamma(4.0, 2.5, n), 1),
        value=value,
        scorer_version=scorer_version,
        scored_at=np.round(epoch + scored_at * 3_600_000).astype(np.int64),
        ids=random.bytes(16 * n),
    )


def _users(plan: Plan, random: np.random.Generator, hour: Array) -> Array:
    """Who calls; with `bursts` each of them more on some days than on others."""
    often = user_weights(plan)
    days = int(hour.max(initial=0)) // DAY + 1
    found = np.empty(hour.size, dtype=int)
    for day in range(days):
        weight = often * np.exp(random.normal(0, plan.bursts, plan.users)) if plan.bursts else often
        here = hour // DAY == day
        found[here] = random.choice(plan.users, size=int(here.sum()), p=weight / weight.sum())
    return found


def _usual(plan: Plan, random: np.random.Generator, hour: Array, stratum: Array, user: Array) -> Array:
    """Each call's chance before any change."""
    span = int(np.ceil(plan.length)) + 1
    by_hour = (
        random.normal(0, plan.hour_sd, span) + np.repeat(random.normal(0, plan.day_sd, span // DAY + 1), DAY)[:span]
    )
    by_user = random.normal(0, plan.user_sd, plan.users)
    odds = np.array(plan.odds)[stratum] + wobble(plan, hour.astype(float)) + by_hour[hour] + by_user[user]
    return np.asarray(1 / (1 + np.exp(-odds)))


def _scores(plan: Plan, random: np.random.Generator, at: Array, good: Array) -> tuple[Array, Array]:
    """Values (-1: none) and when they come; what comes after the end of the history isn't there yet."""
    wanted = np.full(at.size, plan.coverage)
    if plan.coverage_of_good is not None and plan.coverage_of_bad is not None:
        since = plan.since if plan.first_change is None else plan.first_change
        wanted = np.where(at >= since, np.where(good, plan.coverage_of_good, plan.coverage_of_bad), wanted)
    scored_at = at + random.random(at.size) * plan.late
    scored = (random.random(at.size) < wanted) & (scored_at < plan.length)
    return np.where(scored, good.astype(int), -1), scored_at


def _fingerprint_shares(random: np.random.Generator) -> Array:
    """A provider's machines: three answer now, in shares that stay."""
    shares = random.dirichlet([4.0, 2.0, 2.0])
    return np.concatenate([shares, np.zeros(5)])


def _pick(random: np.random.Generator, shares: Array) -> Array:
    """A code for each row of shares."""
    edges: Array = np.cumsum(shares, axis=1)
    picked = (random.random((len(shares), 1)) * edges[:, -1:] > edges).sum(axis=1)
    return np.asarray(np.minimum(picked, shares.shape[1] - 1))
