"""What the command line needs of datasets, wherever the registry is; `slugline.access` for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from registry.cases import Case, Check, Dataset
    from registry.datasets import DatasetAbout, DatasetDiff, DatasetSaved


class DatasetAccess(Protocol):
    """Datasets. Methods raise what the Store's raise; `slugline.client.ServerError` where a server can't be asked."""

    def all_datasets(self) -> Sequence[DatasetAbout]:
        """Every dataset without its cases, by name, archived ones as well."""
        ...

    def read(self, reference: str) -> Dataset:
        """A version with all its cases: `support-golden`, `support-golden@3`."""
        ...

    def diff(self, name: str, old: int, new: int | None = None) -> DatasetDiff:
        """What differs between two versions, the newest without a number."""
        ...

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
        """Store cases as the next version; the first save makes the dataset. `if_match` 0: it must be new."""
        ...

    def add(self, name: str, case: Case, *, message: str = "", idempotency_key: str = "") -> DatasetSaved:
        """The next version, with one case more."""
        ...

    def remove(self, name: str, case_id: str, *, message: str = "", idempotency_key: str = "") -> DatasetSaved:
        """The next version, without a case."""
        ...

    def archive(self, name: str, *, reason: str = "") -> DatasetAbout:
        """Take a dataset out of use."""
        ...

    def restore(self, name: str, *, reason: str = "") -> DatasetAbout:
        """Take an archived dataset into use again."""
        ...
