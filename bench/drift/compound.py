"""Families with several causes and with decoys (row 2), those that can't be told apart (row 3), and those without any change (row 4)."""

import math
from dataclasses import replace
from typing import Any

import numpy as np

from bench.drift.plans import DAY, Change, Plan
from bench.drift.single import Frame, chances, effects, fingerprint_change, other_mix, size_of

SCORED_AFTER = 13_000
HIGH, LOW = 200.0, 40.0


def compound(family: str, seed: int, *, rate: float = HIGH) -> Plan:
    """A history with two causes, or with one and something beside it that did nothing: `family` is one of COMPOUND."""
    name = family if rate == HIGH else f"{family}-{rate:.0f}"
    random = chances(name, seed)
    frame = Frame(name, seed, random, rate=rate, scored=SCORED_AFTER)
    first = frame.at
    second = first + float(random.uniform(24, 60))
    effect, other = (effects(random, frame.shares, size_of(random, 0.05, 0.13)) for _ in range(2))
    version = Change(shows="version", at=first, effect=effect)
    model = Change(shows="model", at=second, effect=other, provider=True)
    if family == "prompt-and-model":
        if random.random() < 0.5:
            version, model = _exchanged(version, model)
        return frame.plan((version, model), frozenset({"prompt", "model"}), wait=second - first)
    if family == "prompt-and-mix":
        mix = Change(shows="inputs", at=second, mix=other_mix(random, frame, least=0.05))
        return frame.plan((version, mix), frozenset({"prompt", "mix"}), wait=second - first)
    if family == "hidden-disaster":
        return _disaster(frame, random)
    if family == "interaction":
        return _interaction(frame, random, second)
    if family == "decoy-rename":
        idle = Change(shows="model", at=second, provider=True)
        changes = (version, idle) if random.random() < 0.5 else _exchanged(version, idle)
        return frame.plan(changes, frozenset({"prompt"}), wait=second - first)
    guilty = {
        "decoy-promotion": model,
        "decoy-promotion-silent": Change(shows="nothing", at=second, effect=other, provider=True),
        "decoy-promotion-fingerprint": fingerprint_change(random, second, frame.shares),
    }[family]
    frame.fingerprints |= family == "decoy-promotion-fingerprint"
    idle = Change(shows="version", at=first)
    changes = (idle, guilty) if random.random() < 0.7 else _exchanged(idle, guilty)
    return frame.plan(changes, frozenset({guilty.cause}), wait=second - first)


COMPOUND = (
    "prompt-and-model", "prompt-and-mix", "hidden-disaster", "interaction", "decoy-promotion", "decoy-promotion-silent",
    "decoy-promotion-fingerprint", "decoy-rename",
)  # fmt: skip


def _exchanged(one: Change, other: Change) -> tuple[Change, Change]:
    """The two with their times exchanged."""
    return replace(one, at=other.at), replace(other, at=one.at)


def _disaster(frame: Frame, random: np.random.Generator) -> Plan:
    """A new model is a disaster for one kind of input and better for the rest, and that kind becomes rare at about the same time."""
    frame.shares, frame.odds = (0.75, 0.25), (2.6, 0.6)
    loss, gain = -float(random.uniform(0.5, 0.7)), float(random.uniform(0.2, 0.28))
    model = Change(shows="model", at=frame.at, effect=(loss, gain), provider=True)
    rare = float(random.uniform(0.1, 0.14))
    mix = Change(shows="inputs", at=frame.at + float(random.uniform(-6, 6)), mix=(rare, 1 - rare))
    return frame.plan(
        (model, mix), frozenset({"model", "mix"}), disaster=0, hour_sd=0.1, user_sd=0.2, daily=0.05, weekend=0.0
    )


def _interaction(frame: Frame, random: np.random.Generator, second: float) -> Plan:
    """The new version is a little worse, the new model too, and the two together much worse; 30 % stay with the old version throughout."""
    effect, other = (effects(random, frame.shares, -float(random.uniform(0.05, 0.08))) for _ in range(2))
    version = Change(shows="version", at=frame.at, effect=effect)
    model = Change(shows="model", at=second, effect=other, provider=True)
    together = -float(random.uniform(0.15, 0.25))
    causes = frozenset({"prompt", "model"})
    return frame.plan((version, model), causes, wait=second - frame.at, pinned=0.3, together=together)


def not_separable(seed: int) -> Plan:
    """A promotion and a new model within half an hour: which of them did it, no traffic tells."""
    family = "same-hour"
    random = chances(family, seed)
    frame = Frame(family, seed, random, scored=2_500)
    size, part = size_of(random, 0.06, 0.14), float(random.uniform(0, 1))
    gap = float(random.uniform(-0.5, 0.5))
    version = Change(shows="version", at=frame.at, effect=effects(random, frame.shares, size * part))
    model = Change(
        shows="model", at=frame.at + gap, effect=effects(random, frame.shares, size * (1 - part)), provider=True
    )
    return frame.plan((version, model), frozenset({"prompt or model"}))


def null(family: str, seed: int) -> Plan:
    """A history in which nothing moves the scores: `family` is one of NULL."""
    random = chances(family, seed)
    frame = Frame(family, seed, random, scored=2_500)
    changes: tuple[Change, ...] = ()
    more: dict[str, Any] = {}
    if family == "null-promotion":
        changes = (Change(shows="version", at=frame.at),)
    elif family == "null-rename":
        changes = (Change(shows="model", at=frame.at, provider=True),)
    elif family == "null-week":
        more = {"weekend": float(random.choice([-0.5, 0.5])), "daily": 0.4}
    # The question begins at a day that has nothing to it.
    frame.since = math.floor(frame.at / DAY) * DAY
    return frame.plan(changes, frozenset(), **more)


NULL = ("null", "null-promotion", "null-rename", "null-week")
