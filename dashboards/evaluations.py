"""Evaluations: which there are, how far one is, and what came of it, case by case beside the baseline; and the same for machines.

Knows how they are shown. Refuses to know how one is started (`dashboards.evaluating`) and run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from dashboards.asking import Evaluating
from dashboards.forms import Form, read_form
from dashboards.frame import HEADERS, Frame, see_other
from dashboards.outcomes import SHOWN, CaseRow, Outcomes, Sought, look_for, rows_of, table_of, targets_of
from dashboards.spreadsheets import as_csv
from evaluation.intervals import wilson
from evaluation.runs.plan import Plan
from evaluation.runs.report import Report, report_of
from evaluation.runs.values import CaseResult
from registry.errors import DatasetNotFoundError
from registry.evaluations import EVALUATION_STATES, OVER, Evaluation
from registry.policy import Decision
from registry.roles import permit
from registry.writing.store import Store

Sent = Annotated[Form, Depends(read_form)]
MOST_LISTED = 200
FOLLOW_SECONDS = 3
TWINS = ("json", "csv", "md", "xml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """An evaluation with all that is known of it. `decision` is what its gate makes of it now, None where it was asked for no gate."""

    one: Evaluation
    plan: Plan
    report: Report
    rows: Sequence[CaseRow]
    decision: Decision | None

    @property
    def over(self) -> bool:
        """Whether it goes on no more."""
        return self.one.state in OVER

    @property
    def again(self) -> str:
        """What the form says of another one like it."""
        tried = [target for target in self.plan.targets if target.label != self.plan.baseline]
        against = [target for target in self.plan.targets if target.label == self.plan.baseline]
        given = {"prompt": self.one.slug, "dataset": self.one.dataset, "version": tried[0].version}
        return urlencode({**given, "against": against[0].version if against else ""})

    @property
    def gate(self) -> dict[str, Any]:
        """What it was asked for: candidate, channel and dataset of a gate."""
        return dict(self.one.plan.get("gate") or {})


def add_evaluations(router: APIRouter, frame: Frame, store: Store, evaluating: Evaluating) -> None:
    """`/evaluations` and `/evaluations/{id}`, each of its cases, and its twins for machines."""
    _add_list(router, frame, store)
    _add_one(router, frame, store, evaluating)


def _add_list(router: APIRouter, frame: Frame, store: Store) -> None:
    def listed(request: Request, prompt: str, state: str) -> list[Evaluation]:
        me = frame.visitor(request, slug=prompt or None)
        wanted = state if state in EVALUATION_STATES else None
        found = store.evaluations(prompt or None, state=wanted, limit=MOST_LISTED)
        return [each for each in found if me.sees(each.slug)]

    @router.get("/evaluations")
    def list_evaluations(request: Request, prompt: str = "", state: str = "") -> HTMLResponse:
        found = listed(request, prompt, state)
        states = ("", *EVALUATION_STATES)
        told: dict[str, Any] = {"found": found, "prompt": prompt, "state": state, "states": states, "most": MOST_LISTED}
        return frame.page(request, "evaluations.html", **told)

    @router.get("/evaluations.json")
    def list_json(request: Request, prompt: str = "", state: str = "") -> Response:
        names = ("evaluation_id", "slug", "state", "total", "done", "failed", "cost", "actor", "error")
        told = [
            {**{name: getattr(each, name) for name in names}, "dataset": each.dataset_reference}
            | {"created_at": each.created_at.isoformat(), "targets": targets_of(each)}
            for each in listed(request, prompt, state)
        ]
        return JSONResponse({"evaluations": told}, headers=HEADERS)


def _add_one(router: APIRouter, frame: Frame, store: Store, evaluating: Evaluating) -> None:
    def seen(request: Request, evaluation_id: str) -> Seen:
        me = frame.visitor(request)
        one = store.evaluation(evaluation_id)
        permit(me, "inspect", slug=one.slug)
        permit(me, "inspect", slug=one.dataset)
        return read_evaluation(store, evaluating, one)

    @router.get("/evaluations/{evaluation_id}.{form}")
    def get_twin(evaluation_id: str, form: str, request: Request) -> Response:
        found = seen(request, evaluation_id)
        if form not in TWINS:
            raise DatasetNotFoundError(f"an evaluation is there as {', '.join(TWINS)}, not as '{form[:20]}'")
        return _twin(found, form)

    @router.get("/evaluations/{evaluation_id}")
    def get_evaluation(
        evaluation_id: str,
        request: Request,
        show: str = "all",
        tag: str = "",
        must: bool = False,
        page: Annotated[int, Query(ge=1, le=100_000)] = 1,
        follow: bool = False,
    ) -> HTMLResponse:
        found = seen(request, evaluation_id)
        sought = Sought(shown=show if show in SHOWN else "all", tag=tag, must=must, page=page)
        outcomes: Outcomes = look_for(found.rows, sought)
        told: dict[str, Any] = {
            "seen": found,
            "sought": sought,
            "outcomes": outcomes,
            "follow": follow and not found.over,
        }
        answer = frame.page(request, "evaluation.html", **told, pass_interval=wilson)
        if told["follow"]:
            # Asked for by a link, and ended by another, so nobody's page moves against their will.
            answer.headers["refresh"] = str(FOLLOW_SECONDS)
        return answer

    @router.get("/evaluations/{evaluation_id}/cases/{case_id}")
    def get_case(evaluation_id: str, case_id: str, request: Request) -> HTMLResponse:
        found = seen(request, evaluation_id)
        place = next((place for place, row in enumerate(found.rows) if row.case.case_id == case_id), None)
        if place is None:
            raise DatasetNotFoundError(f"evaluation {evaluation_id} has no case '{case_id[:80]}'", param="case_id")
        around = (found.rows[place - 1] if place else None, next(iter(found.rows[place + 1 : place + 2]), None))
        told: dict[str, Any] = {"row": found.rows[place], "before": around[0], "after": around[1]}
        return frame.page(request, "evaluation_case.html", seen=found, **told)

    @router.post("/evaluations/{evaluation_id}/cancel")
    def cancel(evaluation_id: str, request: Request, form: Sent) -> Response:
        seen(request, evaluation_id)
        store.cancel_evaluation(evaluation_id, by=frame.who(request))
        return see_other(f"/evaluations/{evaluation_id}")


def read_evaluation(store: Store, evaluating: Evaluating, one: Evaluation) -> Seen:
    """An evaluation with its results, as far as it is. Raises RegistryError, EvaluationError."""
    dataset = store.read_dataset(one.dataset_reference)
    plan = Plan.with_cases(one.plan, dataset.cases, dataset.checks)
    results = [msgspec.convert(dict(each.result), CaseResult) for each in store.results(one.evaluation_id)]
    gate, decision = one.plan.get("gate") or {}, None
    if gate and one.facts is not None:
        decision = evaluating.weighed(one.slug, str(gate["channel"]), str(gate["dataset"]), one.facts)
    return Seen(
        one=one,
        plan=plan,
        report=report_of(one.evaluation_id, plan, results),
        rows=rows_of(plan, results),
        decision=decision,
    )


def _twin(found: Seen, form: str) -> Response:
    if form == "json":
        told: dict[str, Any] = {**found.report.to_json(), "facts": found.one.facts, "state": found.one.state}
        return JSONResponse(told, headers=HEADERS)
    if form == "csv":
        text = as_csv(table_of(found.rows))
        return PlainTextResponse(text, headers=HEADERS, media_type="text/csv; charset=utf-8")
    if form == "md":
        from evaluation.runs.markdown import as_markdown

        return PlainTextResponse(as_markdown(found.report), headers=HEADERS, media_type="text/markdown; charset=utf-8")
    from evaluation.runs.junit import as_junit

    return Response(as_junit([(found.report, found.plan)]), headers=HEADERS, media_type="application/xml")
