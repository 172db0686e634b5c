"""What is known of a candidate against a baseline once an evaluation has run, as values that become JSON.

Knows the shape and its format's number, which `registry.facts` reads. Refuses to know how the numbers are made (`build`), and what a
policy makes of them (`registry.policy`): facts say what was measured, never whether it is good enough.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from evaluation.intervals import Interval
from evaluation.runs.values import Target
from evaluation.verdict.statistics import Bound
from registry.facts import FORMAT


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetFacts:
    """What was tried. `model` is null for the version's own."""

    label: str
    slug: str
    version: int
    model: str | None

    @classmethod
    def of(cls, target: Target) -> TargetFacts:
        """From the target itself."""
        return cls(label=target.label, slug=target.slug, version=target.version, model=target.model)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmFacts:
    """One arm alone. `cases` have a judged answer and a weight; `attempts` are those asked for, each of them passed, failed, an error,
    undecided or missing. `pass_rate` weighs cases, with its 95 % interval.
    """

    target: TargetFacts
    cases: int
    attempts: int
    passed: int
    failed: int
    errors: int
    undecided: int
    missing: int
    pass_rate: float | None
    interval: Interval | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceFacts:
    """The pass rates' difference, candidate less baseline, over the same cases.

    `left_out` are cases that the candidate has a judged answer to and the baseline hasn't. `sd` is the standard deviation of the cases'
    differences; `better` and `worse` count cases. `p` is two-sided, `p_worse` one-sided. `bounds` are one-sided, one pair a confidence.
    """

    estimate: float
    pairs: int
    left_out: int
    sd: float
    better: int
    worse: int
    p: float
    p_worse: float
    bounds: tuple[Bound, ...]
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanFacts:
    """A mean over cases with its 95 % interval, null where too few cases give one."""

    cases: int
    mean: float
    interval: Interval | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricFacts:
    """A metric's mean score in both arms, and the mean of the paired differences. `undecided`: the candidate's without a score."""

    candidate: MeanFacts | None
    baseline: MeanFacts | None
    difference: MeanFacts | None
    undecided: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TagFacts:
    """The pass rate among cases with a tag. `p_holm` is `p_worse` adjusted for the number of tags; `worse`: 0.05 or less."""

    cases: int
    candidate: float
    baseline: float | None
    difference: float | None
    interval: Interval | None
    p_worse: float | None
    p_holm: float | None
    worse: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFacts:
    """A case by its name for people. Pass rates over its repeats; `reason` is the first thing that an arm failed by."""

    case_id: str
    name: str
    tags: tuple[str, ...]
    candidate: float | None
    baseline: float | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MustPassFacts:
    """Cases that must pass: how many there are, those where any answer failed, and those without a failure that lack a judged answer."""

    cases: int
    failed: tuple[CaseFacts, ...]
    open: tuple[CaseFacts, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RatioFacts:
    """Means of what answers take in both arms, over the cases where both have one, and the ratio of candidate to baseline.

    `ratio` is null where either is 0 (1.0 where both are). Bounds are one-sided.
    """

    unit: str
    pairs: int
    candidate: float | None
    baseline: float | None
    ratio: float | None
    bounds: tuple[Bound, ...]
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NeededFacts:
    """How many cases would decide at this noise, for the margin and one-sided confidence that are named; null where none would."""

    margin: float
    confidence: float
    cases: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that is known. Lists of cases have 20 at most, the greatest differences first; `difference` counts them all."""

    evaluation_id: str
    slug: str
    dataset: str
    dataset_number: int
    cases: int
    repeats: int
    candidate: ArmFacts
    baseline: ArmFacts | None
    difference: DifferenceFacts | None
    metrics: dict[str, MetricFacts]
    tags: dict[str, TagFacts]
    must_pass: MustPassFacts
    worse: tuple[CaseFacts, ...]
    better: tuple[CaseFacts, ...]
    failing: tuple[CaseFacts, ...]
    cost: RatioFacts | None
    latency: RatioFacts | None
    length: RatioFacts | None
    needed: NeededFacts | None
    format: int = FORMAT

    def to_json(self) -> dict[str, Any]:
        """As plain JSON: objects, lists, text, numbers, true, false and null."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain
