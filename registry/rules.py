"""What a protected channel asks for before a version gets onto it. Pure.

Knows rules and what speaks for a version. Refuses to know storage, roles (`registry.roles`), and how evidence is weighed
(`registry.policy`). A rule is about every way that puts a version on a channel, a share of a rollout and a scheduled move included;
only going back to what was live there before is free.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from registry.evidence import Evidence, lacking_evidence
from registry.policy import Policy

ANY = "*"
"""Stands for every prompt in a rule."""

_MAIL = re.compile(r"<([^<>]+)>")
_SAID_FOR = re.compile(r"\((?:key )?([^()]+)\)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a channel asks for; `slug` is "*" for every prompt. `holdback` is the usual share, in per cent, that stays back for
    a day after a promotion.

    With `evaluation` alone the newest verdict must have passed, whatever it was about; `policy` says what it must have shown, and on
    which dataset. `policies` are those of all rules that `strictest` made one of.
    """

    slug: str
    channel: str
    approvals: int = 0
    evaluation: bool = False
    holdback: float = 0.0
    policy: Policy | None = None
    policies: tuple[Policy, ...] = ()

    @property
    def asked(self) -> tuple[Policy, ...]:
        """Every policy that must hold, each of them once."""
        own = (self.policy,) if self.policy is not None and self.policy not in self.policies else ()
        return (*self.policies, *own)

    @property
    def protects(self) -> bool:
        """Whether it asks for anything."""
        return self.approvals > 0 or self.evaluation or bool(self.asked)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody by all the names that are known of them."""

    name: str
    identity: str
    names: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What speaks for a version on a channel: who made it and asked for it, who approved or rejected it, and its newest verdict
    (None: not evaluated).

    For policies: `evidence` by their `dataset` as it is written there (`support-golden`, `support-golden@3`), the version that is `live` on
    the channel now (None: nothing yet), and the time it is `now`, without which no evidence is young enough.
    """

    makers: Sequence[Person]
    approvers: Sequence[Person]
    rejected_by: Sequence[Person] = ()
    passed: bool | None = None
    evaluated_at: datetime | None = None
    evidence: Mapping[str, Evidence] = field(default_factory=dict)
    live: int | None = None
    now: datetime | None = None


def strictest(rules: Iterable[Rule], slug: str, channel: str) -> Rule:
    """All rules for a channel in one: a rule for one prompt adds to the rule for all, and never takes away from it.

    Every policy of theirs must hold; `evaluation` is asked for by a rule that has no policy to say it better.
    """
    mine = [rule for rule in rules if rule.channel == channel and rule.slug in (ANY, slug)]
    own = [rule for rule in mine if rule.slug == slug and rule.holdback] or mine
    return Rule(
        slug=slug,
        channel=channel,
        approvals=max((rule.approvals for rule in mine), default=0),
        evaluation=any(rule.evaluation and not rule.asked for rule in mine),
        holdback=max((rule.holdback for rule in own), default=0.0),
        policies=tuple(dict.fromkeys(policy for rule in mine for policy in rule.asked)),
    )


def counted(standing: Standing) -> list[Person]:
    """The approvals that count: one a person, and nobody's own work."""
    made = {name for person in standing.makers for name in (person.identity, *person.names)}
    counting: dict[str, Person] = {}
    for person in standing.approvers:
        if made.isdisjoint({person.identity, *person.names}):
            counting.setdefault(person.identity, person)
    return list(counting.values())


def missing(rule: Rule, standing: Standing, version: int) -> list[str]:
    """What is still asked for, a sentence each; empty when the version may go onto the channel."""
    sentences = []
    if rule.approvals:
        have = counted(standing)
        if standing.rejected_by:
            names = ", ".join(person.name for person in standing.rejected_by)
            sentences.append(
                f"{names} rejected version {version}: withdraw that request and ask anew, or save another version"
            )
        elif len(have) < rule.approvals:
            own = len(standing.approvers) - len(have)
            who = f" by {', '.join(person.name for person in have)}" if have else ""
            note = " (nobody's approval of their own work counts)" if own else ""
            sentences.append(
                f"version {version} has {len(have)} of {rule.approvals} approvals{who}{note}: ask for one with "
                f"`slugline prompt request {rule.slug} {version} --channel {rule.channel}`"
            )
    if rule.evaluation and rule.policy is None and not standing.passed:
        said = "has not been evaluated" if standing.passed is None else "failed its evaluation"
        sentences.append(f"version {version} {said}, and the channel asks for one that passed")
    for policy in rule.asked:
        found = standing.evidence.get(policy.dataset, Evidence())
        gate = f"slugline gate {rule.slug} --candidate {version} --channel {rule.channel}"
        sentences += lacking_evidence(
            policy, found, slug=rule.slug, version=version, live=standing.live, now=standing.now, gate=gate
        )
    return sentences


def names_of(*texts: str) -> frozenset[str]:
    """The names in what was said of somebody: `Ann <ann@example.org>`, `Ann (key ann)`; lower case."""
    found = set()
    for text in texts:
        for name in (text, *_MAIL.findall(text), *_SAID_FOR.findall(text), _MAIL.sub("", _SAID_FOR.sub("", text))):
            if name.strip():
                found.add(name.strip().lower().removeprefix("key "))
    return frozenset(found)
