"""Several versions on one channel at once: which of them a caller gets. Pure.

A channel has one main version and may have arms beside it: a rollout (`stable`: 5 % version 8) or a hold-back (5 % stay on
the version before). Who gets which is decided by weighted rendezvous hashing of a key that stays the same for one session, user,
trace or variable: each version draws a number from (prompt, version, key), and the highest draw, weighted, wins. So the same key gets
the same version on every worker and after a restart; a share that grows at the main version's cost takes callers from that and moves
nobody else; and whoever had a version while it was rolled out keeps it when it is promoted. A further arm beside others moves hardly
more callers than its own share
(https://www.snia.org/sites/default/files/SDC15_presentations/dist_sys/Jason_Resch_New_Consistent_Hashings_Rev.pdf).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Any, Literal

import msgspec

from registry.errors import PromptInvalidError

ArmKind = Literal["rollout", "holdback"]
Variant = Literal["", "main", "rollout", "holdback"]

STICKY = ("session", "user", "trace")
"""What a share can be bound to, beside a variable by name; in this order where the one that was chosen isn't there."""

_VARIABLE = re.compile(r"variable:([A-Za-z_][A-Za-z0-9_]{0,99})")
_MOST_ARMS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """A version beside a channel's main one. `share` is per cent of callers; after `until` the arm is over."""

    version: int
    share: float
    kind: ArmKind = "rollout"
    until: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        """As it is stored and shown."""
        ends = {"until": self.until.isoformat()} if self.until else {}
        return {"version": self.version, "share": self.share, "kind": self.kind, **ends}


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """What a channel serves beside its main version, and what callers are told apart by."""

    arms: tuple[Arm, ...] = ()
    sticky: str = "session"

    def at(self, now: datetime) -> tuple[Arm, ...]:
        """The arms that aren't over."""
        return tuple(arm for arm in self.arms if arm.until is None or now < arm.until)


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """What a call is told apart by from others. Empty text: not known."""

    session: str = ""
    user: str = ""
    trace: str = ""
    variables: Mapping[str, Any] = field(default_factory=dict)

    def key(self, sticky: str) -> str:
        """The text that a share is bound to: what `sticky` names, else session, user, trace; "" if nothing is known."""
        if (named := _VARIABLE.fullmatch(sticky)) and (value := self.variables.get(named[1])) not in (None, ""):
            return f"variable {value}"
        known = {"session": self.session, "user": self.user, "trace": self.trace}
        for name in (sticky, *STICKY):
            if known.get(name):
                return f"{name} {known[name]}"
        return ""


def arm_of(data: Mapping[str, Any]) -> Arm:
    """An arm from its stored form."""
    until = data.get("until")
    return Arm(
        version=data["version"],
        share=data["share"],
        kind=data.get("kind", "rollout"),
        until=datetime.fromisoformat(until) if until else None,
    )


def choose(slug: str, main: int, split: Split, key: str, now: datetime) -> tuple[int, Variant]:
    """The version that a caller gets, and as which part of the split; "" where the channel isn't split.

    A caller without a key gets the main version: nothing tells them apart, and they shouldn't see versions change to and fro.
    """
    arms = split.at(now)
    if not arms:
        return main, ""
    if not key:
        return main, "main"
    rest = 100.0 - sum(arm.share for arm in arms)
    weighted: list[tuple[float, int, Variant]] = [(rest, main, "main"), *((a.share, a.version, a.kind) for a in arms)]
    best = max(weighted, key=lambda each: _draw(slug, each[1], key, each[0]))
    return best[1], best[2]


def check_split(arms: Sequence[Arm], main: int, sticky: str, check: Callable[[int], int]) -> Split:
    """The split if it makes sense; PromptInvalidError says what doesn't. `check` raises for a version that isn't there."""
    if len(arms) > _MOST_ARMS:
        raise PromptInvalidError(f"a channel serves at most {_MOST_ARMS} versions beside its own", param="arms")
    if sticky not in STICKY and not _VARIABLE.fullmatch(sticky):
        raise PromptInvalidError(
            f"'sticky' is session, user, trace, or variable:NAME for a variable of the prompt; not {sticky!r}",
            param="sticky",
        )
    seen = {main}
    for arm in arms:
        check(arm.version)
        if arm.version in seen:
            said = "is the channel's own version" if arm.version == main else "stands there twice"
            raise PromptInvalidError(f"version {arm.version} {said}: its share is what the others leave", param="arms")
        seen.add(arm.version)
        check_share(arm.share, "share")
    total = sum(arm.share for arm in arms)
    if total >= 100:
        raise PromptInvalidError(
            f"the shares add up to {total:g} %, and nothing is left for version {main}: promote the version that should "
            "have all of it",
            param="arms",
        )
    return Split(arms=tuple(arms), sticky=sticky)


def check_share(share: float, param: str) -> float:
    """The share itself if it is more than nothing and less than everything."""
    if not 0.01 <= share <= 99.99:  # also false for NaN
        raise PromptInvalidError(f"'{param}' is per cent of callers, from 0.01 to 99.99; not {share:g}", param=param)
    return share


def _draw(slug: str, version: int, key: str, weight: float) -> float:
    digest = blake2b(f"{slug}\0{version}\0{key}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    uniform = (int.from_bytes(digest, "big") + 0.5) / 2**64
    return -weight / math.log(uniform) if uniform < 1.0 else math.inf
