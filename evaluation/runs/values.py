"""What an evaluation is made of, as values: what is tried, what it answered, what its checks said.

Knows shapes only. Refuses to know how a model is asked, how a check decides, and what follows from the results.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from registry.cases import Case


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is tried: a version of a prompt, with another model than its own where `model` says so."""

    slug: str
    version: int
    model: str | None = None

    @property
    def label(self) -> str:
        """Its name in reports, and its key among results: `support-agent@7`, `support-agent@7 on gpt-5-mini`."""
        return f"{self.slug}@{self.version}" + (f" on {self.model}" if self.model else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One call of an evaluation: a target, a case, and which repetition of it, from 0."""

    target: Target
    case: Case
    repeat: int = 0

    @property
    def key(self) -> tuple[str, str, int]:
        """What tells it apart within its evaluation."""
        return (self.target.label, self.case.case_id, self.repeat)


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """What an attempt gave. `error` is empty for an answer. `cost` is in US dollars, None where it isn't known; times in milliseconds.

    `request` and `response` are the call's bodies as JSON text, as they stand on record. `cached`: taken from an earlier attempt with the
    same request, and paid for there.
    """

    call_id: str = ""
    status: int = 200
    error: str = ""
    text: str = ""
    request: str = ""
    response: str = ""
    model: str = ""
    finish_reason: str = ""
    cost: float | None = None
    duration_ms: float = 0.0
    first_chunk_ms: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What one check said. `passed` is None where it could not decide (no answer, a judge that is away); `score` goes from 0 to 1.

    `cost` is what the check itself cost (a judge's call), in US dollars. `weight` is how much it counts; 0 is only reported.
    """

    metric: str
    type: str
    passed: bool | None
    score: float
    reason: str = ""
    version: str = ""
    cost: float | None = None
    weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """An attempt with its output and what its checks said. `passed` is None where a check could not decide and none failed."""

    key: tuple[str, str, int]
    output: Output
    checks: tuple[CheckResult, ...]
    passed: bool | None
    score: float


Complete = Callable[[Attempt], Awaitable[Output]]
"""Asks the model about an attempt, on the way that every call takes. Errors are outputs; it raises only CancelledError."""

RunChecks = Callable[[Case, Output], Awaitable[tuple[CheckResult, ...]]]
"""Runs all checks of a case over its output, those of the dataset before its own. Raises only CancelledError."""
