"""Datasets over HTTP: their versions, single cases in and out, and what differs.

Knows routes and status codes of success. Refuses to decide anything: the Store does. RegistryErrors are left to the application, which
maps them by `errors.STATUS`.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from registry.case_content import parse_case, parse_checks
from registry.cases import Case, Check
from registry.datasets import check_dataset, parse_dataset_reference
from registry.http.dataset_schemas import (
    CaseBody,
    CasesBody,
    DatasetAboutOut,
    DatasetDiffOut,
    DatasetList,
    DatasetOut,
    DatasetSavedOut,
    DatasetVersionOut,
    NewDatasetBody,
)
from registry.http.move_schemas import ReasonBody
from registry.http.terms import By, Terms, terms_of
from registry.roles import permit
from registry.writing.store import Store

CheckCases = Callable[[Sequence[Case], Sequence[Check]], None]
"""Raises PromptInvalidError where a check of cases that are to be saved, or one for all of them, can't work."""


def build_router(store: Store, by: By, check: CheckCases) -> APIRouter:
    """The routes of datasets; `by` says who asks. A key's prompts are the names of its datasets, too."""
    router = APIRouter(prefix="/api/datasets", tags=["datasets"])
    _add_reads(router, store, by)
    _add_writes(router, store, by, check)
    return router


def _add_reads(router: APIRouter, store: Store, by: By) -> None:
    @router.get("")
    def list_datasets(request: Request, archived: bool = False) -> DatasetList:
        """Every dataset without its cases, archived ones only if asked for."""
        me = by(request)
        permit(me, "inspect")
        shown = [about for about in store.datasets() if me.sees(about.name)]
        return DatasetList(datasets=[DatasetOut.of(each) for each in shown if archived or each.archived_at is None])

    @router.get("/{name}")
    def get_dataset(name: str, request: Request) -> DatasetAboutOut:
        """A dataset and its versions, without their cases."""
        permit(by(request), "inspect", slug=check_dataset(name))
        return DatasetAboutOut.of_versions(store.dataset(name), store.dataset_versions(name))

    @router.get("/{name}/versions/{number}")
    def get_dataset_version(name: str, number: str, request: Request) -> DatasetVersionOut:
        """One version with all its cases: a number, or `latest`."""
        permit(by(request), "inspect", slug=check_dataset(name))
        return DatasetVersionOut.of(store.read_dataset(f"{name}@{number}"))

    @router.get("/{name}/diff")
    def get_dataset_diff(
        name: str,
        request: Request,
        old: Annotated[int, Query(alias="from", ge=1)],
        new: Annotated[str, Query(alias="to")] = "latest",
    ) -> DatasetDiffOut:
        """What differs between two versions."""
        permit(by(request), "inspect", slug=check_dataset(name))
        return DatasetDiffOut.of(store.diff_datasets(name, old, parse_dataset_reference(f"{name}@{new}")[1]))


def _add_writes(router: APIRouter, store: Store, by: By, check: CheckCases) -> None:
    Conditions = Annotated[Terms, Depends(terms_of(by))]  # noqa: N806 - a type, made here because `by` is

    @router.post("", status_code=201)
    def create_dataset(body: NewDatasetBody, given: Conditions) -> DatasetSavedOut:
        """A new dataset with version 1; 409 if the name is taken."""
        saved = store.save_dataset(body.name, **_read(body, check), message=body.message, **given.write(if_match=0))
        return DatasetSavedOut.of_saved(saved)

    @router.post(
        "/{name}/versions", status_code=201, responses={200: {"model": DatasetSavedOut, "description": "identical"}}
    )
    def save_dataset(name: str, body: CasesBody, given: Conditions, response: Response) -> DatasetSavedOut:
        """The next version; 200 and no new version if the newest says the same."""
        store.dataset(name)  # a new one is made on purpose, not by a misspelt name
        saved = store.save_dataset(name, **_read(body, check), message=body.message, **given.write())
        response.status_code = 201 if saved.created else 200
        return DatasetSavedOut.of_saved(saved)

    @router.post("/{name}/cases", status_code=201)
    def add_case(name: str, body: CaseBody, given: Conditions, response: Response) -> DatasetSavedOut:
        """The next version, with one case more; 200 if it is there already."""
        case = parse_case(body.case)
        check([case], ())
        saved = store.add_case(name, case, message=body.message, **given.write())
        response.status_code = 201 if saved.created else 200
        return DatasetSavedOut.of_saved(saved)

    @router.delete("/{name}/cases/{case_id}")
    def remove_case(name: str, case_id: str, given: Conditions, message: str = "") -> DatasetSavedOut:
        """The next version, without a case; earlier versions keep it."""
        return DatasetSavedOut.of_saved(store.remove_case(name, case_id, message=message, **given.write()))

    @router.post("/{name}/archive")
    def archive_dataset(name: str, given: Conditions, body: ReasonBody | None = None) -> DatasetOut:
        """Take a dataset out of use: nothing about it can change."""
        return DatasetOut.of(store.archive_dataset(name, reason=body.reason if body else "", **given.said()))

    @router.post("/{name}/restore")
    def restore_dataset(name: str, given: Conditions, body: ReasonBody | None = None) -> DatasetOut:
        """Take an archived dataset into use again."""
        return DatasetOut.of(store.restore_dataset(name, reason=body.reason if body else "", **given.said()))


def _read(body: CasesBody, check: CheckCases) -> dict[str, Any]:
    cases = [parse_case(case, f"cases[{index}]") for index, case in enumerate(body.cases)]
    checks = None if body.checks is None else parse_checks(body.checks)
    check(cases, checks or ())
    return {"cases": cases, "checks": checks}
