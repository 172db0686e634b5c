"""What the registry keeps of evaluations, as values: what was asked, how far it is, who runs it, and what each attempt gave.

Knows the shape of data at the registry's borders. Refuses to know how an evaluation is run and judged: plans, results and facts are JSON
that its runner wrote.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, get_args

EvaluationState = Literal["queued", "running", "done", "failed", "cancelled"]

EVALUATION_STATES: tuple[str, ...] = get_args(EvaluationState)
OVER = frozenset({"done", "failed", "cancelled"})
"""States that an evaluation doesn't leave any more."""

LEASE_SECONDS = 60.0
"""How long a runner holds an evaluation after it was last heard of. Hosts' clocks may differ by a few seconds, so not much less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """A run of versions of a prompt over a version of a dataset.

    `plan` is what its runner needs to know, `facts` what it made of the results, None before the end. `total` counts the attempts that the
    plan asks for, `done` those with a result, `failed` those that did not pass; `cost` is in US dollars, of answers whose cost is known.
    `runner` holds it until `lease_until`: after that another may take over.
    """

    evaluation_id: str
    slug: str
    dataset: str
    number: int
    plan: Mapping[str, Any]
    state: EvaluationState
    total: int
    done: int
    failed: int
    cost: float
    actor: str
    identity: str
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    runner: str = ""
    lease_until: datetime | None = None
    facts: Mapping[str, Any] | None = None
    error: str = ""

    @property
    def dataset_reference(self) -> str:
        """The version of the dataset that it runs over: `support-golden@3`."""
        return f"{self.dataset}@{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptResult:
    """What one attempt gave. `target`, `case_id` and `repeat` tell it apart within its evaluation; `result` is all of it, as JSON.

    `passed` is None where the checks could not decide, `cost` where it isn't known.
    """

    target: str
    case_id: str
    repeat: int = 0
    passed: bool | None = None
    cost: float | None = None
    result: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str, int]:
        """What tells it apart within its evaluation."""
        return (self.target, self.case_id, self.repeat)
