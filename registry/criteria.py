"""Each thing that a policy may ask for, held against an evaluation's facts. Pure.

Knows what a single criterion finds: that it holds, that it doesn't, or that the facts can't tell, each with a sentence. Refuses to know
policies, and what several findings come to (`registry.policy`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from registry import facts as evidence
from registry.errors import nearest

Outcome = Literal["pass", "fail", "not_enough_cases"]
Facts = Mapping[str, Any]

_MOST_NAMED = 20
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one criterion says, and how many cases would let it decide."""

    outcome: Outcome
    sentence: str
    needed: int | None = None


def must_pass(facts: Facts) -> Iterator[Finding]:
    """Cases that fail an evaluation alone."""
    about = evidence.required(facts, "must_pass")
    if failed := evidence.items(about, "failed"):
        named = [f"{evidence.text(each, 'name')} ({evidence.text(each, 'reason')})" for each in failed]
        more = f"; and {len(failed) - _MOST_NAMED} more" if len(failed) > _MOST_NAMED else ""
        said = f"{len(failed)} of {evidence.count(about, 'cases')} cases that must pass failed: "
        yield Finding(outcome="fail", sentence=said + "; ".join(named[:_MOST_NAMED]) + more)


def whole(facts: Facts, *, dataset: str, number: int | None, repeats: int) -> Iterator[Finding]:
    """Whether everything was tried and judged that is asked for."""
    candidate = evidence.required(facts, "candidate")
    on, at, asked = (
        evidence.text(facts, "dataset"),
        evidence.count(facts, "dataset_number"),
        evidence.count(facts, "repeats"),
    )
    if on != dataset or number not in (None, at):
        wanted = dataset if number is None else f"{dataset}@{number}"
        yield _open(f"the evaluation is on {on}@{at}, and the policy asks for {wanted}")
    if not evidence.count(candidate, "cases"):
        yield _open("no case was judged")
    if asked < repeats:
        yield _open(f"each case was asked {_times(asked)}, and the policy asks for {_times(repeats)}")
    if undecided := evidence.count(candidate, "undecided"):
        yield _open(f"checks could not decide on {undecided} of {evidence.count(candidate, 'attempts')} answers")
    if missing := evidence.count(candidate, "missing"):
        yield _open(
            f"{missing} of {evidence.count(candidate, 'attempts')} answers are missing: it did not run to its end"
        )


def confidence_of(confidence: float, tries: int) -> float:
    """What the n-th try must be shown at: a tenth of the risk of the one before, so that trying until it passes gains next to nothing.

    However many tries there are, their risks add up to no more than 1.12 times the first one's.
    """
    return 1.0 - (1.0 - confidence) / 10.0 ** (tries - 1)


def no_worse(facts: Facts, *, margin: float, confidence: float, allow: bool, tries: int = 1) -> Iterator[Finding]:
    """Whether the candidate is shown to be worse by less than `margin`, or shown to be worse. Nothing without a baseline.

    `tries` counts this evaluation and those before it that did not pass.
    """
    baseline, about = evidence.part(facts, "baseline"), evidence.part(facts, "difference")
    if baseline is None:
        return
    against = evidence.text(evidence.required(baseline, "target"), "label")
    shown_at = confidence_of(confidence, tries)
    shown = about and evidence.bounds(about, shown_at)
    apart = about and evidence.bounds(about, (1 + confidence) / 2)
    estimate = about and evidence.number(about, "estimate")
    if about and apart and not shown and tries > 1:
        yield _open(
            f"it is the {ordinal(tries)} try on the same cases against {against}, and no evaluation shows as much as that takes: add cases "
            "to the dataset, or save another version"
        )
        return
    if about is None or not shown or not apart or not isinstance(estimate, float | int):
        arms = (evidence.required(facts, "candidate"), baseline)
        errors = [(evidence.text(evidence.required(arm, "target"), "label"), arm.get("errors")) for arm in arms]
        silent = ", ".join(f"{count:g} attempts at {label} had no answer" for label, count in errors if count)
        at = f"at a confidence of {confidence:g}"
        yield _open(f"nothing compares it with {against}{f': {silent}' if silent else f' {at}'}")
        return
    pairs, left_out = evidence.count(about, "pairs"), evidence.count(about, "left_out")
    without = f", {left_out} left out that {against} has no judged answer to" if left_out else ""
    again = f"; the {ordinal(tries)} try, so at a confidence of {shown_at:.12g}" if tries > 1 else ""
    measured = f"{_points(estimate)} against {against} on {pairs} cases{without}{again}"
    p_worse = evidence.number(about, "p_worse")
    if shown[0] > -margin:
        said = f"it is worse by less than {_share(margin)} of cases, if at all ({measured}; no lower than {_points(shown[0])})"
        yield Finding(outcome="pass", sentence=said)
    elif apart[1] < 0 and p_worse is not None and p_worse <= (1 - confidence) / 2:
        yield Finding(outcome="fail", sentence=f"it is worse ({measured}; no higher than {_points(apart[1])})")
    else:
        sd = evidence.number(about, "sd") or 0.0
        needed = evidence.cases_needed(sd=sd, estimate=estimate, cases=pairs, margin=margin, confidence=shown_at)
        more = f"; about {needed:,} cases would decide at this noise, or more repeats" if needed else ""
        said = f"it may be worse by {_share(-shown[0])} of cases, and {_share(margin)} are allowed ({measured}){more}"
        yield _uncertain(said, needed, allow=allow and estimate > -margin)


def thresholds(facts: Facts, *, min_pass_rate: float | None, metrics: Mapping[str, float]) -> Iterator[Finding]:
    """What is asked of the candidate alone, on these cases as they are."""
    rate = evidence.number(evidence.required(facts, "candidate"), "pass_rate")
    if min_pass_rate is not None and rate is not None:
        said = f"it passes {_share(rate)} of cases, and at least {_share(min_pass_rate)} are asked for"
        yield Finding(outcome="pass" if rate >= min_pass_rate - _ROUNDING else "fail", sentence=said)
    known = evidence.required(facts, "metrics")
    for name, least in metrics.items():
        arm = evidence.part(evidence.required(known, name), "candidate") if name in known else None
        mean = arm and evidence.number(arm, "mean")
        if not isinstance(mean, float | int):
            guess = nearest(name, known)
            yield _open(f"no check gave a metric '{name}'" + (f"; did you mean '{guess}'?" if guess else ""))
            continue
        said = f"its mean {name} is {mean:.3f}, and at least {least:g} is asked for"
        yield Finding(outcome="pass" if mean >= least - _ROUNDING else "fail", sentence=said)


def increase(
    facts: Facts, name: str, *, allowed: float | None, confidence: float, allow: bool, tries: int = 1
) -> Iterator[Finding]:
    """Whether cost, latency or length grew by no more than a share. Nothing without a baseline. `tries`: as for `no_worse`."""
    if allowed is None or evidence.part(facts, "baseline") is None:
        return
    about, most = evidence.part(facts, name), 1 + allowed
    ratio = about and evidence.number(about, "ratio")
    shown = about and evidence.bounds(about, confidence_of(confidence, tries))
    apart = about and evidence.bounds(about, (1 + confidence) / 2)
    if about and ratio is None and evidence.number(about, "baseline") == 0 and evidence.number(about, "candidate"):
        yield Finding(outcome="fail", sentence=f"its {name} is more than nothing, and the baseline's is 0")
    elif not isinstance(ratio, float | int) or not shown or not apart:
        yield _open(f"its {name} can't be compared: too few cases have one in both versions")
    elif shown[1] <= most + _ROUNDING:
        said = f"its {name} is {ratio:.2f} times the baseline's, no more than {shown[1]:.2f}, and {most:g} is allowed"
        yield Finding(outcome="pass", sentence=said)
    elif apart[0] > most:
        said = f"its {name} is {ratio:.2f} times the baseline's, no less than {apart[0]:.2f}, and {most:g} is allowed"
        yield Finding(outcome="fail", sentence=said)
    else:
        said = f"its {name} is {ratio:.2f} times the baseline's, maybe {shown[1]:.2f}, and {most:g} is allowed"
        yield _uncertain(said, None, allow=allow and ratio <= most)


def _open(sentence: str) -> Finding:
    return Finding(outcome="not_enough_cases", sentence=sentence)


def _uncertain(sentence: str, needed: int | None, *, allow: bool) -> Finding:
    if allow:
        return Finding(outcome="pass", sentence=f"{sentence}; the policy allows what is uncertain")
    return Finding(outcome="not_enough_cases", sentence=sentence, needed=needed)


def _points(share: float) -> str:
    return f"{share * 100:+.1f} points"


def _share(share: float) -> str:
    return f"{share * 100:.4g} %"


def _times(n: int) -> str:
    return "once" if n == 1 else f"{n} times"


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th."""
    ends = {1: "st", 2: "nd", 3: "rd"}
    return f"{number}{'th' if 10 < number % 100 < 14 else ends.get(number % 10, 'th')}"
