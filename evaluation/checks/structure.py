"""Checks of an answer's structure: JSON, JSON inside of text, calls of tools. Pure; schemas are read by `evaluation.scorers.json_checks`.

Semantics: https://www.promptfoo.dev/docs/configuration/expected-outputs/deterministic/. Tools are read from the recorded call, in any of
the dialects of `evaluation.scorers.subject`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from evaluation.checks.outcome import Decide, Look, Outcome, found, measured, of_scorer, undecided
from evaluation.checks.values import MaybeSchema, Nothing, Tools
from evaluation.scorers.json_checks import (
    JsonOptions,
    NoOptions,
    SchemaOptions,
    fits_schema,
    is_json,
    problems,
    tool_arguments,
    validator,
)

MOST_TRIES = 200
"""Openings of brackets in one answer that may turn out to begin no JSON, before the search is given up."""

_OPENING = re.compile(r"[{\[]")
_TOOL = "the model called a tool instead of answering"


def json_answer(takes: MaybeSchema) -> Decide:
    """The whole answer is JSON, and fits the schema where there is one."""
    options = SchemaOptions.model_validate({"schema": takes.value})
    score = is_json(JsonOptions()) if takes.value is None else fits_schema(options)
    return lambda look: of_scorer(
        score(look.subject),
        nothing=_TOOL,
        yes="it is JSON" + (" that fits the schema" if takes.value is not None else ""),
    )


def json_inside(takes: MaybeSchema) -> Decide:
    """A JSON object or array stands somewhere in the answer, one that fits the schema where there is one."""
    checker = None if takes.value is None else validator(takes.value)

    def decide(look: Look) -> Outcome:
        wrong = "there is no JSON in the answer"
        for value in _inside(look.text):
            if value is _GIVEN_UP:
                return undecided(f"more than {MOST_TRIES} brackets in the answer begin no JSON")
            if checker is None or isinstance(checker, str):
                return found(True, "there is JSON in the answer")
            problem = problems(checker, value)
            if not problem:
                return found(True, "there is JSON in the answer that fits the schema")
            wrong = f"the JSON in the answer does not fit the schema: {problem}"
        return found(False, wrong)

    return decide


def tool_calls(_: Nothing) -> Decide:
    """Every tool that was called had been offered, with arguments that fit its schema; one at least was called."""
    score = tool_arguments(NoOptions())
    return lambda look: of_scorer(score(look.subject), nothing="no tool was called", yes="every call fits its tool")


def tools_f1(takes: Tools) -> Decide:
    """F1 of the names of tools that were called against those expected, as sets (van Rijsbergen 1979)."""
    wanted = set(takes.value)

    def decide(look: Look) -> Outcome:
        called = {call.name for call in look.subject.tool_calls}
        score = 2 * len(wanted & called) / (len(wanted) + len(called))
        said = measured(score, takes.threshold, "F1")
        return Outcome(
            passed=said.passed, score=said.score, reason=f"{said.reason}; called: {', '.join(sorted(called)) or 'none'}"
        )

    return decide


_GIVEN_UP = object()


def _inside(text: str) -> Iterator[Any]:
    """The outermost JSON objects and arrays of a text, in order."""
    decoder = json.JSONDecoder(parse_constant=_refuse)
    at, tries = 0, 0
    while opening := _OPENING.search(text, at):
        try:
            value, at = decoder.raw_decode(text, opening.start())
        except (ValueError, RecursionError):
            at, tries = opening.end(), tries + 1
            if tries > MOST_TRIES:
                yield _GIVEN_UP
                return
            continue
        yield value


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")
