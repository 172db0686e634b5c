"""A judge: a model that scores by a rubric, which is a prompt of this registry. Values and pure functions.

Knows what the rubric's variables are called, the verdict's JSON Schema, and how strictly a verdict is read. Refuses to know how the
model is asked (`Ask`) and when (`judging.py`). The rubric is given `input` (all that the model was told), `question` (the last message of
the user), `output` (the answer), `variables` (the call's, as JSON) and `prompt` (the slug).
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

import jsonschema_rs
import orjson
from pydantic import BaseModel, ConfigDict, Field, model_validator

from evaluation.scorers.json_checks import problems
from evaluation.scorers.subject import Scored, Subject, unparsed
from tracing.event import ScoreKind

LONGEST_INPUT = 200_000


class JudgeOptions(BaseModel):
    """Options of `judge`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rubric: str = Field(
        min_length=1, description="the rubric prompt: judge-helpful, judge-helpful@canary, judge-helpful@3"
    )
    verdict: Literal["bool", "number", "category"] = Field("bool", description="what a verdict is")
    low: float = Field(1, description="the least number")
    high: float = Field(5, description="the greatest number")
    categories: tuple[str, ...] = Field((), description="the categories to choose from")
    model: str | None = Field(None, description="asked instead of the rubric's own model")
    concurrency: int = Field(2, ge=1, le=32, description="calls of this judge at a time")
    calls_per_day: int | None = Field(None, ge=1, description="most calls a UTC day; what is above stays unjudged")
    usd_per_day: float | None = Field(None, gt=0, description="most dollars a UTC day, as far as prices are known")
    attempts: int = Field(
        20, ge=1, le=1000, description="how often a judge that can't be reached is asked about one call"
    )

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if self.verdict == "category" and len(set(self.categories)) < 2:
            raise ValueError("categories takes two names or more")
        if self.verdict != "category" and self.categories:
            raise ValueError("categories goes with verdict = 'category'")
        if self.low >= self.high:
            raise ValueError(f"low ({self.low:g}) must be less than high ({self.high:g})")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a judge is asked: a rubric, what goes into it, and the shape of the verdict. `tags` stand on the judge's own call."""

    rubric: str
    variables: Mapping[str, Any]
    response_format: Mapping[str, Any]
    model: str | None
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back. `status` is HTTP's; `rubric` and `version` say which version of the rubric asked, `model` which one answered.

    `cost` is in US dollars, None where it isn't known. `error` says what went wrong.
    """

    status: int
    text: str = ""
    rubric: str = ""
    version: int = 0
    model: str = ""
    cost: float | None = None
    error: str = ""

    @property
    def later(self) -> bool:
        """Whether asking again may help: the provider is away or busy, a key or the rubric is not in place yet."""
        return self.status in {401, 403, 404, 408, 409, 425, 429} or self.status >= 500


Ask = Callable[[Question], Awaitable[Answer]]
"""Asks a judge's model on the way that every call takes. Errors are answers; it raises nothing but CancelledError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """One judge of the settings."""

    name: str
    options: JudgeOptions

    @property
    def gives(self) -> ScoreKind:
        """What its scores are."""
        return self.options.verdict


def task_of(subject: Subject, call: Mapping[str, Any]) -> dict[str, Any]:
    """What has to be kept of a call until it is judged; long conversations keep their end, long answers their beginning."""
    return {
        "call_id": str(call["call_id"]),
        "prompt": call["prompt"],
        "input": subject.conversation[-LONGEST_INPUT:],
        "question": subject.question[-LONGEST_INPUT:],
        "output": (subject.text or _tools_in_words(subject))[:LONGEST_INPUT],
        "variables": orjson.dumps(subject.variables).decode()[:LONGEST_INPUT],
    }


def question_of(judge: Judge, task: Mapping[str, Any]) -> Question:
    """What the judge is asked about a task."""
    return Question(
        rubric=judge.options.rubric,
        variables={name: task[name] for name in ("input", "question", "output", "variables", "prompt")},
        response_format={
            "type": "json_schema",
            "json_schema": {"name": "verdict", "strict": True, "schema": verdict_schema(judge.options)},
        },
        model=judge.options.model,
        tags={"judge": judge.name, "judged-call": task["call_id"]},
    )


def verdict_schema(options: JudgeOptions) -> dict[str, Any]:
    """The JSON Schema of a verdict: the reason first, so that a model thinks before it decides."""
    shapes: dict[str, dict[str, Any]] = {
        "bool": {"type": "boolean"},
        "number": {"type": "number", "minimum": options.low, "maximum": options.high},
        "category": {"type": "string", "enum": list(options.categories)},
    }
    return {
        "type": "object",
        "properties": {"reason": {"type": "string"}, "verdict": shapes[options.verdict]},
        "required": ["reason", "verdict"],
        "additionalProperties": False,
    }


def read_verdict(options: JudgeOptions, text: str) -> Scored:
    """A verdict from the judge's answer: exactly the JSON that was asked for, or unparsed."""
    try:
        said = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return unparsed(f"the judge's verdict is not JSON ({error.msg}): {text[:200]!r}")
    wrong = problems(jsonschema_rs.validator_for(verdict_schema(options)), said)
    if wrong:
        return unparsed(f"the judge's verdict is not as asked for: {wrong}: {text[:200]!r}")
    return Scored(value=said["verdict"], comment=said["reason"])


def _tools_in_words(subject: Subject) -> str:
    calls = (f"{call.name}({_arguments(call.arguments)})" for call in subject.tool_calls)
    return "\n".join(f"[tool call] {call}" for call in calls) or subject.refusal


def _arguments(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
