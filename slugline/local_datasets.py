"""Datasets in the registry's own database, for the command line, each read for whoever has a role for it, as `/api/datasets` does it."""

from __future__ import annotations

from collections.abc import Sequence

from registry.cases import Case, Check, Dataset
from registry.datasets import DatasetAbout, DatasetDiff, DatasetSaved, parse_dataset_reference
from registry.roles import Principal, permit
from registry.writing.store import Store


class LocalDatasets:
    """Datasets, as `by` works on them. Methods: see `slugline.access_datasets`."""

    def __init__(self, store: Store, by: Principal) -> None:
        self._store = store
        self._by = by

    def all_datasets(self) -> Sequence[DatasetAbout]:
        permit(self._by, "inspect")
        return [about for about in self._store.datasets() if self._by.sees(about.name)]

    def read(self, reference: str) -> Dataset:
        permit(self._by, "inspect", slug=parse_dataset_reference(reference)[0])
        return self._store.read_dataset(reference)

    def diff(self, name: str, old: int, new: int | None = None) -> DatasetDiff:
        permit(self._by, "inspect", slug=parse_dataset_reference(name)[0])
        return self._store.diff_datasets(name, old, new)

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
        from evaluation.checks.cases import check_cases

        check_cases(cases, checks, source=name)
        return self._store.save_dataset(
            name,
            cases,
            checks=checks,
            message=message,
            by=self._by,
            if_match=if_match,
            idempotency_key=idempotency_key,
        )

    def add(self, name: str, case: Case, *, message: str = "", idempotency_key: str = "") -> DatasetSaved:
        from evaluation.checks.cases import check_cases

        check_cases([case], source=name)
        return self._store.add_case(name, case, message=message, by=self._by, idempotency_key=idempotency_key)

    def remove(self, name: str, case_id: str, *, message: str = "", idempotency_key: str = "") -> DatasetSaved:
        return self._store.remove_case(name, case_id, message=message, by=self._by, idempotency_key=idempotency_key)

    def archive(self, name: str, *, reason: str = "") -> DatasetAbout:
        return self._store.archive_dataset(name, reason=reason, by=self._by)

    def restore(self, name: str, *, reason: str = "") -> DatasetAbout:
        return self._store.restore_dataset(name, reason=reason, by=self._by)
