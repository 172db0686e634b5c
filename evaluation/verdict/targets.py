"""Facts of every target of an evaluation that is not its baseline. Pure.

Knows how an evaluation's results fall to its targets. Refuses to know what facts are made of (`build`).
"""

from __future__ import annotations

from collections.abc import Sequence

from evaluation.runs.plan import Plan
from evaluation.runs.values import CaseResult
from evaluation.verdict.arms import Arm
from evaluation.verdict.build import facts_of
from evaluation.verdict.facts import Facts


def facts_by_target(evaluation_id: str, plan: Plan, results: Sequence[CaseResult]) -> dict[str, Facts]:
    """What is known of each target by its label, against the baseline where there is one. Raises ValueError as `facts_of` does."""
    arms = {
        target.label: Arm(target=target, results=[result for result in results if result.key[0] == target.label])
        for target in plan.targets
    }
    return {
        label: facts_of(
            evaluation_id=evaluation_id,
            slug=plan.slug,
            dataset=plan.dataset,
            number=plan.number,
            cases=plan.cases,
            checks=plan.checks,
            candidate=arm,
            baseline=arms[plan.baseline] if plan.baseline else None,
            repeats=plan.repeats,
        )
        for label, arm in arms.items()
        if label != plan.baseline
    }
