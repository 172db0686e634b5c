"""What the pages need of whoever can plan and start evaluations, which stands above them and is handed in.

Knows what is asked for. Refuses to know how it is planned, what it costs and who runs it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from evaluation.runs.cost import Estimate
from registry.evaluations import Evaluation
from registry.policy import Decision
from registry.roles import Principal


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """An evaluation as somebody asks for it: versions of one prompt by reference (`support-agent@7`), each with each of the models (none:
    its own), compared with the version `against` ("": with nothing). A budget is in US dollars, None: none.
    """

    references: tuple[str, ...]
    dataset: str
    against: str = ""
    models: tuple[str, ...] = ()
    repeats: int = 1
    budget_usd: float | None = None
    embedding_model: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateAsked:
    """The evaluation that a channel takes on one dataset before a version gets onto it."""

    slug: str
    version: int
    channel: str
    dataset: str
    budget_usd: float | None = None


class Evaluating(Protocol):
    """Plans and starts evaluations. Methods raise RegistryError, and EvaluationError for what can't be run as it was asked for.

    `once` is what a form was given when it was shown: sent twice, it starts one evaluation.
    """

    def estimate(self, by: Principal, asked: Asked) -> Estimate:
        """How many calls it makes and about what they cost, after everything about it was checked. May take a second."""
        ...

    def start(self, by: Principal, asked: Asked, once: str) -> Evaluation:
        """Asks the server for it."""
        ...

    def estimate_gate(self, by: Principal, asked: GateAsked) -> Estimate:
        """The same, for a gate's."""
        ...

    def start_gate(self, by: Principal, asked: GateAsked, once: str) -> Evaluation:
        """Asks the server for what a gate takes, verdict included."""
        ...

    def weighed(self, slug: str, channel: str, dataset: str, facts: Mapping[str, Any]) -> Decision:
        """What a channel's policies on a dataset make of an evaluation's facts now."""
        ...
