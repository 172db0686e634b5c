"""Starting an evaluation: versions of a prompt over a dataset, with what it will cost said before anything is paid; or what a gate takes.

Knows which field of a form is which part of what is asked for. Refuses to plan anything: whoever is handed in does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response

from dashboards.asking import Asked, Evaluating, GateAsked
from dashboards.forms import Form, read_form
from dashboards.frame import Frame, see_other
from dashboards.moves import NOT_ALLOWED
from evaluation.runs.cost import Estimate
from evaluation.runs.errors import EvaluationError
from registry.datasets import DatasetAbout
from registry.errors import STATUS, PromptInvalidError, PromptNotFoundError, RegistryError
from registry.evaluations import Evaluation
from registry.reference import check_slug
from registry.roles import Principal, permit
from registry.storage.reader import STABLE
from registry.values import Prompt
from registry.writing.store import Store

Sent = Annotated[Form, Depends(read_form)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What stands in the form. `estimate` is there once somebody asked what it will cost."""

    typed: Form = field(default_factory=Form)
    estimate: Estimate | None = None
    problem: str = ""
    status: int = 200


def add_evaluating(router: APIRouter, frame: Frame, store: Store, evaluating: Evaluating) -> None:
    """`/evaluations/new`, and `/prompts/{slug}/evaluate` for a gate."""

    def show(request: Request, me: Principal, choice: Choice) -> HTMLResponse:
        prompts = [each for each in store.prompts() if me.sees(each.slug) and each.archived_at is None]
        datasets = [each for each in store.datasets() if me.sees(each.name) and each.archived_at is None]
        prompt = next((each for each in prompts if each.slug == choice.typed.text("prompt")), None)
        told: dict[str, Any] = {"prompts": prompts, "datasets": datasets, "prompt": prompt, "choice": choice}
        versions = store.versions(prompt.slug)[:50] if prompt else []
        return frame.page(request, "evaluation_new.html", status=choice.status, **told, versions=versions)

    @router.get("/evaluations/new")
    def get_new(
        request: Request, prompt: str = "", dataset: str = "", version: str = "", against: str | None = None
    ) -> HTMLResponse:
        me = frame.visitor(request)
        permit(me, "evaluate")
        given = _start(store, me, prompt, dataset, version, against)
        return show(request, me, Choice(typed=Form(fields=given)))

    @router.post("/evaluations/new")
    def post_new(request: Request, form: Sent) -> Response:
        me = frame.who(request)
        permit(me, "evaluate", slug=form.text("prompt") or None)
        try:
            asked = asked_of(form)
            if form.text("action") != "start":
                return show(request, me, Choice(typed=form, estimate=evaluating.estimate(me, asked)))
            begun = evaluating.start(me, asked, form.text("once"))
        except NOT_ALLOWED:
            raise
        except (RegistryError, EvaluationError) as error:
            status = STATUS[type(error)] if isinstance(error, RegistryError) else 400
            return show(request, me, Choice(typed=form, problem=str(error), status=status))
        return _begun(begun)

    @router.post("/prompts/{slug}/evaluate")
    def post_gate(slug: str, request: Request, form: Sent) -> Response:
        me = frame.visitor(request, slug=check_slug(slug))
        permit(me, "evaluate", slug=slug)
        asked = GateAsked(
            slug=slug,
            version=form.needed("version"),
            channel=form.text("channel") or STABLE,
            dataset=form.text("dataset"),
            budget_usd=dollars(form, "budget"),
        )
        if form.text("action") == "start":
            return _begun(evaluating.start_gate(me, asked, form.text("once")))
        told: dict[str, Any] = {
            "asked": asked,
            "estimate": evaluating.estimate_gate(me, asked),
            "prompt": store.prompt(slug),
        }
        return frame.page(request, "gate_ask.html", **told)


def asked_of(form: Form) -> Asked:
    """What the form asks for. Raises PromptInvalidError that names the field."""
    slug = form.text("prompt")
    if not slug:
        raise PromptInvalidError("choose a prompt", param="prompt")
    references = [f"{slug}@{number}" for name in ("version", "also") if (number := form.text(name))]
    if not references:
        raise PromptInvalidError("choose a version to try", param="version")
    if not form.text("dataset"):
        raise PromptInvalidError("choose a dataset", param="dataset")
    against = form.text("against")
    return Asked(
        references=tuple(dict.fromkeys(references)),
        dataset=form.text("dataset"),
        against=f"{slug}@{against}" if against else "",
        models=tuple(model.strip() for model in form.text("models").split(",") if model.strip()),
        repeats=form.whole("repeats") or 1,
        budget_usd=dollars(form, "budget"),
        embedding_model=form.text("embedding_model"),
    )


def dollars(form: Form, name: str) -> float | None:
    """US dollars above 0, None where the field is empty. Raises PromptInvalidError."""
    text = form.text(name).removeprefix("$").replace(",", ".")
    if not text:
        return None
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0 < found < 1e9:
        raise PromptInvalidError(f"'{name}' is an amount in US dollars, such as 2.50, not '{text[:40]}'", param=name)
    return found


def _start(store: Store, me: Principal, slug: str, dataset: str, version: str, against: str | None) -> dict[str, str]:
    """What the form says before anybody touched it: the newest version against what is on stable."""
    if not slug:
        # A dataset is often named after its prompt.
        slugs = [each.slug for each in store.prompts() if me.sees(each.slug) and each.archived_at is None]
        slug = next((each for each in slugs if dataset and (dataset.startswith(each) or each.startswith(dataset))), "")
    given = {"prompt": slug, "dataset": dataset, "version": version, "against": against or "", "repeats": "1"}
    if slug:
        permit(me, "evaluate", slug=check_slug(slug))
        try:
            prompt: Prompt = store.prompt(slug)
        except PromptNotFoundError:
            return given
        given["version"] = version or str(prompt.latest)
        live = prompt.channels.get(STABLE)
        if against is None and live is not None and str(live) != given["version"]:
            given["against"] = str(live)
        known: list[DatasetAbout] = store.datasets() if not dataset else []
        given["dataset"] = dataset or next((each.name for each in known if each.name.startswith(slug)), "")
    return given


def _begun(one: Evaluation) -> Response:
    return see_other(f"/evaluations/{quote(one.evaluation_id)}?follow=true")
