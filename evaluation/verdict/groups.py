"""What an evaluation's results say metric by metric and tag by tag, so that no average hides a part.

Knows how cases are grouped. Refuses to know formulas (`statistics`) and the whole (`build`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from evaluation.intervals import Interval
from evaluation.verdict import statistics
from evaluation.verdict.arms import Seen
from evaluation.verdict.facts import MeanFacts, MetricFacts, TagFacts
from registry.cases import Case

_ALARM = 0.05


def metric_facts(
    ours: Mapping[str, Seen], theirs: Mapping[str, Seen] | None, weights: Mapping[str, float]
) -> dict[str, MetricFacts]:
    """Each metric's mean in both arms, and the paired difference where both have it."""
    names = {
        name
        for arm in (ours, theirs or {})
        for seen in arm.values()
        for name in (*seen.metrics, *seen.undecided_metrics)
    }
    return {name: _metric(name, ours, theirs or {}, weights) for name in sorted(names)}


def tag_facts(
    cases: Mapping[str, Case],
    ours: Mapping[str, Seen],
    theirs: Mapping[str, Seen] | None,
    weights: Mapping[str, float],
) -> dict[str, TagFacts]:
    """Each tag's pass rates and difference, with p values adjusted for how many tags there are."""
    tagged: dict[str, list[str]] = {}
    for case_id, case in cases.items():
        seen = (ours[case_id], *((theirs[case_id],) if theirs is not None else ()))
        if case.weight > 0 and all(each.rate is not None for each in seen):
            for tag in dict.fromkeys(case.tags):
                tagged.setdefault(tag, []).append(case_id)
    found = {tag: _tag(case_ids, ours, theirs, weights) for tag, case_ids in sorted(tagged.items())}
    adjusted = statistics.holm({tag: facts.p_worse for tag, facts in found.items() if facts.p_worse is not None})
    return {tag: _judged(facts, adjusted.get(tag)) for tag, facts in found.items()}


def _judged(facts: TagFacts, p_holm: float | None) -> TagFacts:
    return replace(facts, p_holm=p_holm, worse=p_holm is not None and p_holm <= _ALARM)


def _metric(
    name: str, ours: Mapping[str, Seen], theirs: Mapping[str, Seen], weights: Mapping[str, float]
) -> MetricFacts:
    mine = {each: seen.metrics[name] for each, seen in ours.items() if name in seen.metrics and weights[each] > 0}
    others = {each: seen.metrics[name] for each, seen in theirs.items() if name in seen.metrics and weights[each] > 0}
    apart = {each: mine[each] - others[each] for each in mine if each in others}
    return MetricFacts(
        candidate=_mean(mine, weights),
        baseline=_mean(others, weights),
        difference=_mean(apart, weights),
        undecided=sum(seen.undecided_metrics.get(name, 0) for seen in ours.values()),
    )


def _mean(values: Mapping[str, float], weights: Mapping[str, float]) -> MeanFacts | None:
    if not values:
        return None
    array, mass = statistics.numbers(values.values()), statistics.numbers(weights[each] for each in values)
    return MeanFacts(
        cases=len(values), mean=statistics.mean(array, mass), interval=statistics.mean_interval(array, mass)
    )


def _tag(
    case_ids: list[str], ours: Mapping[str, Seen], theirs: Mapping[str, Seen] | None, weights: Mapping[str, float]
) -> TagFacts:
    mass = statistics.numbers(weights[each] for each in case_ids)
    mine = statistics.numbers(ours[each].rate or 0.0 for each in case_ids)
    candidate = statistics.mean(mine, mass)
    if theirs is None:
        return TagFacts(
            cases=len(case_ids),
            candidate=candidate,
            baseline=None,
            difference=None,
            interval=None,
            p_worse=None,
            p_holm=None,
            worse=False,
        )
    others = statistics.numbers(theirs[each].rate or 0.0 for each in case_ids)
    (usual,) = (b for b in statistics.pass_rate_bounds(mine - others, mass) if b.confidence == statistics.TWO_SIDED_95)
    return TagFacts(
        cases=len(case_ids),
        candidate=candidate,
        baseline=statistics.mean(others, mass),
        difference=statistics.mean(mine - others, mass),
        interval=Interval(low=usual.low, high=usual.high),
        p_worse=statistics.p_worse(mine - others, mass),
        p_holm=None,
        worse=False,
    )
