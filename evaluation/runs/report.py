"""What came of an evaluation, as values for people and machines: each target's figures, the cases that failed, what differs. Pure.

Knows results and the plan they belong to; results may come in any order and give the same report. Refuses to say what follows from it
(`evaluation.verdict`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import fsum
from statistics import fmean, median
from typing import Any

import orjson

from evaluation.runs.cost import checks_paid, paid
from evaluation.runs.plan import Plan
from evaluation.runs.terms import Ended, State
from evaluation.runs.values import CaseResult, Target
from registry.cases import Case
from registry.datasets import case_name

LONGEST_OUTPUT = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetFigures:
    """A target's attempts: `passed`, `failed` and `undecided` add up to `done`, and `errors` are those among the failed that got no answer.

    `cost_usd` is what its answers cost, whoever paid them; None where none has a price, and `unpriced` says how many have none. Latency is
    in milliseconds, tokens are per answer; None where there is nothing to go by. `metrics` are mean scores of what was decided.
    """

    label: str
    baseline: bool
    attempts: int
    done: int
    passed: int
    failed: int
    undecided: int
    errors: int
    pass_rate: float | None
    score: float | None
    cost_usd: float | None
    unpriced: int
    latency_ms: float | None
    latency_p95_ms: float | None
    input_tokens: float | None
    output_tokens: float | None
    metrics: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFailure:
    """A case that a target did not pass, in `failed` or `undecided` of `repeats` attempts. `reasons` are those of the first of them."""

    label: str
    case_id: str
    name: str
    tags: tuple[str, ...]
    must_pass: bool
    repeats: int
    failed: int
    undecided: int
    reasons: tuple[str, ...]
    output: str
    call_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseDifference:
    """A case of which targets passed another share of attempts: by label, how many passed of how many."""

    case_id: str
    name: str
    must_pass: bool
    passes: Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """An evaluation as far as it is. `spent_usd` is what it paid itself, judges included: answers of earlier evaluations cost nothing.

    `missing` are the cases, by target, of which not every attempt has a result.
    """

    evaluation_id: str
    slug: str
    source: str
    cases: int
    repeats: int
    baseline: str | None
    state: State
    reason: str
    done: int
    total: int
    spent_usd: float
    cached: int
    targets: tuple[TargetFigures, ...]
    failures: tuple[CaseFailure, ...]
    differences: tuple[CaseDifference, ...]
    missing: Mapping[str, tuple[str, ...]]

    @property
    def complete(self) -> bool:
        """Whether every attempt has a result."""
        return self.done == self.total

    @property
    def passed(self) -> bool:
        """Whether every attempt was made and passed; those of the baseline count for nothing."""
        tried = [target for target in self.targets if not target.baseline] or self.targets
        return self.complete and all(target.passed == target.attempts for target in tried)

    def to_json(self) -> dict[str, Any]:
        """As JSON values, with `passed` and `complete`."""
        told: dict[str, Any] = orjson.loads(orjson.dumps(self))
        return {**told, "complete": self.complete, "passed": self.passed}


def report_of(evaluation_id: str, plan: Plan, results: Iterable[CaseResult], ended: Ended | None = None) -> Report:
    """The report of what is there. `ended` says how the last run of it ended; without one it is what the results say."""
    targets = {target.label: target for target in plan.targets}
    cases = {case.case_id: case for case in plan.cases}
    order = {key: place for place, key in enumerate(attempt.key for attempt in plan.attempts())}
    there = sorted((result for result in results if result.key in order), key=lambda result: order[result.key])
    by_target: defaultdict[str, list[CaseResult]] = defaultdict(list)
    by_pair: defaultdict[tuple[str, str], list[CaseResult]] = defaultdict(list)
    for result in there:
        by_target[result.key[0]].append(result)
        by_pair[result.key[1], result.key[0]].append(result)
    spent = fsum(paid(result.output) + checks_paid(result) for result in there)
    return Report(
        evaluation_id=evaluation_id,
        slug=plan.slug,
        source=plan.source,
        cases=len(cases),
        repeats=plan.repeats,
        baseline=plan.baseline,
        state=ended.state if ended else "done" if len(there) == plan.size else "cancelled",
        reason=ended.reason if ended else "",
        done=len(there),
        total=plan.size,
        # Added up in one order and exactly, so that it is the same however often the run was broken off.
        spent_usd=spent if ended is None or len(there) == plan.size else ended.spent_usd,
        cached=sum(result.output.cached for result in there),
        targets=tuple(_figures(target, by_target[label], plan) for label, target in targets.items()),
        failures=tuple(
            _failure(case, label, by_pair[case.case_id, label])
            for case in cases.values()
            for label in targets
            if any(result.passed is not True for result in by_pair[case.case_id, label])
        ),
        differences=tuple(_differences(cases.values(), tuple(targets), by_pair)),
        missing={
            label: tuple(case_id for case_id in cases if len(by_pair[case_id, label]) < plan.repeats)
            for label in targets
        },
    )


def reasons_of(result: CaseResult) -> tuple[str, ...]:
    """Why an attempt did not pass, a sentence each: the error, else what the checks said that failed or could not decide."""
    if result.output.error:
        return (f"no answer ({result.output.status}): {result.output.error}",)
    said = [
        f"{check.metric}: {check.reason or 'failed'}"
        if check.passed is False
        else f"{check.metric}: undecided: {check.reason}"
        for check in result.checks
        if check.passed is not True and check.weight
    ]
    return tuple(said) or (("no check decided about it",) if result.passed is None else ("it failed",))


def _figures(target: Target, results: Sequence[CaseResult], plan: Plan) -> TargetFigures:
    outcomes = Counter(result.passed for result in results)
    answers = [result.output for result in results if not result.output.error]
    costs = [answer.cost for answer in answers if answer.cost is not None]
    times = sorted(answer.duration_ms for answer in answers)
    scores: defaultdict[str, list[float]] = defaultdict(list)
    for result in results:
        for check in result.checks:
            if check.passed is not None:
                scores[check.metric].append(check.score)
    return TargetFigures(
        label=target.label,
        baseline=target.label == plan.baseline,
        attempts=len({case.case_id for case in plan.cases}) * plan.repeats,
        done=len(results),
        passed=outcomes[True],
        failed=outcomes[False],
        undecided=outcomes[None],
        errors=sum(bool(result.output.error) for result in results),
        pass_rate=outcomes[True] / len(results) if results else None,
        score=_mean(result.score for result in results),
        cost_usd=fsum(costs) if costs else None,
        unpriced=len(answers) - len(costs),
        latency_ms=median(times) if times else None,
        latency_p95_ms=times[round(0.95 * (len(times) - 1))] if times else None,
        input_tokens=_mean(answer.input_tokens for answer in answers),
        output_tokens=_mean(answer.output_tokens for answer in answers),
        metrics={metric: fmean(found) for metric, found in sorted(scores.items())},
    )


def _failure(case: Case, label: str, results: Sequence[CaseResult]) -> CaseFailure:
    first = next((result for result in results if result.passed is False), None) or next(
        result for result in results if result.passed is None
    )
    return CaseFailure(
        label=label,
        case_id=case.case_id,
        name=case_name(case),
        tags=case.tags,
        must_pass=case.must_pass,
        repeats=len(results),
        failed=sum(result.passed is False for result in results),
        undecided=sum(result.passed is None for result in results),
        reasons=reasons_of(first),
        output=_cut(first.output.text),
        call_id=first.output.call_id,
    )


def _differences(
    cases: Iterable[Case], labels: Sequence[str], pairs: Mapping[tuple[str, str], Sequence[CaseResult]]
) -> Iterable[CaseDifference]:
    for case in cases:
        found = {label: pairs[case.case_id, label] for label in labels}
        passes = {label: (sum(one.passed is True for one in results), len(results)) for label, results in found.items()}
        shares = {passed / count for passed, count in passes.values() if count}
        if len(shares) > 1:
            yield CaseDifference(case_id=case.case_id, name=case_name(case), must_pass=case.must_pass, passes=passes)


def _mean(numbers: Iterable[float | None]) -> float | None:
    known = [number for number in numbers if number is not None]
    return fmean(known) if known else None


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_OUTPUT else f"{text[: LONGEST_OUTPUT - 1]}…"
