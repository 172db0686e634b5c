"""From an evaluation's results to its facts. Pure: `facts_of` is the way in.

Knows which cases are compared, and which statistics say what about them. Refuses to know formulas (`statistics`), what an attempt counts
as (`arms`), and what follows from the facts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from evaluation.runs.values import Target
from evaluation.verdict import statistics
from evaluation.verdict.arms import Arm, Seen, seen_of
from evaluation.verdict.facts import (
    ArmFacts,
    CaseFacts,
    DifferenceFacts,
    Facts,
    MustPassFacts,
    NeededFacts,
    RatioFacts,
    TargetFacts,
)
from evaluation.verdict.groups import metric_facts, tag_facts
from evaluation.verdict.names import name_of
from registry.cases import Case, Check
from registry.facts import cases_needed

_MOST_SHOWN = 20


def facts_of(
    *,
    evaluation_id: str,
    slug: str,
    dataset: str,
    number: int,
    cases: Sequence[Case],
    candidate: Arm,
    baseline: Arm | None = None,
    checks: Sequence[Check] = (),
    repeats: int = 1,
    margin: float = 0.05,
    confidence: float = 0.95,
) -> Facts:
    """What the results say of the candidate, and of it against the baseline on the same cases.

    `checks` are the dataset's own, `margin` and `confidence` what `needed` is reckoned for. Weights are the cases'; a case with weight 0
    counts for nothing but `must_pass`. Raises ValueError for results that aren't those of these targets, cases and repeats.
    """
    named = {case.case_id: case for case in cases}
    ours = seen_of(candidate, named, checks=checks, repeats=repeats, errors_fail=True)
    theirs = None
    if baseline is not None:
        theirs = seen_of(baseline, named, checks=checks, repeats=repeats, errors_fail=False)
    weights = {case_id: case.weight for case_id, case in named.items()}
    pairs = _pairs(ours, theirs or {}, weights)
    difference = _difference(ours, theirs, weights, pairs, repeats)
    needed = None
    if difference is not None:
        reckoned = cases_needed(
            sd=difference.sd, estimate=difference.estimate, cases=len(pairs), margin=margin, confidence=confidence
        )
        needed = NeededFacts(margin=margin, confidence=confidence, cases=reckoned)
    shown = _Shown(named, ours, theirs or {})
    moved = {case_id: (_rate(ours, case_id) - _rate(theirs or {}, case_id)) * weights[case_id] for case_id in pairs}
    return Facts(
        evaluation_id=evaluation_id,
        slug=slug,
        dataset=dataset,
        dataset_number=number,
        cases=len(named),
        repeats=repeats,
        candidate=_arm(candidate.target, ours, weights, repeats),
        baseline=None if theirs is None or baseline is None else _arm(baseline.target, theirs, weights, repeats),
        difference=difference,
        metrics=metric_facts(ours, theirs, weights),
        tags=tag_facts(named, ours, theirs, weights),
        must_pass=_must_pass(named, ours, shown),
        worse=shown.most([case_id for case_id in pairs if moved[case_id] < 0], lambda case_id: moved[case_id]),
        better=shown.most([case_id for case_id in pairs if moved[case_id] > 0], lambda case_id: -moved[case_id]),
        failing=shown.most(
            [case_id for case_id, seen in ours.items() if seen.rate is not None and seen.rate < 1],
            lambda case_id: _rate(ours, case_id),
        ),
        cost=_ratio(ours, theirs, lambda seen: seen.cost, unit="USD"),
        latency=_ratio(ours, theirs, lambda seen: seen.latency, unit="ms", geometric=True),
        length=_length(ours, theirs),
        needed=needed,
    )


class _Shown:
    """Cases as people see them, with what both arms made of them."""

    def __init__(self, cases: Mapping[str, Case], ours: Mapping[str, Seen], theirs: Mapping[str, Seen]) -> None:
        self._cases, self._ours, self._theirs = cases, ours, theirs

    def one(self, case_id: str) -> CaseFacts:
        """A case with the candidate's reason, or the baseline's where the candidate has none."""
        ours, theirs, case = self._ours[case_id], self._theirs.get(case_id), self._cases[case_id]
        return CaseFacts(
            case_id=case_id,
            name=name_of(case),
            tags=case.tags,
            candidate=ours.rate,
            baseline=theirs.rate if theirs else None,
            reason=ours.reason or (theirs.reason if theirs else ""),
        )

    def most(self, case_ids: Sequence[str], order: Callable[[str], float]) -> tuple[CaseFacts, ...]:
        """The first few in an order that leaves equals as they stand in the dataset."""
        return tuple(self.one(case_id) for case_id in sorted(case_ids, key=order)[:_MOST_SHOWN])


def _rate(seen: Mapping[str, Seen], case_id: str) -> float:
    return seen[case_id].rate or 0.0


def _pairs(ours: Mapping[str, Seen], theirs: Mapping[str, Seen], weights: Mapping[str, float]) -> list[str]:
    return [
        case_id
        for case_id, seen in ours.items()
        if weights[case_id] > 0 and seen.rate is not None and case_id in theirs and theirs[case_id].rate is not None
    ]


def _arm(target: Target, seen: Mapping[str, Seen], weights: Mapping[str, float], repeats: int) -> ArmFacts:
    judged = [case_id for case_id, each in seen.items() if each.rate is not None and weights[case_id] > 0]
    rates, mass = (
        statistics.numbers(_rate(seen, each) for each in judged),
        statistics.numbers(weights[each] for each in judged),
    )
    return ArmFacts(
        target=TargetFacts.of(target),
        cases=len(judged),
        attempts=len(seen) * repeats,
        passed=sum(each.passed for each in seen.values()),
        failed=sum(each.failed for each in seen.values()),
        errors=sum(each.errors for each in seen.values()),
        undecided=sum(each.undecided for each in seen.values()),
        missing=sum(each.missing for each in seen.values()),
        pass_rate=statistics.mean(rates, mass) if judged else None,
        interval=statistics.share(rates, mass, repeats),
    )


def _difference(
    ours: Mapping[str, Seen],
    theirs: Mapping[str, Seen] | None,
    weights: Mapping[str, float],
    pairs: Sequence[str],
    repeats: int,
) -> DifferenceFacts | None:
    if theirs is None or not pairs:
        return None
    apart = statistics.numbers(_rate(ours, each) - _rate(theirs, each) for each in pairs)
    mass = statistics.numbers(weights[each] for each in pairs)
    test = "McNemar's exact test" if repeats == 1 and np.ptp(mass) == 0 else "sign-flip test (exact) or paired t"
    return DifferenceFacts(
        estimate=statistics.mean(apart, mass),
        pairs=len(pairs),
        left_out=sum(seen.rate is not None and weights[each] > 0 for each, seen in ours.items()) - len(pairs),
        sd=statistics.spread(apart, mass),
        better=int((apart > 0).sum()),
        worse=int((apart < 0).sum()),
        p=statistics.p_two_sided(apart, mass),
        p_worse=statistics.p_worse(apart, mass),
        bounds=statistics.pass_rate_bounds(apart, mass),
        method=f"paired over cases, Bonett-Price adjusted with Student's t; {test}",
    )


def _must_pass(cases: Mapping[str, Case], ours: Mapping[str, Seen], shown: _Shown) -> MustPassFacts:
    asked = [case_id for case_id, case in cases.items() if case.must_pass]
    failed = [case_id for case_id in asked if ours[case_id].failed or ours[case_id].errors]
    lacking = [each for each in asked if each not in failed and (ours[each].undecided or ours[each].missing)]
    return MustPassFacts(cases=len(asked), failed=tuple(map(shown.one, failed)), open=tuple(map(shown.one, lacking)))


def _ratio(
    ours: Mapping[str, Seen],
    theirs: Mapping[str, Seen] | None,
    value: Callable[[Seen], float | None],
    *,
    unit: str,
    geometric: bool = False,
) -> RatioFacts | None:
    if theirs is None:
        return None
    found = [(value(seen), value(theirs[case_id])) for case_id, seen in ours.items()]
    both = [(mine, other) for mine, other in found if mine is not None and other is not None]
    if not both:
        return None
    candidate, baseline = statistics.numbers(mine for mine, _ in both), statistics.numbers(other for _, other in both)
    measure = statistics.geometric_ratio_bounds if geometric else statistics.ratio_bounds
    ratio = measure(candidate, baseline)
    if ratio is None and not candidate.any() and not baseline.any():
        ratio = statistics.same_ratio(len(both))
    return RatioFacts(
        unit=unit,
        pairs=len(both),
        candidate=float(candidate.mean()),
        baseline=float(baseline.mean()),
        ratio=ratio[0] if ratio else None,
        bounds=ratio[1] if ratio else (),
        method="ratio of geometric means, paired t on logarithms"
        if geometric
        else "ratio of means, paired delta method",
    )


def _length(ours: Mapping[str, Seen], theirs: Mapping[str, Seen] | None) -> RatioFacts | None:
    """In tokens where every pair of answers has them, else in characters."""
    characters = _ratio(ours, theirs, lambda seen: seen.characters, unit="characters")
    tokens = _ratio(ours, theirs, lambda seen: seen.tokens, unit="tokens")
    return tokens if tokens and characters and tokens.pairs == characters.pairs else characters
