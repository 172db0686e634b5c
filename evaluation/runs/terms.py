"""What a run of an evaluation is asked for, what it tells on the way, and how it ends: values and protocols.

Refuses to know how any of it is carried out (`run.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from evaluation.runs.values import CaseResult, CheckResult

State = Literal["done", "over_budget", "unpriced", "away", "refused", "cancelled"]
"""How a run ended. All but "done" leave attempts that can be resumed."""

Decide = Callable[[Sequence[CheckResult]], tuple[bool | None, float]]
"""From what the checks of a case said to whether it passed (None: undecided), and its score from 0 to 1."""


class Results(Protocol):
    """Where an evaluation's results are kept for good. Called from threads; raises what its storage raises."""

    def read(self) -> Sequence[CaseResult]:
        """All results that there are, in any order."""
        ...

    def append(self, results: Sequence[CaseResult]) -> None:
        """Returns once they are durable. One that is there already stays as it is."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How an evaluation is carried out. `attempts` is how often a provider that is away is asked about one case."""

    concurrency: int = 8
    budget_usd: float | None = None
    attempts: int = 10
    first_pause_seconds: float = 1.0
    longest_pause_seconds: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run is. `failed` counts attempts that did not pass, `errors` those among them without an answer.

    `eta_seconds` is None until there is something to go by. `waiting` says what is waited for.
    """

    total: int
    done: int
    failed: int
    errors: int
    spent_usd: float
    eta_seconds: float | None
    waiting: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a run ended, and why, in words. `asked` is how many answers this run got from models; `spent_usd` is what the evaluation cost,
    runs before this one included, and `unpriced` how many of its answers have no price."""

    state: State
    reason: str
    total: int
    done: int
    asked: int
    spent_usd: float
    unpriced: int


class Halt(Exception):
    """No attempt is begun any more; those that are under way are carried to their end."""

    def __init__(self, state: State, reason: str) -> None:
        super().__init__(reason)
        self.state: State = state
        self.reason = reason
