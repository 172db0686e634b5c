"""Gates: what a channel's policies ask of a version, what its evaluations gave, and what is still missing.

Knows how to put together policy, newest verdict and what runs. Refuses to decide anything: `registry.policy` does, and whether the version
gets onto the channel the Store says when it moves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from registry.errors import PromptInvalidError
from registry.evaluations import Evaluation
from registry.evidence import Evidence, lacking_evidence
from registry.facts import read_facts
from registry.policy import Decision, Policy, decide
from registry.rules import Rule
from registry.storage.database import reading
from registry.storage.governance import evidence_for
from registry.writing.store import Store

State = Literal["pass", "fail", "not_enough_cases", "stale", "none"]
"""`stale`: what there is doesn't count any more, or never did for this; `none`: not evaluated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateView:
    """One policy of a channel and how a version stands before it.

    `missing` says in sentences what is still asked for; empty where the version may pass. `decision` and `facts` are those of the newest
    verdict, None without one. `running` is an evaluation for this very gate that goes on now.
    """

    policy: Policy
    slug: str
    channel: str
    version: int
    live: int | None
    state: State
    missing: Sequence[str]
    decision: Decision | None = None
    facts: Mapping[str, Any] | None = None
    at: datetime | None = None
    running: Evaluation | None = None

    @property
    def broken(self) -> Sequence[Mapping[str, Any]]:
        """The cases that must pass and did not."""
        found: Sequence[Mapping[str, Any]] = (self.facts or {}).get("must_pass", {}).get("failed", ())
        return found

    @property
    def evaluation_id(self) -> str:
        """The evaluation that the newest verdict is of."""
        return str((self.facts or {}).get("evaluation_id", ""))


def gates_of(store: Store, slug: str, rule: Rule, version: int, live: int | None, now: datetime) -> list[GateView]:
    """How a version stands before each policy of a channel; `rule` is all that the channel asks for."""
    if not rule.asked:
        return []
    under_way = [each for state in ("running", "queued") for each in store.evaluations(slug, state=state)]
    with reading(store.engine) as connection:
        found = [evidence_for(connection, slug, version, policy) for policy in rule.asked]
    return [
        _view(policy, evidence, slug, rule.channel, version, live, now, under_way)
        for policy, evidence in zip(rule.asked, found, strict=True)
    ]


def _view(
    policy: Policy,
    evidence: Evidence,
    slug: str,
    channel: str,
    version: int,
    live: int | None,
    now: datetime,
    under_way: Sequence[Evaluation],
) -> GateView:
    gate = {"candidate": version, "channel": channel, "dataset": policy.dataset}
    # A button stands where other doors name the command that would evaluate again.
    missing = lacking_evidence(policy, evidence, slug=slug, version=version, live=live, now=now, gate="")
    missing = [sentence.removesuffix(": run ``") for sentence in missing]
    decision, facts = None, evidence.facts
    if facts is not None:
        try:
            decision, facts = decide(policy, facts), read_facts(facts)
        except PromptInvalidError:
            facts = None
    state: State = "none" if facts is None or decision is None else decision.outcome
    if decision is not None and decision.outcome == "pass" and missing:
        state = "stale"
    return GateView(
        policy=policy,
        slug=slug,
        channel=channel,
        version=version,
        live=live,
        state=state,
        missing=missing,
        decision=decision,
        facts=facts,
        at=evidence.at,
        running=next((each for each in under_way if (each.plan.get("gate") or {}) == gate), None),
    )
