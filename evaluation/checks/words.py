"""Checks of what an answer says: the same as, contains, begins with, is near to. Pure; upper and lower case count unless a name has an i.

Semantics: https://www.promptfoo.dev/docs/configuration/expected-outputs/deterministic/
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import orjson
from pydantic import Field

from evaluation.checks.distances import alike_at_first, apart_from_ends, bleu, gleu, levenshtein, rouge_n, shared_words
from evaluation.checks.outcome import Decide, Look, Outcome, found, measured, undecided
from evaluation.checks.values import (
    AnyValue,
    NotNegative,
    OneText,
    References,
    SeveralTexts,
    Share,
    Takes,
    Text,
    as_text,
)

LONGEST_COMPARED = 20_000
"""Characters that are compared one by one, once what two texts begin and end with alike is set aside; 100,000 take seven seconds."""

_SHOWN = 80


class Near(Takes):
    """`levenshtein`: as many letters may differ."""

    value: Text
    threshold: NotNegative = 5.0


class Grams(Takes):
    """`rouge-n`: n-grams of how many words."""

    value: References
    threshold: Share = 0.75
    n: int = Field(1, ge=1, le=9)


class Overlap(Takes):
    """`bleu` and `gleu`."""

    value: References
    threshold: Share = 0.5


class SharedWords(Takes):
    """`similar:words`."""

    value: References
    threshold: Share = 0.75


def equals(takes: AnyValue) -> Decide:
    """The same text, letter by letter; for an object or an array the same JSON, whatever its spaces and the order of its keys."""

    def decide(look: Look) -> Outcome:
        if isinstance(takes.value, dict | list):
            try:
                said = orjson.loads(look.text)
            except orjson.JSONDecodeError:
                return found(False, "the answer is not JSON")
            return found(_same(said, takes.value), "the answer is JSON")
        wanted = as_text(takes.value)
        return found(look.text == wanted, _difference(look.text, wanted))

    return decide


def contains(takes: OneText, *, fold: bool = False) -> Decide:
    """The text stands somewhere in the answer."""
    return lambda look: found(_in(takes.value, look.text, fold), f"looked for {shown(takes.value)}")


def contains_all(takes: SeveralTexts, *, fold: bool = False) -> Decide:
    """Each of the texts stands somewhere in the answer."""

    def decide(look: Look) -> Outcome:
        missing = [each for each in takes.value if not _in(each, look.text, fold)]
        return found(not missing, f"missing: {_listed(missing)}" if missing else "each is there")

    return decide


def contains_any(takes: SeveralTexts, *, fold: bool = False) -> Decide:
    """One of the texts at least stands somewhere in the answer."""

    def decide(look: Look) -> Outcome:
        there = [each for each in takes.value if _in(each, look.text, fold)]
        return found(bool(there), f"there is {_listed(there)}" if there else f"none is there of {_listed(takes.value)}")

    return decide


def starts_with(takes: OneText) -> Decide:
    """The answer begins with the text."""
    return lambda look: found(look.text.startswith(takes.value), f"it begins with {shown(look.text)}")


def near(takes: Near) -> Decide:
    """At most `threshold` letters have to be put in, taken out or replaced."""

    def decide(look: Look) -> Outcome:
        surplus = abs(len(look.text) - len(takes.value))
        if surplus > takes.threshold:
            return found(False, f"{surplus} letters or more differ (at most {takes.threshold:g})")
        mine, others = apart_from_ends(look.text, takes.value)
        if max(len(mine), len(others)) > LONGEST_COMPARED:
            return undecided(
                f"the answer is too long for this check: at most {LONGEST_COMPARED:,} characters may differ"
            )
        distance = levenshtein(mine, others)
        return found(distance <= takes.threshold, f"{distance} letters differ (at most {takes.threshold:g})")

    return decide


def rouge(takes: Grams) -> Decide:
    """ROUGE-N: the share of the reference's words (or runs of n words) that the answer has."""

    def decide(look: Look) -> Outcome:
        score = max(rouge_n(look.text, reference, takes.n) for reference in takes.value)
        return measured(score, takes.threshold, f"ROUGE-{takes.n}")

    return decide


def overlap(name: str, measure: Callable[[str, Sequence[str]], float]) -> Callable[[Overlap], Decide]:
    """The maker of a check by a measure of n-grams."""
    return lambda takes: lambda look: measured(measure(look.text, takes.value), takes.threshold, name)


by_bleu = overlap("BLEU", bleu)
by_gleu = overlap("GLEU", gleu)


def by_words(takes: SharedWords) -> Decide:
    """How many words the answer shares with a reference. It knows no meaning: "good" and "not good" are near."""

    def decide(look: Look) -> Outcome:
        score = max(shared_words(look.text, reference) for reference in takes.value)
        return measured(score, takes.threshold, "words in common (cosine)")

    return decide


def shown(text: str) -> str:
    """A text in quotes, shortened."""
    return repr(text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…")


def _in(wanted: str, text: str, fold: bool) -> bool:
    return wanted.casefold() in text.casefold() if fold else wanted in text


def _listed(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - 5} more" if len(texts) > 5 else ""
    return ", ".join(shown(each) for each in texts[:5]) + more


def _difference(text: str, wanted: str) -> str:
    if text == wanted:
        return "it is the same"
    if text.strip() == wanted.strip():
        return "only the spaces around it differ"
    place = alike_at_first(text, wanted)
    return f"it differs from character {place + 1} on: {shown(text[place:])}, not {shown(wanted[place:])}"


def _same(one: Any, other: Any) -> bool:
    """Equal as JSON is: true is not 1, and 1 is 1.0."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(_same(a, b) for a, b in zip(one, other, strict=True))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)
