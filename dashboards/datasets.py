"""Datasets: all of them, one with its cases and versions, what differs between two versions, and taking one out of use.

Knows how a dataset is shown and searched. Refuses to know HTML, and how a case is written (`dashboards.cases`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from dashboards.case_fields import case_as_text
from dashboards.forms import Form, read_form
from dashboards.frame import HEADERS, Frame, may, see_other
from registry.cases import Case
from registry.datasets import DatasetAbout, case_name, check_dataset, find_case
from registry.files.case_file import CASE_FORMATS, CaseFormat, write_cases
from registry.http.dataset_schemas import DatasetAboutOut, DatasetDiffOut, DatasetList, DatasetOut
from registry.roles import Principal
from registry.writing.store import Store

Sent = Annotated[Form, Depends(read_form)]
PAGE = 50
MOST_VERSIONS = 20
MEDIA = {"yaml": "application/yaml", "json": "application/json", "jsonl": "application/jsonl"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """What of a dataset's cases is looked for."""

    q: str = ""
    tag: str = ""
    must: bool = False
    page: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The cases that fit, one page of them, and the tags that all cases have, the most frequent first."""

    shown: Sequence[Case]
    fitting: int
    pages: int
    tags: Sequence[tuple[str, int]]
    must_pass: int


def add_datasets(router: APIRouter, frame: Frame, store: Store) -> None:
    """`/datasets`, `/datasets/{name}` and its versions."""
    _add_list(router, frame, store)
    _add_one(router, frame, store)
    _add_case(router, frame, store)
    _add_shelf(router, frame, store)


def _add_list(router: APIRouter, frame: Frame, store: Store) -> None:
    def listed(me: Principal, q: str, archived: bool) -> tuple[list[DatasetAbout], int]:
        seen = [each for each in store.datasets() if me.sees(each.name) and q.strip().lower() in each.name]
        shown = [each for each in seen if archived or each.archived_at is None]
        return shown, len(seen) - len(shown)

    @router.get("/datasets")
    def list_datasets(request: Request, q: str = "", archived: bool = False) -> HTMLResponse:
        shown, hidden = listed(frame.visitor(request), q, archived)
        return frame.page(request, "datasets.html", datasets=shown, hidden=hidden, q=q, archived=archived)

    @router.get("/datasets.json")
    def list_json(request: Request, q: str = "", archived: bool = False) -> Response:
        shown, _ = listed(frame.visitor(request), q, archived)
        return JSONResponse(
            DatasetList(datasets=[DatasetOut.of(each) for each in shown]).model_dump(mode="json"), headers=HEADERS
        )


def _add_one(router: APIRouter, frame: Frame, store: Store) -> None:
    def show(
        request: Request, name: str, number: int | None, sought: Sought, *, every: bool = False, done: str = ""
    ) -> HTMLResponse:
        me = frame.visitor(request, slug=check_dataset(name))
        about = store.dataset(name)
        dataset = store.read_dataset(name if number is None else f"{name}@{number}")
        return frame.page(
            request,
            "dataset.html",
            about=about,
            dataset=dataset,
            newest=dataset.number == about.latest,
            versions=store.dataset_versions(name),
            most=None if every else MOST_VERSIONS,
            found=find(dataset.cases, sought),
            sought=sought,
            done=done,
            can_write=may_write(me, about) and about.archived_at is None,
        )

    @router.get("/datasets/{name}.json")
    def get_json(name: str, request: Request) -> Response:
        frame.visitor(request, slug=check_dataset(name))
        told = DatasetAboutOut.of_versions(store.dataset(name), store.dataset_versions(name))
        return JSONResponse(told.model_dump(mode="json"), headers=HEADERS)

    @router.get("/datasets/{name}")
    def get_dataset(
        name: str,
        request: Request,
        q: str = "",
        tag: str = "",
        must: bool = False,
        page: Annotated[int, Query(ge=1, le=10_000)] = 1,
        versions: str = "",
        done: str = "",
        folded: int = 0,
    ) -> HTMLResponse:
        said = done_sentence(done, folded)
        sought = Sought(q=q, tag=tag, must=must, page=page)
        return show(request, name, None, sought, every=versions == "all", done=said)

    @router.get("/datasets/{name}/versions/{number}.{form}")
    def get_file(name: str, number: int, form: str, request: Request) -> Response:
        frame.visitor(request, slug=check_dataset(name))
        dataset = store.read_dataset(f"{name}@{number}")
        kind: CaseFormat = form if form in CASE_FORMATS else "yaml"  # type: ignore[assignment]  # one of the literal's own words
        text = write_cases(dataset.cases, dataset.checks, form=kind, dataset=name)
        attached = {"content-disposition": f'attachment; filename="{name}-{number}.{kind}"'}
        return PlainTextResponse(text, headers={**HEADERS, **attached}, media_type=f"{MEDIA[kind]}; charset=utf-8")

    @router.get("/datasets/{name}/versions/{number}")
    def get_version(
        name: str,
        number: int,
        request: Request,
        q: str = "",
        tag: str = "",
        must: bool = False,
        page: Annotated[int, Query(ge=1, le=10_000)] = 1,
    ) -> HTMLResponse:
        return show(request, name, number, Sought(q=q, tag=tag, must=must, page=page))

    @router.get("/datasets/{name}/diff.json")
    def get_diff_json(
        name: str, request: Request, old: Annotated[int, Query(alias="from", ge=1)], to: int | None = None
    ) -> Response:
        frame.visitor(request, slug=check_dataset(name))
        told = DatasetDiffOut.of(store.diff_datasets(name, old, to))
        return JSONResponse(told.model_dump(mode="json"), headers=HEADERS)

    @router.get("/datasets/{name}/diff")
    def get_diff(
        name: str,
        request: Request,
        old: Annotated[int | None, Query(alias="from", ge=1)] = None,
        to: Annotated[int | None, Query(ge=1)] = None,
    ) -> HTMLResponse:
        frame.visitor(request, slug=check_dataset(name))
        about = store.dataset(name)
        new = to or about.latest
        before = old or max(1, new - 1)
        return frame.page(
            request,
            "dataset_diff.html",
            about=about,
            old=before,
            new=new,
            diff=store.diff_datasets(name, before, new),
            numbers=range(about.latest, 0, -1),
        )


def _add_case(router: APIRouter, frame: Frame, store: Store) -> None:
    @router.get("/datasets/{name}/cases/{case_id}")
    def get_case(name: str, case_id: str, request: Request, version: int | None = None) -> HTMLResponse:
        me = frame.visitor(request, slug=check_dataset(name))
        about = store.dataset(name)
        dataset = store.read_dataset(name if version is None else f"{name}@{version}")
        case = find_case(dataset, case_id)
        return frame.page(
            request,
            "case.html",
            about=about,
            dataset=dataset,
            case=case,
            whole=case_as_text(case),
            can_write=may_write(me, about) and about.archived_at is None and dataset.number == about.latest,
        )


def _add_shelf(router: APIRouter, frame: Frame, store: Store) -> None:
    @router.post("/datasets/{name}/archive")
    def archive(name: str, request: Request, form: Sent) -> Response:
        shelve = store.restore_dataset if form.text("then") == "restore" else store.archive_dataset
        shelve(name, reason=form.text("reason"), by=frame.who(request))
        return see_other(f"/datasets/{name}")


def find(cases: Sequence[Case], sought: Sought) -> Found:
    """The cases that fit what is looked for."""
    fitting = [case for case in cases if _fits(case, sought)]
    pages = max(1, -(-len(fitting) // PAGE))
    first = (min(sought.page, pages) - 1) * PAGE
    tags = Counter(tag for case in cases for tag in case.tags)
    return Found(
        shown=fitting[first : first + PAGE],
        fitting=len(fitting),
        pages=pages,
        tags=tags.most_common(50),
        must_pass=sum(case.must_pass for case in cases),
    )


def done_sentence(done: str, folded: int) -> str:
    """What a save did, for whoever made it a moment ago."""
    twice = f" {folded:,} that {'was' if folded == 1 else 'were'} there twice {'is' if folded == 1 else 'are'} one now."
    said = {"saved": "Saved.", "identical": "Nothing to save: the newest version says the same already."}.get(done, "")
    return said + (twice if said and folded > 0 else "")


def may_write(me: Principal, about: DatasetAbout) -> bool:
    """Whether somebody may change a dataset: one that a channel's policy asks for takes a reviewer. Whether it is done the Store says."""
    return may(me, "review" if about.gates else "save", about.name)


def _fits(case: Case, sought: Sought) -> bool:
    if sought.must and not case.must_pass:
        return False
    if sought.tag and sought.tag not in case.tags:
        return False
    if not sought.q.strip():
        return True
    said = [str(message.get("content", "")) for message in case.messages]
    values = [str(value) for value in case.variables.values()]
    text = "\n".join(
        (case.case_id, case_name(case), case.note, case.expected or "", *case.tags, *values, *said)
    ).lower()
    return all(word in text for word in sought.q.lower().split())
