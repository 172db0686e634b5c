"""What a channel asks of an evaluation, for one candidate: which evaluations that takes, and what their facts come to.

Facts become a verdict in the registry, where the channel's policies are held against them whenever a version is to get onto it: what is
decided here is said early, never instead. Refuses to know how an evaluation is carried out, and terminals.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evaluation.runs.errors import EvaluationError
from evaluation.runs.plan import Plan
from evaluation.verdict.facts import Facts
from registry.criteria import Outcome
from registry.policy import Decision, Policy, decide
from registry.reference import check_channel
from registry.roles import Principal, permit
from registry.rules import strictest
from registry.values import Version
from registry.writing.store import Store
from slugline.evaluation_plan import cases_of_dataset, plan_of
from slugline.local_reads import LocalReads

_WORST: Sequence[Outcome] = ("fail", "not_enough_cases", "pass")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One dataset that a candidate has to be evaluated on, and the policies that ask for it. `live` is the version in the channel now,
    None where there is none or it is the candidate."""

    candidate: Version
    channel: str
    live: int | None
    dataset: str
    policies: tuple[Policy, ...]

    @property
    def repeats(self) -> int:
        """How often each case is asked, so that every policy has enough."""
        return max(policy.repeats for policy in self.policies)


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """What a gate says about a candidate: the worst of its policies' decisions, and the reasons for that."""

    slug: str
    candidate: int
    channel: str
    dataset: str
    outcome: Outcome
    reasons: tuple[str, ...]
    needed: int | None

    @property
    def sentence(self) -> str:
        """In one line."""
        said = {"pass": "passed", "fail": "failed", "not_enough_cases": "can't be told from so few cases"}[self.outcome]
        more = f" ({self.needed:,} cases would do)" if self.needed else ""
        return f"{self.slug}@{self.candidate} for {self.channel} on {self.dataset}: {said}{more}"


def gates_for(
    store: Store, by: Principal, slug: str, candidate: str, channel: str, *, dataset: str | None = None
) -> list[Gate]:
    """The gates before a channel; with a `dataset`, one gate on that alone, under the policies that ask for it or the usual terms.

    `candidate` is a channel, a number or a version's id. Raises RegistryError, and EvaluationError where nothing is asked for.
    """
    reads = LocalReads(store, by)
    version = reads.resolve(f"{slug}@{candidate}")
    permit(by, "evaluate", slug=version.slug)
    on = reads.prompt(version.slug).channels.get(check_channel(channel))
    policies = strictest(store.rules(), version.slug, channel).asked
    by_dataset: dict[str, tuple[Policy, ...]] = {}
    for policy in policies:
        by_dataset[policy.dataset] = (*by_dataset.get(policy.dataset, ()), policy)
    if dataset is not None:
        by_dataset = {dataset: by_dataset.get(dataset) or (Policy(dataset=dataset),)}
    if not by_dataset:
        raise EvaluationError(
            f"nothing is asked of an evaluation before a version of {version.slug} gets onto {channel}: say what with `slugline prompt "
            f"protect {version.slug} --channel {channel} --policy policy.yaml`, or name a dataset with --dataset"
        )
    live = None if on == version.number else on
    return [
        Gate(candidate=version, channel=channel, live=live, dataset=name, policies=asked)
        for name, asked in by_dataset.items()
    ]


def plan_of_gate(
    store: Store, by: Principal, gate: Gate, *, embedding_model: str | None = None, own_python: bool = True
) -> Plan:
    """The evaluation that a gate takes: the candidate against what is live, over the whole dataset. Raises as `plan_of` does."""
    return plan_of(
        store,
        by,
        [gate.candidate.reference],
        cases_of_dataset(store, by, gate.dataset),
        against=None if gate.live is None else f"{gate.candidate.slug}@{gate.live}",
        repeats=gate.repeats,
        embedding_model=embedding_model,
        own_python=own_python,
    )


def pass_judgement(store: Store, by: Principal, gate: Gate, facts: Facts) -> Passage:
    """Puts the verdict on record, and says what the policies make of it. Raises RegistryError."""
    told = facts.to_json()
    decided = _decided(gate.policies, told, store.tries(gate.candidate.slug, gate.candidate.number, told))
    store.judge(
        gate.candidate.slug,
        gate.candidate.number,
        passed=decided.outcome == "pass",
        evidence=told,
        dataset=gate.dataset,
        by=by,
    )
    return Passage(
        slug=gate.candidate.slug,
        candidate=gate.candidate.number,
        channel=gate.channel,
        dataset=gate.dataset,
        outcome=decided.outcome,
        reasons=decided.reasons,
        needed=decided.needed,
    )


def weighed(store: Store, slug: str, channel: str, dataset: str, facts: Mapping[str, Any]) -> Decision:
    """What a channel's policies on a dataset make of facts now; the usual terms where none is about it. Raises RegistryError."""
    asked = tuple(each for each in strictest(store.rules(), slug, channel).asked if each.dataset == dataset)
    version = int(facts["candidate"]["target"]["version"])
    return _decided(asked or (Policy(dataset=dataset),), facts, store.tries(slug, version, facts))


def _decided(policies: Sequence[Policy], facts: Mapping[str, Any], tries: int) -> Decision:
    """The worst of the policies' decisions, with the reasons of those that came to it, each once."""
    decisions = [decide(policy, facts, tries=tries) for policy in policies]
    outcome = min((decision.outcome for decision in decisions), key=_WORST.index)
    alike = [decision for decision in decisions if decision.outcome == outcome]
    return Decision(
        outcome=outcome,
        reasons=tuple(dict.fromkeys(reason for decision in alike for reason in decision.reasons)),
        needed=max((each.needed for each in alike if each.needed is not None), default=None),
    )
