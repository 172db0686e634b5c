"""Datasets of a registry behind a server. Knows routes and what the answers say; refuses to decide anything: the server asks for roles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from registry.case_content import case_as_mapping, check_as_mapping, parse_case, parse_checks
from registry.cases import Case, Check, Dataset
from registry.datasets import (
    CaseChange,
    DatasetAbout,
    DatasetDiff,
    DatasetSaved,
    check_dataset,
    parse_dataset_reference,
)
from registry.errors import DatasetNotFoundError, PromptExistsError, RegistryError
from slugline.answers import named, time_of, value_of, values_of
from slugline.client import ServerClient, ServerError
from slugline.remote_reads import part


class RemoteDatasets:
    """Datasets, as the key's holder works on them. Methods: see `slugline.access_datasets`."""

    def __init__(self, client: ServerClient) -> None:
        self._client = client

    def all_datasets(self) -> Sequence[DatasetAbout]:
        return values_of(DatasetAbout, self._client.get("/api/datasets", archived=True), "datasets")

    def read(self, reference: str) -> Dataset:
        name, number = parse_dataset_reference(reference)
        return _dataset_of(self._client.get(f"{_path(name)}/versions/{number or 'latest'}"))

    def diff(self, name: str, old: int, new: int | None = None) -> DatasetDiff:
        found = self._client.get(f"{_path(name)}/diff", **{"from": old, "to": new or "latest"})
        try:
            return DatasetDiff(
                old=found["old"],
                new=found["new"],
                added=tuple(map(parse_case, found["added"])),
                removed=tuple(map(parse_case, found["removed"])),
                changed=tuple(
                    CaseChange(
                        old=parse_case(each["old"]), new=parse_case(each["new"]), sentences=tuple(each["sentences"])
                    )
                    for each in found["changed"]
                ),
                sentences=tuple(found["sentences"]),
            )
        except (KeyError, TypeError, RegistryError) as error:
            raise _odd(error) from error

    def save(
        self,
        name: str,
        cases: Sequence[Case],
        *,
        checks: Sequence[Check] | None = None,
        message: str = "",
        if_match: int | None = None,
        idempotency_key: str = "",
    ) -> DatasetSaved:
        path, key = _path(name), idempotency_key or str(uuid4())
        body: dict[str, Any] = {"cases": [case_as_mapping(case) for case in cases], "message": message}
        if checks is not None:
            body["checks"] = [check_as_mapping(check) for check in checks]

        def another() -> DatasetSaved:
            return self._write("POST", f"{path}/versions", body, key, if_match)

        def first() -> DatasetSaved:
            return self._write("POST", "/api/datasets", {"name": name, **body}, key)

        if if_match is not None:
            return another() if if_match else first()
        try:
            return another()
        except DatasetNotFoundError:
            try:
                return first()
            except PromptExistsError:  # somebody else was faster
                return another()

    def add(self, name: str, case: Case, *, message: str = "", idempotency_key: str = "") -> DatasetSaved:
        body = {"case": case_as_mapping(case), "message": message}
        return self._write("POST", f"{_path(name)}/cases", body, idempotency_key)

    def remove(self, name: str, case_id: str, *, message: str = "", idempotency_key: str = "") -> DatasetSaved:
        said = f"?message={quote(message, safe='')}" if message else ""
        return self._write("DELETE", f"{_path(name)}/cases/{part(case_id)}{said}", {}, idempotency_key)

    def archive(self, name: str, *, reason: str = "") -> DatasetAbout:
        return value_of(DatasetAbout, self._client.send("POST", f"{_path(name)}/archive", {"reason": reason}))

    def restore(self, name: str, *, reason: str = "") -> DatasetAbout:
        return value_of(DatasetAbout, self._client.send("POST", f"{_path(name)}/restore", {"reason": reason}))

    def _write(
        self, method: str, path: str, body: dict[str, Any], key: str, if_match: int | None = None
    ) -> DatasetSaved:
        said = self._client.send(method, path, body, if_match=if_match, idempotency_key=key or str(uuid4()))
        return DatasetSaved(
            dataset=_dataset_of(said),
            created=bool(named(said, "created")),
            revision=named(said, "revision"),
            folded=named(said, "folded"),
        )


def _path(name: str) -> str:
    return f"/api/datasets/{check_dataset(name)}"


def _dataset_of(data: Any) -> Dataset:
    try:
        same = ("name", "number", "content_hash", "message", "author", "revision")
        return Dataset(
            **{name: data[name] for name in same},
            cases=tuple(map(parse_case, data["cases"])),
            checks=parse_checks(data["checks"]),
            created_at=time_of(data["created_at"]),
        )
    except (KeyError, TypeError, ValueError, RegistryError) as error:
        raise _odd(error) from error


def _odd(error: Exception) -> ServerError:
    return ServerError(
        f"the server's answer is no dataset as this command line knows it ({str(error)[:100]}): are the two of one version?"
    )
