"""A noisy simulator of evaluations: cases with their own chances to pass, and results as the executor gives them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson

from evaluation.runs.values import CaseResult, CheckResult, Output, Target
from evaluation.verdict.arms import Arm
from evaluation.verdict.build import difference_of, facts_of
from evaluation.verdict.facts import Facts
from registry.cases import Case
from registry.policy import Decision, Policy, decide

POLICY = Policy(dataset="golden")


def cases_of(n: int, **about: Any) -> list[Case]:
    return [Case(variables={"question": f"number {i}"}, **about) for i in range(n)]


def result(
    target: Target,
    case: Case,
    passed: bool | None,
    *,
    repeat: int = 0,
    reason: str = "",
    checks: Sequence[CheckResult] | None = None,
    **output: Any,
) -> CaseResult:
    own = (CheckResult(metric="equals", type="equals", passed=passed, score=float(bool(passed)), reason=reason),)
    return CaseResult(
        key=(target.label, case.case_id, repeat),
        output=Output(**{"text": "an answer", "cost": 0.01, "duration_ms": 100.0, "output_tokens": 10, **output}),
        checks=own if checks is None else tuple(checks),
        passed=passed,
        score=float(bool(passed)),
    )


def arm_of(version: int, cases: Sequence[Case], passed: Sequence[bool | None], **about: Any) -> Arm:
    """An arm without repeats: what each case came to."""
    target = Target(slug="support", version=version)
    return Arm(
        target=target, results=[result(target, case, each, **about) for case, each in zip(cases, passed, strict=True)]
    )


def compare(cases: Sequence[Case], candidate: Arm, baseline: Arm | None, **about: Any) -> Facts:
    return facts_of(
        **{
            "evaluation_id": "ev-1",
            "slug": "support",
            "dataset": "golden",
            "number": 3,
            "cases": cases,
            "candidate": candidate,
            "baseline": baseline,
            **about,
        }
    )


def judge(policy: Policy, facts: Facts) -> Decision:
    return decide(policy, facts.to_json())


class Simulator:
    """Evaluations of n cases by two versions, whose answers to one case are draws of their own every time.

    A case's chance to pass comes from a Beta distribution with mean 0.85; `loss` lowers the candidate's mean by as much.
    """

    def __init__(self, n: int, *, repeats: int = 1, loss: float = 0.0) -> None:
        self.n, self.repeats, self.loss, self.cases = n, repeats, loss, cases_of(n)
        alike = [True] * n
        self._frame = compare(self.cases, arm_of(2, self.cases, alike), arm_of(1, self.cases, alike)).to_json()

    def draws(self, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Who passed, candidate and baseline: a row a case, a column a repeat."""
        random = np.random.default_rng(seed)
        chance = random.beta(1.7, 0.3, size=self.n)[:, None]
        shape = (self.n, self.repeats)
        return random.random(shape) < chance * (1 - self.loss / 0.85), random.random(shape) < chance

    def whole(self, seed: int) -> dict[str, Any]:
        """The facts of one evaluation, from results as the executor gives them."""
        arms = []
        for version, passed in zip((2, 1), self.draws(seed), strict=True):
            target = Target(slug="support", version=version)
            results = [
                result(target, case, bool(passed[i, repeat]), repeat=repeat)
                for i, case in enumerate(self.cases)
                for repeat in range(self.repeats)
            ]
            arms.append(Arm(target=target, results=results))
        return compare(self.cases, *arms, repeats=self.repeats).to_json()

    def quick(self, seed: int) -> dict[str, Any]:
        """The same, but for what doesn't bear on the pass rates' difference; made from arrays, for many seeds."""
        candidate, baseline = (passed.mean(axis=1) for passed in self.draws(seed))
        found = difference_of(candidate, baseline, np.ones(self.n), repeats=self.repeats, left_out=0)
        return {**self._frame, "repeats": self.repeats, "difference": orjson.loads(orjson.dumps(found))}

    def outcomes(self, seeds: int, policy: Policy = POLICY) -> dict[str, float]:
        """The share of seeds by outcome."""
        found = [decide(policy, self.quick(seed)).outcome for seed in range(seeds)]
        return {outcome: found.count(outcome) / seeds for outcome in ("pass", "fail", "not_enough_cases")}
