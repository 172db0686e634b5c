"""Evaluations over HTTP: asks for versions over a dataset, or for what a channel's gate takes, and says how far it is and what came of it.
The keeper runs them.

Knows routes. Refuses to take a verdict from anybody: what a gate says is made of results by the server's own runner.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from proxy.line import Line
from registry.evaluations import Evaluation, EvaluationState
from registry.roles import Principal, permit
from registry.writing.store import Store
from slugline.evaluation_schemas import AskedOut, EvaluationBody, EvaluationList, EvaluationOut
from slugline.front import KEY

if TYPE_CHECKING:
    from evaluation.runs.plan import Plan
    from slugline.gating import Gate

By = Callable[[Request], Principal]


def build_router(store: Store, by: By, new_id: Callable[[], str], line: Line) -> APIRouter:
    """The routes; `by` says who asks, `line` has the prices. What is seen is what the key's prompts let be seen."""
    router = APIRouter(prefix="/api/evaluations", tags=["evaluations"])

    @router.post("", status_code=202)
    def start_evaluation(body: EvaluationBody, request: Request, response: Response) -> AskedOut:
        """Ask for versions over a dataset, or for the evaluations that a channel takes before a version gets onto it: one for each dataset
        that its policies name."""
        from evaluation.runs.text import undertaking
        from slugline.evaluating import foreseen
        from slugline.evaluation_asking import queue
        from slugline.evaluation_payer import may_pay

        me = by(request)
        may_pay(line, request.scope.get(KEY))
        asked = _gates(store, me, body) if body.versions is None else [(_plan(store, me, body), None)]
        expected = [undertaking(plan, foreseen(line, plan)) for plan, _ in asked]
        if body.dry_run:
            response.status_code = 200
            return AskedOut(evaluations=[], expected=expected)
        queued = [queue(store, new_id(), plan, by=me, budget_usd=body.budget_usd, gate=gate) for plan, gate in asked]
        return AskedOut(evaluations=[_out(store, each) for each in queued], expected=expected)

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


def _gates(store: Store, by: Principal, body: EvaluationBody) -> list[tuple[Plan, Gate | None]]:
    """What a channel asks for, a plan for each of its gates."""
    from slugline.gating import gates_for, plan_of_gate

    gates = gates_for(store, by, body.prompt, body.candidate, body.channel, dataset=body.dataset)
    model = body.embedding_model
    return [(plan_of_gate(store, by, gate, embedding_model=model, own_python=False), gate) for gate in gates]


def _plan(store: Store, by: Principal, body: EvaluationBody) -> Plan:
    """Versions over a dataset."""
    from slugline.evaluation_plan import cases_of_dataset, plan_of

    return plan_of(
        store,
        by,
        [f"{body.prompt}@{version}" for version in body.versions or ()],
        cases_of_dataset(store, by, body.dataset or ""),
        against=None if body.against is None else f"{body.prompt}@{body.against}",
        models=body.models,
        repeats=body.repeats,
        embedding_model=body.embedding_model,
        own_python=False,
    )


def _out(store: Store, one: Evaluation, *, whole: bool = True) -> EvaluationOut:
    out, gate = EvaluationOut.of(one), one.plan.get("gate")
    if whole and one.facts is not None:
        out.facts = dict(one.facts)
        if gate:
            from slugline.gating import weighed

            decided = weighed(store, one.slug, str(gate["channel"]), str(gate["dataset"]), one.facts)
            out.outcome, out.reasons, out.needed = decided.outcome, list(decided.reasons), decided.needed
    return out
