"""Writing a case by a form, and the checks of every case.

Knows which field is which argument of the Store's. Refuses to decide anything: the Store does, and a form that it refuses stands again as
it was typed, with the reason. An edit holds only if nobody changed the dataset since the page was read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response

from dashboards.case_fields import CaseFields, all_case_fields
from dashboards.datasets import may_write
from dashboards.forms import Form, read_form
from dashboards.frame import Frame, see_other
from dashboards.moves import NOT_ALLOWED
from registry.cases import Case, Check
from registry.datasets import DatasetSaved, check_dataset, find_case
from registry.errors import STATUS, AuthRoleNotAllowedError, PromptConflictError, PromptInvalidError, RegistryError
from registry.roles import Principal, permit
from registry.writing.store import Store

Sent = Annotated[Form, Depends(read_form)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What stands in a case's form. `case_id` is the case that is edited, "" for a new one; `call_id` the call that it comes from.

    `names` are the datasets to choose from, where none is settled.
    """

    dataset: str = ""
    names: Sequence[str] = ()
    revision: int = 0
    case_id: str = ""
    call_id: str = ""
    fields: CaseFields
    message: str = ""
    rows: int = 0
    problem: str = ""
    status: int = 200


def add_cases(router: APIRouter, frame: Frame, store: Store) -> None:
    """The forms of a case, and of the checks of every case."""
    _add_forms(router, frame, store)
    _add_all_checks(router, frame, store)


def show_draft(frame: Frame, request: Request, draft: Draft) -> HTMLResponse:
    """The form of a case."""
    return frame.page(request, "case_edit.html", status=draft.status, draft=draft)


def draft_of(form: Form, *, dataset: str, **more: Any) -> Draft:
    """A form as it was sent; asked for more rows, it has them."""
    rows = (form.whole("rows") or 0) + (4 if form.text("action") == "more" else 0)
    return Draft(
        dataset=dataset,
        revision=form.whole("revision") or 0,
        case_id=form.text("case_id"),
        fields=CaseFields.of_form(form),
        message=form.text("message"),
        rows=min(rows, 16),
        **more,
    )


def refused_draft(draft: Draft, error: RegistryError) -> Draft:
    """A form that was refused, with the reason."""
    message = error.message
    if isinstance(error, PromptConflictError):
        message = "somebody else changed this dataset since you opened the page: look at it in another window, then send this once more"
    return replace(draft, problem=message, status=STATUS[type(error)])


def checked(cases: Sequence[Case], checks: Sequence[Check] = ()) -> None:
    """Return if every check can work. Raises PromptInvalidError that names the case and the check."""
    problem = next(_problems(cases, checks), None)
    if problem:
        raise PromptInvalidError(problem, param="checks")


def _problems(cases: Sequence[Case], checks: Sequence[Check]) -> Iterator[str]:
    from evaluation.checks.validation import problem_of  # what checks stand on takes a while to load

    for check in checks:
        if problem := problem_of(check):
            yield f"a check of all cases can't work: {problem}"
    for place, case in enumerate(cases, 1):
        for check in case.checks:
            if problem := problem_of(check):
                yield (
                    f"a check of case {place} can't work: {problem}"
                    if len(cases) > 1
                    else f"a check can't work: {problem}"
                )


def saved_at(saved: DatasetSaved) -> Response:
    """Where to look after a save."""
    said = "saved" if saved.created else "identical"
    return see_other(f"/datasets/{quote(saved.dataset.name)}?done={said}&folded={saved.folded}")


def writable(frame: Frame, store: Store, request: Request, name: str) -> Principal:
    me = frame.visitor(request, slug=check_dataset(name))
    about = store.dataset(name)
    if not may_write(me, about):
        # The Store says it better than a page could: which role, and why.
        permit(me, "save", slug=name)
        raise AuthRoleNotAllowedError(
            f"dataset '{name}' is part of a gate: the policy of a channel asks for it, so changing it takes the role reviewer or admin"
        )
    return me


def _add_forms(router: APIRouter, frame: Frame, store: Store) -> None:
    @router.get("/datasets/{name}/add")
    def get_add(name: str, request: Request) -> HTMLResponse:
        writable(frame, store, request, name)
        dataset = store.read_dataset(name)
        names = dict.fromkeys(variable for case in dataset.cases[:50] for variable in case.variables)
        fields = CaseFields.of_case(Case(), names)
        draft = Draft(dataset=name, revision=store.dataset(name).revision, fields=fields)
        return show_draft(frame, request, draft)

    @router.get("/datasets/{name}/cases/{case_id}/edit")
    def get_edit(name: str, case_id: str, request: Request) -> HTMLResponse:
        writable(frame, store, request, name)
        revision = store.dataset(name).revision  # before the cases: should a save come between, ours is refused
        case = find_case(store.read_dataset(name), case_id)
        draft = Draft(dataset=name, revision=revision, case_id=case.case_id, fields=CaseFields.of_case(case))
        return show_draft(frame, request, draft)

    @router.post("/datasets/{name}/add")
    def post_case(name: str, request: Request, form: Sent) -> Response:
        draft = draft_of(form, dataset=check_dataset(name))
        if form.text("action") == "more":
            return show_draft(frame, request, draft)
        try:
            return saved_at(_written(store, frame.who(request), draft, form.text("once")))
        except NOT_ALLOWED:
            raise
        except RegistryError as error:
            return show_draft(frame, request, refused_draft(_newer(store, draft, error), error))

    @router.post("/datasets/{name}/cases/{case_id}/remove")
    def remove(name: str, case_id: str, request: Request, form: Sent) -> Response:
        saved = store.remove_case(
            name,
            case_id,
            message=form.text("message"),
            by=frame.who(request),
            if_match=form.whole("revision"),
            idempotency_key=form.text("once"),
        )
        return saved_at(saved)


def _written(store: Store, me: Principal, draft: Draft, once: str) -> DatasetSaved:
    """The dataset with the case that the form says: one more, or in place of the one that is edited."""
    terms: dict[str, Any] = {"message": draft.message, "by": me, "idempotency_key": once}
    if not draft.case_id:
        case = draft.fields.case({})
        checked([case])
        return store.add_case(draft.dataset, case, **terms)
    dataset = store.read_dataset(draft.dataset)
    old = find_case(dataset, draft.case_id)
    case = draft.fields.case(old.source)
    checked([case])
    cases = [case if each.case_id == old.case_id else each for each in dataset.cases]
    return store.save_dataset(draft.dataset, cases, **terms, if_match=draft.revision)


def _newer(store: Store, draft: Draft, error: RegistryError) -> Draft:
    """After a conflict the next try is made on what the dataset is now."""
    if not isinstance(error, PromptConflictError):
        return draft
    return replace(draft, revision=store.dataset(draft.dataset).revision)


def _add_all_checks(router: APIRouter, frame: Frame, store: Store) -> None:
    @router.get("/datasets/{name}/checks")
    def get_checks(name: str, request: Request) -> HTMLResponse:
        writable(frame, store, request, name)
        revision = store.dataset(name).revision
        fields = all_case_fields(store.read_dataset(name).checks)
        draft = Draft(dataset=name, revision=revision, fields=fields)
        return frame.page(request, "dataset_checks.html", draft=draft)

    @router.post("/datasets/{name}/checks")
    def post_checks(name: str, request: Request, form: Sent) -> Response:
        draft = draft_of(form, dataset=check_dataset(name))
        if form.text("action") == "more":
            return frame.page(request, "dataset_checks.html", draft=draft)
        try:
            checks = draft.fields.all_checks()
            checked((), checks)
            saved = store.save_dataset(
                name,
                store.read_dataset(name).cases,
                checks=checks,
                message=draft.message,
                by=frame.who(request),
                if_match=draft.revision,
                idempotency_key=form.text("once"),
            )
        except NOT_ALLOWED:
            raise
        except RegistryError as error:
            refused = refused_draft(_newer(store, draft, error), error)
            return frame.page(request, "dataset_checks.html", status=refused.status, draft=refused)
        return saved_at(saved)
