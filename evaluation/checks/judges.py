"""Checks that a judge decides: `llm-rubric`, `model-graded-closedqa`, `factuality`. A rubric prompt of this registry asks a model.

Knows what goes into the question and how strictly a verdict is read. Refuses to know how a model is asked (`Ask`). Semantics:
https://www.promptfoo.dev/docs/configuration/expected-outputs/model-graded/llm-rubric/ and …/factuality/.
The rubric prompt gets `rubric` (the check's value) and `expected` (the case's answer) beside what every judge gets.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import jsonschema_rs
import orjson
from pydantic import Field

from evaluation.checks.outcome import Look, Means, Outcome, undecided
from evaluation.checks.rubrics import FACTUALITY, JUDGE
from evaluation.checks.values import Rubric, Share, Takes
from evaluation.scorers.json_checks import problems
from evaluation.scorers.judge import Answer, Judge, JudgeOptions, Question, question_of, read_verdict, task_of
from evaluation.scorers.subject import Scored

_BUSY = frozenset({408, 409, 425, 429})
_PASS_AND_SCORE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "reason": {"type": "string"},
        "pass": {"type": "boolean"},
        "score": {"type": "number", "minimum": 0, "maximum": 1},
    },
    "required": ["reason", "pass", "score"],
    "additionalProperties": False,
}
_FACTS: Mapping[str, float] = {"subset": 1.0, "superset": 1.0, "agree": 1.0, "disagree": 0.0, "differButFactual": 1.0}


class Graded(Takes):
    """A judge's check: what it goes by, which rubric prompt asks (`judge-kind@3`), and which model instead of the prompt's own."""

    value: Rubric
    threshold: Share | None = None
    rubric: str = Field(JUDGE, min_length=1)
    model: str | None = None


class ClosedQuestion(Takes):
    """`model-graded-closedqa`: yes or no."""

    value: Rubric
    rubric: str = Field(JUDGE, min_length=1)
    model: str | None = None


class Facts(Takes):
    """`factuality`: the reference answer; `factuality` may give each verdict another score."""

    value: Rubric
    threshold: Share | None = None
    rubric: str = Field(FACTUALITY, min_length=1)
    model: str | None = None
    factuality: dict[str, Share] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A judge's answer: its text, or why there is none. `version` says which rubric asked and which model answered."""

    text: str
    problem: str
    version: str
    cost: float | None


async def llm_rubric(takes: Graded, look: Look, means: Means) -> Outcome:
    """The judge says yes, and where a threshold is set its score reaches that, too."""
    options = JudgeOptions(rubric=takes.rubric, model=takes.model)
    question = _question(options, takes.value, look, means)
    shape = {"type": "json_schema", "json_schema": {"name": "verdict", "strict": True, "schema": _PASS_AND_SCORE}}
    heard = await hear(replace(question, response_format=shape), means)
    if heard.problem:
        return _unheard(heard)
    try:
        said = orjson.loads(heard.text)
        wrong = problems(jsonschema_rs.validator_for(_PASS_AND_SCORE), said)
    except orjson.JSONDecodeError as error:
        said, wrong = {}, f"it is not JSON ({error.msg})"
    if wrong:
        return _unheard(
            replace(heard, problem=f"the judge's verdict is not as asked for: {wrong}: {heard.text[:200]!r}")
        )
    score = float(said["score"])
    enough = takes.threshold is None or score >= takes.threshold
    reason = (
        said["reason"]
        if enough or not said["pass"]
        else f"{said['reason']} (score {score:g}, at least {takes.threshold:g})"
    )
    return Outcome(passed=said["pass"] and enough, score=score, reason=reason, version=heard.version, cost=heard.cost)


async def closed_question(takes: ClosedQuestion, look: Look, means: Means) -> Outcome:
    """The judge says yes."""
    heard, said = await _verdict(JudgeOptions(rubric=takes.rubric, model=takes.model), takes.value, look, means)
    if not said.parsed:
        return _unheard(replace(heard, problem=said.comment))
    yes = bool(said.value)
    return Outcome(passed=yes, score=float(yes), reason=said.comment, version=heard.version, cost=heard.cost)


async def factuality(takes: Facts, look: Look, means: Means) -> Outcome:
    """The judge finds nothing in the answer that contradicts the reference."""
    options = JudgeOptions(rubric=takes.rubric, model=takes.model, verdict="category", categories=tuple(_FACTS))
    heard, said = await _verdict(options, takes.value, look, means)
    if not said.parsed:
        return _unheard(replace(heard, problem=said.comment))
    score = {**_FACTS, **takes.factuality}[str(said.value)]
    passed = score > 0 if takes.threshold is None else score >= takes.threshold
    reason = f"{said.value}: {said.comment}"
    return Outcome(passed=passed, score=score, reason=reason, version=heard.version, cost=heard.cost)


async def hear(question: Question, means: Means) -> Heard:
    """What the judge says. One that is busy or away is asked again, a few times; what is refused stays refused."""
    if means.ask is None:
        return Heard(text="", problem="there is no judge to ask here", version="", cost=None)
    answer = Answer(status=0)
    for attempt in range(max(1, means.attempts)):
        if attempt:
            await asyncio.sleep(means.pause_seconds * 2 ** (attempt - 1))
        answer = await means.ask(question)
        if answer.status not in _BUSY and answer.status < 500:
            break
    version = f"{answer.rubric or question.rubric}@{answer.version or '?'}/{answer.model or '?'}"
    problem = (
        ""
        if answer.status == 200
        else f"the judge could not be asked ({answer.status}): {answer.error}{_hint(question, answer)}"
    )
    return Heard(text=answer.text, problem=problem, version=version, cost=answer.cost)


def _question(options: JudgeOptions, rubric: str, look: Look, means: Means) -> Question:
    judge = Judge(name=options.rubric, options=options)
    task = task_of(look.subject, {"call_id": look.output.call_id, "prompt": means.prompt})
    question = question_of(judge, task)
    expected = "" if look.case.expected is None else look.case.expected
    return replace(question, variables={**question.variables, "rubric": rubric, "expected": expected})


async def _verdict(options: JudgeOptions, rubric: str, look: Look, means: Means) -> tuple[Heard, Scored]:
    heard = await hear(_question(options, rubric, look, means), means)
    if heard.problem:
        return heard, Scored(value=None, parsed=False, comment=heard.problem)
    return heard, read_verdict(options, heard.text)


def _unheard(heard: Heard) -> Outcome:
    return replace(undecided(heard.problem, heard.cost), version=heard.version)


def _hint(question: Question, answer: Answer) -> str:
    """How to save a rubric that isn't there. A model that isn't there is a 404, too, but then the rubric's version is known."""
    if answer.status != 404 or answer.version:
        return ""
    slug = question.rubric.partition("@")[0]
    return (
        f"; save the rubric as a prompt: slugline prompt save {slug} --file {slug}.prompty --model MODEL -m rubric, and promote it"
        " (docs/checks.md has a text)"
    )
