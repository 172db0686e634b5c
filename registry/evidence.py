"""Whether a version's newest evaluation is evidence for putting it on a channel now, and what it lacks. Pure.

Knows when evidence is about something else than what is asked: another dataset version, another baseline, another day. Refuses to know
what the facts must say (`registry.policy`) and where they come from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from registry import facts as evidence
from registry.errors import PromptInvalidError
from registry.policy import Policy, decide


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A version's newest verdict on one dataset: its facts, when they were made (None: not evaluated), and the dataset's newest number
    (None: there is no such dataset). `tries` counts it and those before it about the same that did not pass."""

    facts: Mapping[str, Any] | None = None
    at: datetime | None = None
    newest: int | None = None
    tries: int = 1


def lacking_evidence(
    policy: Policy, found: Evidence, *, slug: str, version: int, live: int | None, now: datetime | None, gate: str
) -> list[str]:
    """What is still asked for by a policy, a sentence each; empty when it holds. `gate` is the command that would evaluate again."""
    if found.newest is None:
        return [
            f"the channel asks for an evaluation on dataset '{policy.dataset_name}', which doesn't exist: save it with "
            f"`slugline dataset save {policy.dataset_name} FILE`, or change the channel's policy"
        ]
    if found.facts is None or found.at is None:
        return [
            f"version {version} has not been evaluated on {policy.dataset}, and the channel asks for that: run `{gate}`"
        ]
    try:
        stale = list(_stale(policy, found, found.facts, slug=slug, version=version, live=live, now=now))
        decision = decide(policy, found.facts, tries=found.tries)
        about = f"{evidence.text(found.facts, 'dataset')}@{evidence.count(found.facts, 'dataset_number')}"
    except PromptInvalidError as error:
        return [f"{error.message}: run `{gate}`"]
    said = [f"{sentence}: run `{gate}`" for sentence in stale]
    if decision.outcome == "fail":
        said.append(f"version {version} failed its evaluation on {about}: {'; '.join(decision.reasons)}")
    elif decision.outcome == "not_enough_cases":
        said.append(f"the evaluation of version {version} on {about} can't tell: {'; '.join(decision.reasons)}")
    return said


def _stale(
    policy: Policy,
    found: Evidence,
    facts: Mapping[str, Any],
    *,
    slug: str,
    version: int,
    live: int | None,
    now: datetime | None,
) -> Iterator[str]:
    tried = _target(facts, "candidate")
    if tried is None or tried != (slug, version, None):
        yield f"the evaluation is about {_named(tried)}, not about {slug}@{version}"
    number, wanted = evidence.count(facts, "dataset_number"), policy.dataset_number or found.newest
    if number != wanted and evidence.text(facts, "dataset") == policy.dataset_name:
        name = policy.dataset_name
        moved = (
            f"it is {name}@{wanted} now" if policy.dataset_number is None else f"the policy asks for {name}@{wanted}"
        )
        yield f"version {version} was evaluated on {name}@{number}, and {moved}"
    against = _target(facts, "baseline")
    if live is not None and live != version and against != (slug, live, None):
        compared = "with nothing" if against is None else f"with {_named(against)}"
        yield f"version {version} was compared {compared}, and version {live} is on the channel now"
    if now is None or found.at is None:
        yield f"it isn't known how old the evaluation of version {version} is"
    elif (hours := (now - found.at).total_seconds() / 3600) > policy.max_age_hours:
        yield f"the evaluation of version {version} is {hours:,.0f} hours old, and at most {policy.max_age_hours:,g} are allowed"


def about_the_same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two evaluations tried the same versions on the same cases, so that one of them is another try."""
    return _tried(one) == _tried(other)


def _tried(facts: Mapping[str, Any]) -> tuple[object, ...]:
    arms = (_target(facts, "candidate"), _target(facts, "baseline"))
    return (*arms, facts.get("dataset"), facts.get("dataset_number"))


def _target(facts: Mapping[str, Any], arm: str) -> tuple[str, int, str | None] | None:
    about = evidence.part(facts, arm)
    if about is None:
        return None
    target = evidence.required(about, "target")
    model = evidence.text(target, "model") if target.get("model") is not None else None
    return evidence.text(target, "slug"), evidence.count(target, "version"), model


def _named(target: tuple[str, int, str | None] | None) -> str:
    if target is None:
        return "nothing"
    slug, version, model = target
    return f"{slug}@{version}" + (f" on {model}" if model else "")
