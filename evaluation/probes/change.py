"""From two nights' results to what changed between them. Pure: `change_between` is the way in.

Every case is compared with itself, so that a hard case counts for neither night: the exact sign-flip test (McNemar's for single answers),
above 12 cases that differ the paired t test, each with its interval (`evaluation.verdict.statistics`). A case without an answer in either
night is left out: an outage says nothing about the model. Refuses to know schedules and where results are kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from math import ceil, exp, log, log2

from evaluation.intervals import Interval
from evaluation.probes.sentences import sentence_of
from evaluation.probes.values import Measure, Night, ProbeChange
from evaluation.runs.values import CaseResult, Target
from evaluation.verdict import statistics
from evaluation.verdict.arms import Arm, Seen, seen_of
from registry.cases import Case

ALPHA = 0.001
"""How often a night without a change may be called one, over all of its measures together (Holm's correction)."""

RATE = "pass rate"
LENGTH = "length"


def least_cases(measures: int) -> int:
    """How many cases it takes at least: with fewer, a sign-flip test of so many measures is never sure, even where every case changed."""
    return ceil(log2(2 * measures / ALPHA))


def change_between(
    *,
    target: Target,
    source: str,
    cases: Sequence[Case],
    before: tuple[str, datetime, Sequence[CaseResult]],
    now: tuple[str, datetime, Sequence[CaseResult]],
    repeats: int = 1,
) -> ProbeChange:
    """What changed from one night to another; each is an evaluation's id, when it ran, and its results for the target.

    Raises ValueError for results that aren't this target's on these cases.
    """
    named = {case.case_id: case for case in cases}
    seen = [
        seen_of(Arm(target=target, results=results), named, checks=(), repeats=repeats, errors_fail=False)
        for _, _, results in (before, now)
    ]
    pairs = [
        case_id for case_id, case in named.items() if case.weight > 0 and all(_answered(each[case_id]) for each in seen)
    ]
    measures = _sure(_measures(pairs, seen[0], seen[1], named))
    rates = [
        (seen[1][each].rate or 0.0) - (seen[0][each].rate or 0.0)
        for each in pairs
        if seen[0][each].rate is not None and seen[1][each].rate is not None
    ]
    served_before, served_now = (_served(results) for _, _, results in (before, now))
    nights = [Night(evaluation_id=evaluation_id, at=at) for evaluation_id, at, _ in (before, now)]
    found = ProbeChange(
        slug=target.slug,
        version=target.version,
        target=target.label,
        source=source,
        before=nights[0],
        now=nights[1],
        cases=len(pairs),
        left_out=len(named) - len(pairs),
        worse=sum(rate < 0 for rate in rates),
        better=sum(rate > 0 for rate in rates),
        measures=measures,
        served_before=served_before,
        served_now=served_now,
        enough=bool(measures) and len(pairs) >= least_cases(len(measures)),
        changed=any(measure.sure for measure in measures) or bool(pairs and served_before != served_now),
        sentence="",
    )
    return sentence_of(found)


def _answered(seen: Seen) -> bool:
    return seen.characters is not None


def _served(results: Sequence[CaseResult]) -> tuple[str, ...]:
    return tuple(sorted({result.output.model for result in results if not result.output.error and result.output.model}))


def _measures(
    pairs: Sequence[str], before: Mapping[str, Seen], now: Mapping[str, Seen], cases: Mapping[str, Case]
) -> list[tuple[Measure, float]]:
    """Each with its p; those that no case has in both nights are left out."""
    found = []
    judged = [each for each in pairs if before[each].rate is not None and now[each].rate is not None]
    if judged:
        weights = statistics.numbers(cases[each].weight for each in judged)
        old = statistics.numbers(before[each].rate or 0.0 for each in judged)
        new = statistics.numbers(now[each].rate or 0.0 for each in judged)
        [at_95] = [
            b for b in statistics.pass_rate_bounds(new - old, weights) if b.confidence == statistics.TWO_SIDED_95
        ]
        interval = Interval(low=at_95.low, high=at_95.high)
        found.append(_measure(RATE, "points", old, new, weights, interval))
    names = sorted({name for each in pairs for seen in (before, now) for name in seen[each].metrics})
    for name in names if len(names) > 1 else ():  # a single check's score says what the pass rate says
        having = [each for each in pairs if name in before[each].metrics and name in now[each].metrics]
        if having:
            weights = statistics.numbers(cases[each].weight for each in having)
            old = statistics.numbers(before[each].metrics[name] for each in having)
            new = statistics.numbers(now[each].metrics[name] for each in having)
            found.append(_measure(name, "score", old, new, weights, statistics.mean_interval(new - old, weights)))
    if (length := _length(pairs, before, now)) is not None:
        found.append(length)
    return found


def _measure(
    name: str,
    unit: str,
    old: statistics.Numbers,
    new: statistics.Numbers,
    weights: statistics.Numbers,
    interval: Interval | None,
) -> tuple[Measure, float]:
    measure = Measure(
        name=name,
        unit="points" if unit == "points" else "score",
        before=statistics.mean(old, weights),
        now=statistics.mean(new, weights),
        change=statistics.mean(new - old, weights),
        interval=interval,
        sure=False,
    )
    return measure, statistics.p_two_sided(new - old, weights)


def _length(pairs: Sequence[str], before: Mapping[str, Seen], now: Mapping[str, Seen]) -> tuple[Measure, float] | None:
    """In tokens where all answers have them, else in characters; answers of no length are left out."""
    tokens = all(seen[each].tokens for each in pairs for seen in (before, now))
    sizes = [
        [(seen[each].tokens if tokens else seen[each].characters) or 0.0 for seen in (before, now)] for each in pairs
    ]
    sizes = [pair for pair in sizes if min(pair) > 0]
    if not sizes:
        return None
    logs = statistics.numbers(log(new / old) for old, new in sizes)
    equal = statistics.numbers(1.0 for _ in sizes)
    found = statistics.mean_interval(logs, equal)
    measure = Measure(
        name=LENGTH,
        unit="percent",
        before=exp(statistics.mean(statistics.numbers(log(old) for old, _ in sizes), equal)),
        now=exp(statistics.mean(statistics.numbers(log(new) for _, new in sizes), equal)),
        change=exp(statistics.mean(logs, equal)) - 1,
        interval=None if found is None else Interval(low=exp(found.low) - 1, high=exp(found.high) - 1),
        sure=False,
    )
    return measure, statistics.p_two_sided(logs, equal)


def _sure(found: Sequence[tuple[Measure, float]]) -> tuple[Measure, ...]:
    adjusted = statistics.holm({measure.name: p for measure, p in found})
    return tuple(replace(measure, sure=adjusted[measure.name] <= ALPHA) for measure, _ in found)
