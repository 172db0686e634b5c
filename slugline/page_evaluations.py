"""What the pages are handed for planning and starting evaluations: the same ways as the API's and the command line's.

Refuses to know forms, and how an evaluation is carried out (`slugline.evaluation_queue`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from dashboards.asking import Asked, GateAsked
from evaluation.runs.cost import Estimate, estimate
from evaluation.runs.plan import Plan
from proxy.line import Line
from registry.evaluations import Evaluation
from registry.policy import Decision
from registry.roles import Principal
from registry.writing.store import Store
from slugline.evaluation_asking import queue

MOST_SIZED = 2000
"""So many attempts are looked at for an estimate; a larger evaluation costs in proportion."""

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class PageEvaluations:
    """`dashboards.asking.Evaluating` on a worker's parts. Methods: see there."""

    def __init__(self, store: Store, line: Line, new_id: Callable[[], str]) -> None:
        self._store = store
        self._line = line
        self._new_id = new_id

    def estimate(self, by: Principal, asked: Asked) -> Estimate:
        return self._estimated(self._plan(by, asked))

    def start(self, by: Principal, asked: Asked, once: str) -> Evaluation:
        plan = self._plan(by, asked)
        return queue(self._store, self._id(once), plan, by=by, budget_usd=asked.budget_usd)

    def estimate_gate(self, by: Principal, asked: GateAsked) -> Estimate:
        return self._estimated(self._gate_plan(by, asked)[1])

    def start_gate(self, by: Principal, asked: GateAsked, once: str) -> Evaluation:
        gate, plan = self._gate_plan(by, asked)
        return queue(self._store, self._id(once), plan, by=by, budget_usd=asked.budget_usd, gate=gate)

    def weighed(self, slug: str, channel: str, dataset: str, facts: Mapping[str, Any]) -> Decision:
        from slugline.gating import weighed

        return weighed(self._store, slug, channel, dataset, facts)

    def _plan(self, by: Principal, asked: Asked) -> Plan:
        from slugline.evaluation_plan import cases_of_dataset, plan_of

        return plan_of(
            self._store,
            by,
            asked.references,
            cases_of_dataset(self._store, by, asked.dataset),
            against=asked.against or None,
            models=asked.models,
            repeats=asked.repeats,
            embedding_model=asked.embedding_model or None,
        )

    def _gate_plan(self, by: Principal, asked: GateAsked) -> tuple[Any, Plan]:
        from slugline.gating import gates_for, plan_of_gate

        # One dataset, so one gate.
        [gate] = gates_for(self._store, by, asked.slug, str(asked.version), asked.channel, dataset=asked.dataset)
        return gate, plan_of_gate(self._store, by, gate)

    def _estimated(self, plan: Plan) -> Estimate:
        from slugline.evaluating import pricer, sizer

        attempts = plan.attempts()
        told = estimate(attempts[:MOST_SIZED], {}, sizer(self._line), pricer(self._line))
        share = len(attempts) / max(1, told.attempts)
        unpriced = round(told.unpriced * share)
        return replace(told, attempts=len(attempts), usd=told.usd * share, unpriced=unpriced)

    def _id(self, once: str) -> str:
        # It names a folder later: only what looks like an id of ours is taken for one.
        return once if _ID.fullmatch(once) else self._new_id()
