"""How a server is asked for an evaluation: a row of the registry that says so, for its keeper to find; and which cases it can evaluate.

Refuses to know how it is run (`slugline.evaluation_queue`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from evaluation.runs.plan import Plan
from registry.cases import Case, Check
from registry.evaluations import Evaluation
from registry.roles import Principal
from registry.writing.store import Store

if TYPE_CHECKING:
    from slugline.gating import Gate

SERVER = "server"
"""What `runs_on` says in the plan of an evaluation that is a server's to run."""


def queue(
    store: Store,
    evaluation_id: str,
    plan: Plan,
    *,
    by: Principal,
    budget_usd: float | None = None,
    gate: Gate | None = None,
    probe: Mapping[str, str] | None = None,
) -> Evaluation:
    """Asks a server for an evaluation over a dataset of the registry, and with a `gate` for its verdict. A `probe`'s has its id and night.

    Raises RegistryError.
    """
    told = {**plan.without_cases(), "runs_on": SERVER, "budget_usd": budget_usd}
    if gate is not None:
        told["gate"] = {"candidate": gate.candidate.number, "channel": gate.channel, "dataset": gate.dataset}
    if probe is not None:
        told["probe"] = dict(probe)
    dataset = f"{plan.dataset}@{plan.number}"
    return store.create_evaluation(plan.slug, dataset, plan=told, total=plan.size, by=by, evaluation_id=evaluation_id)


def check_for_server(cases: Sequence[Case], checks: Sequence[Check]) -> None:
    """Raises PromptInvalidError for checks that can't work on a server, people's own Python among them."""
    from evaluation.checks.cases import (
        check_cases,
    )  # brings numpy, which a worker does without until somebody saves cases

    check_cases(cases, checks, own_python=False)
