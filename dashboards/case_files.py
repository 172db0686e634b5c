"""Cases from a file or from what was pasted: a new dataset, or more cases for one that is there.

Knows which field of the form is which argument of the Store's. Refuses to read files itself: `registry.importing.cases` knows their forms.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response

from dashboards.cases import checked, saved_at, writable
from dashboards.forms import Form, read_form
from dashboards.frame import Frame
from dashboards.moves import NOT_ALLOWED
from registry.datasets import DatasetSaved, check_dataset, fold
from registry.errors import STATUS, PromptInvalidError, RegistryError
from registry.importing.cases.files import read_cases
from registry.roles import Principal, permit
from registry.writing.store import Store

Sent = Annotated[Form, Depends(read_form)]
SAMPLE = """question,__expected,__tags,__must_pass
Where is my parcel?,icontains: tracking,shipping,
I want my money back,icontains: 30 days,refunds,yes
"""


def add_case_files(router: APIRouter, frame: Frame, store: Store) -> None:
    """`/new/dataset` and `/datasets/{name}/import`."""

    def show(
        request: Request, name: str, typed: Form, problem: str = "", status: int = 200, text: str = ""
    ) -> HTMLResponse:
        told = {"name": name, "typed": typed, "problem": problem, "text": text}
        return frame.page(request, "cases_import.html", status=status, **told)

    @router.get("/new/dataset")
    def get_new(request: Request, name: str = "") -> HTMLResponse:
        permit(frame.visitor(request), "save")
        return show(request, "", Form(fields={"name": name[:100]}), text=SAMPLE)

    @router.get("/datasets/{name}/import")
    def get_import(name: str, request: Request) -> HTMLResponse:
        writable(frame, store, request, name)
        return show(request, name, Form())

    @router.post("/new/dataset")
    def post_new(request: Request, form: Sent) -> Response:
        return taken(request, "", form)

    @router.post("/datasets/{name}/import")
    def post_import(name: str, request: Request, form: Sent) -> Response:
        return taken(request, check_dataset(name), form)

    def taken(request: Request, name: str, form: Form) -> Response:
        me = frame.who(request)
        try:
            return saved_at(_imported(store, me, name, form))
        except NOT_ALLOWED:
            raise
        except RegistryError as error:
            return show(request, name, form, error.message, STATUS[type(error)], form.raw("text"))


def _imported(store: Store, me: Principal, name: str, form: Form) -> DatasetSaved:
    file = form.raw("file.filename")
    text, called = (form.raw("file"), file) if file else (form.raw("text"), f"pasted.{form.text('form') or 'yaml'}")
    if not text.strip():
        raise PromptInvalidError("choose a file, or paste the cases", param="file")
    try:
        found = read_cases(text, called)
    except PromptInvalidError as error:
        raise PromptInvalidError(f"{called}: {error.message}", param="file") from error
    checked(found.cases, found.checks)
    terms: Mapping[str, Any] = {"message": form.text("message"), "by": me, "idempotency_key": form.text("once")}
    if not name:
        return store.save_dataset(form.text("name"), found.cases, checks=found.checks, if_match=0, **terms)
    there = store.dataset(name)
    before = store.read_dataset(name)
    if form.text("then") == "replace":
        return store.save_dataset(name, found.cases, checks=found.checks, if_match=there.revision, **terms)
    # Checks for all of a file's cases hold for these alone, where the dataset has others.
    same = found.checks == before.checks or not found.checks
    added = found.cases if same else [replace(each, checks=(*found.checks, *each.checks)) for each in found.cases]
    cases, folded = fold([*before.cases, *added])
    saved = store.save_dataset(name, cases, if_match=there.revision, **terms)
    return replace(saved, folded=folded)
