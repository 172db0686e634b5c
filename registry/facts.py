"""An evaluation's facts as the registry reads them: plain JSON that `evaluation.verdict` has written.

Knows the one format that it can read, how to find a value in it, and how many cases would settle a question. Refuses to know where facts
are kept, how they were measured, and what follows from them (`registry.policy`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isfinite, sqrt
from statistics import NormalDist
from typing import Any

from registry.errors import PromptInvalidError

FORMAT = 1
"""The format of facts. Another number means that something in them has another meaning."""

_POWER = 0.8
_MOST_CASES = 10_000_000


def read_facts(facts: Mapping[str, Any]) -> Mapping[str, Any]:
    """The facts themselves, if this Slugline knows their format; PromptInvalidError if not."""
    given = facts.get("format")
    if isinstance(given, bool) or given != FORMAT:
        said = "no format" if given is None else f"format {given!r}"
        raise PromptInvalidError(
            f"the evaluation's facts have {said}, and this Slugline reads format {FORMAT}",
            param="facts",
        )
    return facts


def part(facts: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    """An object within the facts, None where it says null; PromptInvalidError where it isn't there or something else."""
    found = _at(facts, name)
    if found is not None and not isinstance(found, Mapping):
        raise _malformed(name)
    return found


def required(facts: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An object that is always there."""
    found = part(facts, name)
    if found is None:
        raise _malformed(name)
    return found


def items(facts: Mapping[str, Any], name: str) -> Sequence[Mapping[str, Any]]:
    """A list of objects within the facts."""
    found = _at(facts, name)
    if not isinstance(found, list | tuple) or not all(isinstance(each, Mapping) for each in found):
        raise _malformed(name)
    return found


def number(facts: Mapping[str, Any], name: str) -> float | None:
    """A number within the facts, None where it says null."""
    found = _at(facts, name)
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int | float) or not isfinite(found):
        raise _malformed(name)
    return found


def count(facts: Mapping[str, Any], name: str) -> int:
    """A whole number from 0 within the facts."""
    found = _at(facts, name)
    if isinstance(found, bool) or not isinstance(found, int) or found < 0:
        raise _malformed(name)
    return found


def text(facts: Mapping[str, Any], name: str) -> str:
    """A text within the facts."""
    found = _at(facts, name)
    if not isinstance(found, str):
        raise _malformed(name)
    return found


def bounds(facts: Mapping[str, Any], confidence: float) -> tuple[float, float] | None:
    """Lower and upper one-sided bound at `confidence`, or at the next greater one that the facts have; None where there is none."""
    found = [(number(each, "confidence"), number(each, "low"), number(each, "high")) for each in items(facts, "bounds")]
    able = [(at, low, high) for at, low, high in found if at is not None and at >= confidence - 1e-9]
    if not able:
        return None
    _, low, high = min(able, key=lambda each: each[0])
    if low is None or high is None:
        raise _malformed("bounds")
    return low, high


def cases_needed(*, sd: float, estimate: float, cases: float, margin: float, confidence: float) -> int | None:
    """How many cases would decide whether a candidate is worse by less than `margin`; None where no number would.

    `sd` is the standard deviation of the paired differences, a case each; `estimate` their mean over `cases`. It is the number at which an
    equal candidate passes four times in five. Where there are that many already, and this candidate wasn't decided, it is the number that
    decides if its difference stays as it is.
    """
    z, power = NormalDist().inv_cdf(confidence), NormalDist().inv_cdf(_POWER)

    def half(n: int) -> float:
        # The bound of evaluation.verdict.statistics: two pseudo-cases, and Student's quantile by its first term after the normal one.
        return (z + (z**3 + z) / (4 * (n + 1))) * sqrt((n * sd * sd + 2) / ((n + 1) * (n + 2)))

    equal = _smallest(lambda n: half(n) + power * sd / sqrt(n) < margin)
    if equal is None or equal > cases:
        return equal
    distance = max(estimate + margin, -estimate)
    found = _smallest(lambda n: half(n) < distance)
    return None if found is None else max(found, int(cases) + 1)


def _smallest(enough: Callable[[int], bool]) -> int | None:
    low, high = 0, 1
    while not enough(high):
        low, high = high, high * 2
        if high > _MOST_CASES:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _at(facts: Mapping[str, Any], name: str) -> Any:
    if name not in facts:
        raise _malformed(name)
    return facts[name]


def _malformed(name: str) -> PromptInvalidError:
    return PromptInvalidError(f"the evaluation's facts have no usable '{name}'", param="facts")
