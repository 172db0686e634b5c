"""Evaluations over HTTP: asks for what a channel's gate takes, and says how far it is and what came of it. The keeper runs them.

Knows routes and bodies. Refuses to take a verdict from anybody: what a gate says is made of results by the server's own runner.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from registry.criteria import Outcome
from registry.evaluations import Evaluation, EvaluationState
from registry.roles import Principal, permit
from registry.writing.store import Store

By = Callable[[Request], Principal]


class GateBody(BaseModel):
    """What to evaluate."""

    model_config = ConfigDict(extra="forbid")

    prompt: str = Field(description="the prompt's slug")
    candidate: str = Field("latest", description="the version that is to get onto the channel: a channel, a number")
    channel: str = "stable"
    dataset: str | None = Field(None, description="this dataset alone; by default all that the channel asks for")
    budget_usd: float | None = Field(None, gt=0, description="US dollars for each dataset, judges included")
    embedding_model: str | None = Field(None, description="the model for the check 'similar'")


class EvaluationOut(BaseModel):
    """An evaluation as far as it is. `outcome` and `reasons` are what the channel's policies make of it now, once it is done."""

    evaluation_id: str
    prompt: str
    dataset: str
    targets: list[str]
    state: EvaluationState
    total: int
    done: int
    failed: int
    cost: float
    created_by: str
    created_at: datetime
    ended_at: datetime | None
    error: str
    candidate: int | None = None
    channel: str | None = None
    outcome: Outcome | None = None
    reasons: list[str] = Field(default_factory=list)
    needed: int | None = None
    facts: dict[str, Any] | None = None


class EvaluationList(BaseModel):
    """Evaluations, newest first."""

    evaluations: list[EvaluationOut]


def build_router(store: Store, by: By, new_id: Callable[[], str]) -> APIRouter:
    """The routes; `by` says who asks. What is seen is what the key's prompts let be seen."""
    router = APIRouter(prefix="/api/evaluations", tags=["evaluations"])

    @router.post("", status_code=202)
    def start_gate(body: GateBody, request: Request) -> EvaluationList:
        """Ask for the evaluations that a channel takes before a version gets onto it: one for each dataset that its policies name."""
        from slugline.evaluation_asking import queue
        from slugline.gating import gates_for, plan_of_gate

        me = by(request)
        gates = gates_for(store, me, body.prompt, body.candidate, body.channel, dataset=body.dataset)
        plans = [plan_of_gate(store, me, gate, embedding_model=body.embedding_model) for gate in gates]
        queued = [
            queue(store, new_id(), plan, by=me, budget_usd=body.budget_usd, gate=gate)
            for gate, plan in zip(gates, plans, strict=True)
        ]
        return EvaluationList(evaluations=[_out(store, each) for each in queued])

    @router.get("")
    def list_evaluations(
        request: Request,
        prompt: str | None = None,
        state: EvaluationState | None = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> EvaluationList:
        """Evaluations, newest first, without their facts."""
        me = by(request)
        permit(me, "inspect", slug=prompt)
        found = [each for each in store.evaluations(prompt, state=state, limit=limit) if me.sees(each.slug)]
        return EvaluationList(evaluations=[_out(store, each, whole=False) for each in found])

    @router.get("/{evaluation_id}")
    def get_evaluation(evaluation_id: str, request: Request) -> EvaluationOut:
        """One evaluation: how far it is, and what came of it."""
        return _out(store, _seen(evaluation_id, by(request)))

    @router.get("/{evaluation_id}/results")
    def get_results(evaluation_id: str, request: Request) -> dict[str, Any]:
        """The plan without its cases, and every attempt's result that there is."""
        found = _seen(evaluation_id, by(request))
        results = [dict(each.result) for each in store.results(evaluation_id)]
        return {"plan": dict(found.plan), "dataset": found.dataset_reference, "results": results}

    @router.post("/{evaluation_id}/cancel")
    def cancel_evaluation(evaluation_id: str, request: Request) -> EvaluationOut:
        """Stop it; what was paid for is kept."""
        return _out(store, store.cancel_evaluation(evaluation_id, by=by(request)))

    def _seen(evaluation_id: str, me: Principal) -> Evaluation:
        permit(me, "inspect")
        found = store.evaluation(evaluation_id)
        permit(me, "inspect", slug=found.slug)
        return found

    return router


def _out(store: Store, one: Evaluation, *, whole: bool = True) -> EvaluationOut:
    gate = one.plan.get("gate") or {}
    out = EvaluationOut(
        evaluation_id=one.evaluation_id,
        prompt=one.slug,
        dataset=one.dataset_reference,
        targets=[str(target["slug"]) + f"@{target['version']}" for target in one.plan.get("targets", ())],
        state=one.state,
        total=one.total,
        done=one.done,
        failed=one.failed,
        cost=one.cost,
        created_by=one.actor,
        created_at=one.created_at,
        ended_at=one.ended_at,
        error=one.error,
        candidate=gate.get("candidate"),
        channel=gate.get("channel"),
    )
    if whole and one.facts is not None:
        out.facts = dict(one.facts)
        if gate:
            from slugline.gating import weighed

            decided = weighed(store, one.slug, str(gate["channel"]), str(gate["dataset"]), one.facts)
            out.outcome, out.reasons, out.needed = decided.outcome, list(decided.reasons), decided.needed
    return out
