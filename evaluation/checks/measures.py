"""Checks that the automatic scorers of calls know already, under the names and values of checks; and how a call ended. Pure.

Semantics: https://www.promptfoo.dev/docs/configuration/expected-outputs/deterministic/; `length`, `language` and `is-complete` are ours.
"""

from __future__ import annotations

from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ValidationError, model_validator

from evaluation.checks.outcome import Decide, Look, Outcome, found, of_scorer, undecided
from evaluation.checks.values import Nothing, OnePattern, OneText, Positive, Takes, named
from evaluation.checks.words import shown
from evaluation.scorers.budgets import CostOptions, LatencyOptions
from evaluation.scorers.budgets import cost as cost_score
from evaluation.scorers.budgets import latency as latency_score
from evaluation.scorers.json_checks import NoOptions
from evaluation.scorers.language import LanguageOptions
from evaluation.scorers.language import language as language_score
from evaluation.scorers.text_checks import LengthOptions, RegexOptions, is_complete, is_refusal, matches
from evaluation.scorers.text_checks import length as length_score

_Options = TypeVar("_Options", bound=BaseModel)
_REASONS = {
    **dict.fromkeys(("end_turn", "stop_sequence", "completed", "eos"), "stop"),
    **dict.fromkeys(("max_tokens", "max_output_tokens", "model_context_window_exceeded"), "length"),
    **dict.fromkeys(("tool_use", "tool-calls", "function_call"), "tool_calls"),
    **dict.fromkeys(("refusal", "content-filter", "safety"), "content_filter"),
}


class Milliseconds(Takes):
    """`latency`."""

    threshold: Positive
    of: Literal["answer", "first_chunk"] = "answer"


class Dollars(Takes):
    """`cost`."""

    threshold: Positive


class Language(Takes):
    """`language`: a code such as `de`, or `same` for the language of the user's message."""

    value: str
    among: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _known(self) -> Language:
        _fits(LanguageOptions, expect=self.value, among=self.among)
        return self


class Count(Takes):
    """`length` and `word-count`: a number, or an object with `min`, `max` or both; `length` takes the unit beside it."""

    value: Any
    unit: Literal["words", "characters", "tokens"] = "words"

    @model_validator(mode="after")
    def _bounded(self) -> Count:
        self.bounds()
        return self

    def bounds(self) -> LengthOptions:
        """The value as bounds. Raises ValueError."""
        given = self.value
        if isinstance(given, str) and given.strip().isdecimal():
            given = int(given)
        if isinstance(given, int | float) and not isinstance(given, bool):
            given = {"min": given, "max": given}
        if not isinstance(given, dict) or not given or not given.keys() <= {"min", "max"}:
            raise ValueError(f"is a number, or an object with min, max or both, not {named(self.value)}")
        return _fits(LengthOptions, unit=self.unit, **given)


class WordCount(Count):
    """`word-count` always counts words."""

    unit: Literal["words"] = "words"


def regex(takes: OnePattern) -> Decide:
    """The pattern is found somewhere in the answer, in time linear in its length."""
    score = matches(RegexOptions(pattern=takes.value))
    yes, no = f"{shown(takes.value)} is found", f"{shown(takes.value)} is not found"
    return lambda look: of_scorer(score(look.subject), yes=yes, no=no)


def refusal(_: Nothing) -> Decide:
    """The model refused: by the provider's own mark, by how the answer opens, or by saying nothing at all."""
    score = is_refusal(NoOptions())

    def decide(look: Look) -> Outcome:
        if not look.text.strip() and not look.subject.tool_calls:
            return found(True, "the answer is empty")
        return of_scorer(score(look.subject), no="the answer does not open as a refusal")

    return decide


def complete(_: Nothing) -> Decide:
    """The answer is neither empty nor cut off at the limit of tokens."""
    score = is_complete(NoOptions())
    return lambda look: of_scorer(score(look.subject), yes="it is complete")


def language(takes: Language) -> Decide:
    """The answer is in this language."""
    score = language_score(LanguageOptions(expect=takes.value, among=takes.among))
    return lambda look: of_scorer(
        score(look.subject), nothing="there is no text in the answer", yes=f"it is '{takes.value}'"
    )


def count(takes: Count) -> Decide:
    """The answer has this many words, characters or tokens."""
    score = length_score(takes.bounds())

    def decide(look: Look) -> Outcome:
        said = score(look.subject)
        return undecided("the provider did not say how many tokens there are") if said is None else of_scorer(said)

    return decide


def latency(takes: Milliseconds) -> Decide:
    """The answer, or a stream's first chunk, was there in so many milliseconds."""
    score = latency_score(LatencyOptions(max_ms=takes.threshold, of=takes.of))

    def decide(look: Look) -> Outcome:
        said = score(look.subject)
        return undecided("the answer was not streamed") if said is None else of_scorer(said)

    return decide


def cost(takes: Dollars) -> Decide:
    """The call cost so many US dollars at most. A call without a price is undecided: unknown is not free."""
    score = cost_score(CostOptions(max_usd=takes.threshold))
    return lambda look: of_scorer(score(look.subject))


def finish_reason(takes: OneText) -> Decide:
    """The model stopped for this reason: stop, length, content_filter or tool_calls, whatever the provider calls it."""
    wanted = _reason(takes.value)

    def decide(look: Look) -> Outcome:
        if not look.output.finish_reason:
            return undecided("the provider gave no finish reason")
        return found(_reason(look.output.finish_reason) == wanted, f"it is '{look.output.finish_reason}'")

    return decide


def _fits(options: type[_Options], **given: Any) -> _Options:
    """A scorer's own options; what is wrong with them as one sentence. Raises ValueError."""
    try:
        return options.model_validate(given)
    except ValidationError as error:
        raise ValueError("; ".join(each["msg"].removeprefix("Value error, ") for each in error.errors())) from error


def _reason(name: str) -> str:
    plain = name.strip().lower()
    return _REASONS.get(plain, plain)
