"""What a check looks at and what it says, as values; how an attempt's output becomes something to look at. Pure.

Knows nothing of any single check. A check's outcome says what was found, not whether that is wanted: `not-` turns it round later.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from evaluation.runs.values import Output
from evaluation.scorers.judge import Ask
from evaluation.scorers.subject import Scored, Subject, subject_of
from registry.cases import Case

Embed = Callable[[Sequence[str]], Awaitable[Sequence[Sequence[float]]]]
"""Gives a vector for each text, in order, on the way that every call takes. Raises for what it could not embed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was found. `passed` is None where the check could not decide; `score` goes from 0 to 1; `cost` is in US dollars.

    `version` says which version of a rubric, a file or a package decided; empty for the kind's own.
    """

    passed: bool | None
    score: float
    reason: str = ""
    version: str = ""
    cost: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a check looks at. `text` is the answer's; `subject` has the rest of the call, tools and their arguments."""

    case: Case
    output: Output
    subject: Subject

    @property
    def text(self) -> str:
        """The answer's text."""
        return self.subject.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What checks are handed that can't decide alone.

    `ask` and `embed` reach models. `allow_python` lets people's own Python run, relative to `folder`, each time for `python_seconds` at
    most. `prompt` is the slug that is evaluated, for judges. A model that is away is asked `attempts` times, first after `pause_seconds`.
    """

    ask: Ask | None = None
    embed: Embed | None = None
    allow_python: bool = False
    folder: Path = Path()
    python_seconds: float = 10.0
    prompt: str = ""
    attempts: int = 3
    pause_seconds: float = 1.0


Decide = Callable[[Look], Outcome]
"""A check that needs the output alone. Pure; it may raise, which counts as undecided."""

Consult = Callable[[Look, Means], Awaitable[Outcome]]
"""A check that asks somebody."""


def found(yes: bool, reason: str = "") -> Outcome:
    """Yes or no, with what was seen."""
    return Outcome(passed=yes, score=float(yes), reason=reason)


def undecided(reason: str, cost: float | None = None) -> Outcome:
    """No decision, and why."""
    return Outcome(passed=None, score=0.0, reason=reason, cost=cost)


def measured(score: float, threshold: float, what: str) -> Outcome:
    """A measure from 0 to 1 that must reach a threshold."""
    return Outcome(
        passed=score >= threshold,
        score=min(1.0, max(0.0, score)),
        reason=f"{what}: {score:.3f} (at least {threshold:g})",
    )


def of_scorer(said: Scored | None, *, nothing: str = "", yes: str = "", no: str = "") -> Outcome:
    """What an automatic scorer says, as an outcome. Where it has nothing to say of an answer, the answer isn't what was wanted.

    `yes` and `no` are the reasons where the scorer gives none itself.
    """
    if said is None:
        return found(False, nothing)
    if not said.parsed or not isinstance(said.value, bool):
        return undecided(said.comment or "it can't be told")
    return found(said.value, said.comment or (yes if said.value else no))


def look_at(case: Case, output: Output) -> Look:
    """The output as checks see it: its text, and from the bodies on record its tools, in whichever of the four formats they are."""
    row = {
        "request": output.request,
        "response": output.response,
        "variables": orjson.dumps(case.variables).decode(),
        "endpoint": _endpoint(output.response),
        "finish_reason": output.finish_reason,
        "duration_ms": output.duration_ms,
        "first_chunk_ms": output.first_chunk_ms,
        "cost": output.cost,
        "input_tokens": output.input_tokens,
        "output_tokens": output.output_tokens,
    }
    subject = subject_of(row)
    return Look(case=case, output=output, subject=replace(subject, text=output.text) if output.text else subject)


def _endpoint(response: str) -> str:
    """Which of the endpoints gives an answer of this shape; the recorded output doesn't say."""
    try:
        body: Any = orjson.loads(response)
    except orjson.JSONDecodeError:
        return ""
    if not isinstance(body, dict) or "choices" in body:
        return "chat.completions"
    return "responses" if "output" in body else "messages"
