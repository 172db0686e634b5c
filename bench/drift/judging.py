"""One report against the truth of its plan. Pure.

Right is: the causes that are named are those of the plan, no more and no fewer; where a plan has more to it (an interaction, a disaster
in one stratum, causes that can't be told apart), that is said as well. The truth of a contribution is the plan's, for the windows that the
report compares.
"""

from dataclasses import dataclass
from typing import Any

from bench.drift.plans import Plan, contribution
from bench.drift.traffic import STRATA
from evaluation.drift.values import Contribution, DriftReport

_ADDITIVE_ONLY = frozenset({"interaction", "interaction-40"})
"""Families whose causes depend on each other: what one of them contributes has no single answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What came of one history.

    `off` is how many hours the time is from the truth, None where none was given or there is none. `intervals` are (cause, truth, estimate,
    low, high), `grades` those of named causes. `size` is the smallest true effect that should be named.
    """

    family: str
    seed: int
    right: bool
    why: str
    named: tuple[str, ...]
    true: tuple[str, ...]
    said: str
    off: float | None
    intervals: tuple[tuple[str, float, float, float, float], ...]
    grades: tuple[str, ...]
    size: float
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """For the results; of those that are right only what is counted."""
        told = {"family": self.family, "seed": self.seed, "right": self.right}
        if self.right:
            return told
        return told | {"why": self.why, "named": self.named, "true": self.true, "said": self.said}


def judge(plan: Plan, report: DriftReport, seconds: float) -> Judged:
    """Compares a report with the truth."""
    named = tuple(sorted({each.cause for each in report.contributions if each.named}))
    why = _wrong(plan, report, frozenset(named))
    return Judged(
        family=plan.family,
        seed=plan.seed,
        right=not why,
        why=why,
        named=named,
        true=tuple(sorted(plan.causes)),
        said=report.sentence,
        off=_off(plan, report),
        intervals=() if plan.family in _ADDITIVE_ONLY else _intervals(plan, report),
        grades=tuple(each.grade for each in report.contributions if each.named),
        size=_size(plan),
        seconds=seconds,
    )


def failed(plan: Plan, error: Exception, seconds: float) -> Judged:
    """A history for which there was no report."""
    return Judged(
        family=plan.family, seed=plan.seed, right=False, why=f"no report: {error!r}", named=(), true=tuple(sorted(plan.causes)),
        said="", off=None, intervals=(), grades=(), size=_size(plan), seconds=seconds,
    )  # fmt: skip


def _wrong(plan: Plan, report: DriftReport, named: frozenset[str]) -> str:
    """What is wrong with the report; "" where nothing is."""
    if plan.none_will_do and not named:
        return ""
    if named != plan.causes:
        enough = "" if report.enough else " (not enough data, it says)"
        return f"named {', '.join(sorted(named)) or 'nothing'}{enough}, true is {', '.join(sorted(plan.causes)) or 'nothing'}"
    if "prompt or model" in plan.causes:
        split = [each.cause for each in report.contributions if each.cause in {"prompt", "model"}]
        graded = {each.grade for each in report.contributions if each.cause == "prompt or model"}
        if split or graded != {"X"}:
            return f"split into {split}" if split else f"graded {graded}, not X"
    if plan.together and report.orders is None:
        return "says nothing of both orders, though the causes depend on each other"
    if plan.disaster is not None:
        lost = [
            each
            for each in report.strata
            if each.stratum == STRATA[plan.disaster] and each.cause == "model" and each.shown and each.effect < -0.3
        ]
        if not lost:
            return "doesn't show what happened to the stratum that lost most"
    return ""


def _size(plan: Plan) -> float:
    """The smallest true effect that should be named, from the first change until all are complete; 0 where there is none."""
    if not plan.changes or plan.together:
        return 0.0
    before = (0.0, min(change.at for change in plan.changes))
    after = (max(change.at + change.over for change in plan.changes), plan.length)
    causes = [change.cause for change in plan.changes if change.cause in plan.causes]
    return min((abs(contribution(plan, cause, before, after)) for cause in causes), default=0.0)


def _off(plan: Plan, report: DriftReport) -> float | None:
    guilty = [change for change in plan.changes if change.effect or change.mix]
    if report.change_at is None or len(guilty) != 1:
        return None
    return abs(plan.hours(report.change_at) - guilty[0].at)


def _intervals(plan: Plan, report: DriftReport) -> tuple[tuple[str, float, float, float, float], ...]:
    """Each contribution with its truth."""
    if not report.enough:
        return ()
    before = (plan.hours(report.before.since), plan.hours(report.before.until))
    after = (plan.hours(report.after.since), plan.hours(report.after.until))
    found = []
    for cause in dict.fromkeys(each.cause for each in report.contributions):
        same = [each for each in report.contributions if each.cause == cause]
        parts = ("prompt", "model") if cause == "prompt or model" else (cause,)
        truth = sum(contribution(plan, part, before, after) for part in parts)
        # Several contributions of one cause: the whole truth is the largest one's, the others should be nothing.
        same.sort(key=lambda each: -abs(each.change))
        for place, each in enumerate(same):
            found.append(_interval(each, truth if place == 0 else 0.0))
    return tuple(found)


def _interval(given: Contribution, truth: float) -> tuple[str, float, float, float, float]:
    return given.cause, truth, given.change, given.interval.low, given.interval.high
