"""Who acts on the registry, and what their roles let them do. Pure.

Knows roles, actions and scopes. Refuses to know how somebody proved who they are, and what a channel asks for beside a role
(`registry.rules`). Every write of the registry asks `permit` first, so that no door passes by.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Literal, get_args

from registry.errors import AuthChannelNotAllowedError, AuthPromptNotAllowedError, AuthRoleNotAllowedError

Role = Literal["viewer", "application", "author", "reviewer", "promoter", "admin"]
Action = Literal[
    "call",
    "read",
    "inspect",
    "score",
    "save",
    "request",
    "review",
    "evaluate",
    "monitor",
    "move",
    "archive",
    "protect",
    "share",
    "manage keys",
]

ROLES: tuple[str, ...] = get_args(Role)

ALLOWED: Mapping[Action, frozenset[str]] = {
    "call": frozenset({"application", "author", "reviewer", "promoter", "admin"}),
    "read": frozenset(ROLES),
    "inspect": frozenset({"viewer", "author", "reviewer", "promoter", "admin"}),
    "score": frozenset({"application", "author", "reviewer", "promoter", "admin"}),
    "save": frozenset({"author", "admin"}),
    "request": frozenset({"author", "reviewer", "promoter", "admin"}),
    "review": frozenset({"reviewer", "admin"}),
    "evaluate": frozenset({"author", "reviewer", "admin"}),
    "monitor": frozenset({"author", "reviewer", "promoter", "admin"}),
    "move": frozenset({"promoter", "admin"}),
    "archive": frozenset({"promoter", "admin"}),
    "protect": frozenset({"admin"}),
    "share": frozenset({"author", "reviewer", "promoter", "admin"}),
    "manage keys": frozenset({"admin"}),
}
"""Action to the roles that may do it. "read" is what a channel serves now; "inspect" is everything else there is to see."""

_IN_WORDS: Mapping[Action, str] = {
    "call": "call models",
    "read": "read prompts",
    "inspect": "see versions, history and quality",
    "score": "score calls",
    "save": "save versions",
    "request": "ask for a promotion or comment on one",
    "review": "approve or reject a promotion",
    "evaluate": "run evaluations",
    "monitor": "say what is watched, or acknowledge and mute alerts",
    "move": "move channels",
    "archive": "archive prompts",
    "protect": "change what a channel asks for",
    "share": "share pages by a link",
    "manage keys": "manage keys",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Somebody who acts.

    `name` is what the history shows, `identity` what tells two people apart (`key:k_4fQm0ZkT9xBa`, `user:ann`). `prompts` and
    `channels` are patterns; empty means all. `verified` is False where a name was only claimed, as on an open server on
    loopback: such a one can't approve. `aliases` are other names of the same person, such as a key's owner.
    """

    name: str
    identity: str
    roles: frozenset[str]
    prompts: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    verified: bool = True
    aliases: tuple[str, ...] = ()

    def may(self, action: Action) -> bool:
        """Whether one of the roles allows an action."""
        return not self.roles.isdisjoint(ALLOWED[action])

    def sees(self, slug: str) -> bool:
        """Whether a prompt is in scope."""
        return allows(self.prompts, slug)

    def on_behalf_of(self, said: str) -> Principal:
        """The same one, with a name that they gave beside their own."""
        return replace(self, name=f"{said} ({self.name})") if said else self


def owner(name: str, *, verified: bool = True) -> Principal:
    """Whoever works on the registry's own machine: every role, but held to every channel's rules like anybody."""
    return Principal(name=name, identity=f"user:{name}", roles=frozenset(ROLES), verified=verified)


def allows(patterns: Iterable[str], name: str) -> bool:
    """True if a scope lets a name pass: it is empty, names it, or has a pattern that fits."""
    return not patterns or name in patterns or any(fnmatchcase(name, pattern) for pattern in patterns)


def permit(by: Principal, action: Action, *, slug: str | None = None, channel: str | None = None) -> None:
    """Return if `by` may do an action on a prompt and channel.

    Raises AuthRoleNotAllowedError, AuthPromptNotAllowedError or AuthChannelNotAllowedError, which say what would be needed.
    """
    if not by.may(action):
        needed = [role for role in ROLES if role in ALLOWED[action]]
        have = ", ".join(role for role in ROLES if role in by.roles) or "none"
        raise AuthRoleNotAllowedError(
            f"{by.name} may not {_IN_WORDS[action]}: that takes the role {_either(needed)} (this one has {have})"
        )
    if slug is not None and not by.sees(slug):
        raise AuthPromptNotAllowedError(
            f"{by.name} may use the prompts {', '.join(by.prompts[:20])} only, not '{slug}'", param="prompt"
        )
    if channel is not None and not allows(by.channels, channel):
        raise AuthChannelNotAllowedError(
            f"{by.name} may use the channels {', '.join(by.channels[:20])} only, not '{channel}'", param="channel"
        )


def permit_version(by: Principal, slug: str, channel: str | None, standing_on: Iterable[str]) -> None:
    """Return if `by` may read a version: one on a channel of theirs, by whatever name it was asked for.

    `channel` is the one that was named, None where a number or an id was; `standing_on` are the channels that point to it now.
    """
    permit(by, "read", slug=slug)
    reached = (channel,) if channel is not None else tuple(standing_on)
    if by.channels and not by.may("inspect") and not any(allows(by.channels, name) for name in reached):
        said = f"not '{channel}'" if channel else "and none of them points to this version now"
        raise AuthChannelNotAllowedError(
            f"{by.name} may use the channels {', '.join(by.channels[:20])} only, {said}", param="version"
        )


def _either(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
