"""One arm of an evaluation, case by case: what its attempts came to, averaged over the repeats.

Knows what counts as a pass, a failure, and nothing at all, in either arm; docs/gates.md has it for people. Refuses to know the other arm.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evaluation.runs.values import CaseResult, Target
from evaluation.verdict.names import reason_of
from registry.cases import Case, Check


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """What was tried, and all its results."""

    target: Target
    results: Sequence[CaseResult]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one arm made of one case. `rate` is the share of judged attempts that passed, None where none was judged.

    Metrics, `cost` (US dollars), `latency` (milliseconds) and lengths are means over the attempts that have one, None where none has.
    """

    rate: float | None
    passed: int
    failed: int
    errors: int
    undecided: int
    missing: int
    reason: str
    metrics: Mapping[str, float]
    undecided_metrics: Mapping[str, int]
    cost: float | None
    latency: float | None
    tokens: float | None
    characters: float | None


def seen_of(
    arm: Arm, cases: Mapping[str, Case], *, checks: Sequence[Check], repeats: int, errors_fail: bool
) -> dict[str, Seen]:
    """What the arm made of every case, by id.

    With `errors_fail` an error is a failed attempt with a score of 0 in every metric that the case's checks have; without it says nothing
    about the case. Raises ValueError for results that can't be this arm's on these cases.
    """
    found: dict[str, dict[int, CaseResult]] = defaultdict(dict)
    for result in arm.results:
        label, case_id, repeat = result.key
        if label != arm.target.label:
            raise ValueError(f"a result of '{label}' stands among those of '{arm.target.label}'")
        if case_id not in cases:
            raise ValueError(f"'{label}' has a result for case {case_id}, which isn't one of the {len(cases)} cases")
        if not 0 <= repeat < repeats:
            raise ValueError(f"'{label}' has repeat {repeat} of case {case_id}, and repeats go from 0 to {repeats - 1}")
        if repeat in found[case_id]:
            raise ValueError(f"'{label}' has two results for repeat {repeat} of case {case_id}")
        found[case_id][repeat] = result
    return {
        case_id: _seen(found[case_id], [*checks, *case.checks], repeats, errors_fail) for case_id, case in cases.items()
    }


def _seen(results: Mapping[int, CaseResult], checks: Sequence[Check], repeats: int, errors_fail: bool) -> Seen:
    ordered = [results[repeat] for repeat in sorted(results)]
    answers = [result for result in ordered if not result.output.error]
    errors = len(ordered) - len(answers)
    passed = sum(result.passed is True for result in answers)
    failed = sum(result.passed is False for result in answers)
    judged = passed + failed + (errors if errors_fail else 0)
    fallen = [result for result in ordered if result.output.error or result.passed is False]
    unsure = [result for result in answers if result.passed is None]
    scores, undecided = _scores(answers)
    if errors and errors_fail:
        for name in {check.metric or check.type for check in checks}:
            scores[name].extend([0.0] * errors)
    fresh = [result.output for result in answers if not result.output.cached]
    return Seen(
        rate=passed / judged if judged else None,
        passed=passed,
        failed=failed,
        errors=errors,
        undecided=len(unsure),
        missing=repeats - len(ordered),
        reason=reason_of((fallen or unsure)[0]) if fallen or unsure else "",
        metrics={name: sum(each) / len(each) for name, each in scores.items()},
        undecided_metrics=undecided,
        cost=_mean([result.output.cost for result in answers]),
        latency=_mean([output.duration_ms for output in fresh]),
        tokens=_mean([result.output.output_tokens for result in answers]),
        characters=_mean([len(result.output.text) for result in answers]),
    )


def _scores(answers: Sequence[CaseResult]) -> tuple[dict[str, list[float]], dict[str, int]]:
    """Scores by metric, an attempt each: several checks of one metric count as their mean."""
    scores: dict[str, list[float]] = defaultdict(list)
    undecided: dict[str, int] = defaultdict(int)
    for result in answers:
        own: dict[str, list[float]] = defaultdict(list)
        for check in result.checks:
            if check.passed is None:
                undecided[check.metric] += 1
            else:
                own[check.metric].append(check.score)
        for name, each in own.items():
            scores[name].append(sum(each) / len(each))
    return scores, dict(undecided)


def _mean(values: Sequence[float | None]) -> float | None:
    """None unless every attempt has a value: a mean over those that happen to have one is another thing in each arm."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None
