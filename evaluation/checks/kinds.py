"""The list of checks: name, version, what it takes, and the function that decides. A table and nothing else.

To add one, write its function and put it here; raise its `version` when the same output would get another result. Names are promptfoo's
where there is one (https://www.promptfoo.dev/docs/configuration/expected-outputs/); `not-` in front of any turns it round.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from evaluation.checks import judges, measures, similarity, structure, words
from evaluation.checks.outcome import Decide, Look, Means, Outcome
from evaluation.checks.own_python import OwnPython, own_python
from evaluation.checks.values import AnyValue, MaybeSchema, Nothing, OnePattern, OneText, SeveralTexts, Takes, Tools

ASSERT_SET = "assert-set"
"""The check that is several others, of which enough must pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One way to check. It has either `make`, a maker of pure checks, or `consult`, which asks somebody.

    `expected`: without a value, it takes the case's expected answer.
    """

    version: str
    takes: type[Takes]
    make: Callable[[Any], Decide] | None = None
    consult: Callable[[Any, Look, Means], Awaitable[Outcome]] | None = None
    expected: bool = False


def _pure(takes: type[Takes], make: Callable[[Any], Decide], *, expected: bool = False) -> Kind:
    return Kind(version="1", takes=takes, make=make, expected=expected)


def _asks(
    takes: type[Takes], consult: Callable[[Any, Look, Means], Awaitable[Outcome]], *, expected: bool = False
) -> Kind:
    return Kind(version="1", takes=takes, consult=consult, expected=expected)


KINDS: Mapping[str, Kind] = {
    "equals": _pure(AnyValue, words.equals, expected=True),
    "contains": _pure(OneText, words.contains, expected=True),
    "icontains": _pure(OneText, partial(words.contains, fold=True), expected=True),
    "contains-all": _pure(SeveralTexts, words.contains_all),
    "contains-any": _pure(SeveralTexts, words.contains_any),
    "icontains-all": _pure(SeveralTexts, partial(words.contains_all, fold=True)),
    "icontains-any": _pure(SeveralTexts, partial(words.contains_any, fold=True)),
    "starts-with": _pure(OneText, words.starts_with, expected=True),
    "regex": _pure(OnePattern, measures.regex),
    "is-json": _pure(MaybeSchema, structure.json_answer),
    "contains-json": _pure(MaybeSchema, structure.json_inside),
    "is-valid-openai-tools-call": _pure(Nothing, structure.tool_calls),
    "is-valid-openai-function-call": _pure(Nothing, structure.tool_calls),
    "is-valid-function-call": _pure(Nothing, structure.tool_calls),
    "tool-call-f1": _pure(Tools, structure.tools_f1),
    "is-refusal": _pure(Nothing, measures.refusal),
    "is-complete": _pure(Nothing, measures.complete),
    "levenshtein": _pure(words.Near, words.near, expected=True),
    "rouge-n": _pure(words.Grams, words.rouge, expected=True),
    "bleu": _pure(words.Overlap, words.by_bleu, expected=True),
    "gleu": _pure(words.Overlap, words.by_gleu, expected=True),
    "similar:words": _pure(words.SharedWords, words.by_words, expected=True),
    "similar": _asks(similarity.Cosine, similarity.similar, expected=True),
    "similar:cosine": _asks(similarity.Cosine, similarity.similar, expected=True),
    "similar:dot": _asks(similarity.Dot, similarity.similar, expected=True),
    "similar:euclidean": _asks(similarity.Distance, similarity.similar, expected=True),
    "finish-reason": _pure(OneText, measures.finish_reason),
    "length": _pure(measures.Count, measures.count),
    "word-count": _pure(measures.WordCount, measures.count),
    "language": _pure(measures.Language, measures.language),
    "latency": _pure(measures.Milliseconds, measures.latency),
    "cost": _pure(measures.Dollars, measures.cost),
    "llm-rubric": _asks(judges.Graded, judges.llm_rubric),
    "model-graded-closedqa": _asks(judges.ClosedQuestion, judges.closed_question),
    "factuality": _asks(judges.Facts, judges.factuality, expected=True),
    "model-graded-factuality": _asks(judges.Facts, judges.factuality, expected=True),
    "python": _asks(OwnPython, own_python),
}

CHECK_TYPES: tuple[str, ...] = tuple(sorted([*KINDS, ASSERT_SET]))
"""Every type that a check can have, each also with `not-` in front."""

REFUSED: Mapping[str, str] = {
    "javascript": "no JavaScript is run: write the function in Python (type python, value file://checks.py:function)",
    "ruby": "no Ruby is run: write the function in Python (type python, value file://checks.py:function)",
    "webhook": "outputs are sent nowhere by a check: ask from a function of your own (type python)",
    **dict.fromkeys(
        ("select-best", "pairwise", "max-score"),
        "it compares outputs with each other, which is done for an evaluation against a baseline and not as a case's check",
    ),
    **dict.fromkeys(
        ("perplexity", "perplexity-score"), "it needs token probabilities, which are not on record; leave it out"
    ),
    **dict.fromkeys(
        ("is-sql", "contains-sql", "is-xml", "contains-xml", "is-html", "contains-html", "meteor"),
        "it is not among these checks: use regex, or a function of your own (type python)",
    ),
    **dict.fromkeys(("g-eval", "answer-relevance", "search-rubric"), "write what you want to hold as an llm-rubric"),
}
"""Types of promptfoo's that are refused, and what to do instead."""
