"""What the API takes and gives of datasets: their versions, cases, and what differs.

Knows JSON shapes, as OpenAPI shows them, and how values become them. Refuses to know routes and where values come from.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from registry.case_content import case_as_mapping, check_as_mapping
from registry.cases import Case, Dataset
from registry.datasets import DatasetAbout, DatasetDiff, DatasetSaved
from registry.http.body import Body, JsonObject


class CasesBody(Body):
    """A new version of a dataset."""

    cases: list[JsonObject] = Field(
        description="each with variables, messages, expected, checks, tags, weight, must_pass, note, source"
    )
    checks: list[JsonObject] | None = Field(
        default=None,
        description="for every case, each with type, value, threshold, weight, metric, options; null: as before",
    )
    message: str = ""


class NewDatasetBody(CasesBody):
    """A new dataset."""

    name: str


class CaseBody(Body):
    """One case more."""

    case: JsonObject
    message: str = Field(default="", description="why; without one, the case's note")


class DatasetOut(BaseModel):
    """A dataset without its cases."""

    name: str
    owner: str
    purpose: str
    created_at: datetime
    created_by: str
    latest: int
    size: int = Field(description="how many cases the newest version has")
    revision: int = Field(description="the last write to it; what If-Match compares")
    archived_at: datetime | None
    archived_by: str | None
    gates: bool = Field(description="whether a channel's policy asks for it: then changing it takes the role reviewer")

    @classmethod
    def of(cls, about: DatasetAbout) -> DatasetOut:
        """From the value."""
        return cls(**{name: getattr(about, name) for name in DatasetOut.model_fields})


class DatasetList(BaseModel):
    """Datasets by name."""

    datasets: list[DatasetOut]


class DatasetVersionRow(BaseModel):
    """What is said about a version, without its cases."""

    name: str
    number: int
    size: int
    content_hash: str
    message: str
    author: str
    created_at: datetime
    revision: int


class DatasetAboutOut(DatasetOut):
    """A dataset and its versions, newest first."""

    versions: list[DatasetVersionRow]

    @classmethod
    def of_versions(cls, about: DatasetAbout, versions: list[Mapping[str, Any]]) -> DatasetAboutOut:
        """From the values."""
        return cls(**DatasetOut.of(about).model_dump(), versions=[DatasetVersionRow(**each) for each in versions])


class DatasetVersionOut(BaseModel):
    """A version with its cases, each with its id."""

    name: str
    number: int
    cases: list[JsonObject]
    checks: list[JsonObject]
    content_hash: str
    message: str
    author: str
    created_at: datetime
    revision: int

    @classmethod
    def of(cls, dataset: Dataset) -> DatasetVersionOut:
        """From the value."""
        same = ("name", "number", "content_hash", "message", "author", "created_at", "revision")
        return cls(
            **{name: getattr(dataset, name) for name in same},
            cases=[case_out(case) for case in dataset.cases],
            checks=[check_as_mapping(check) for check in dataset.checks],
        )


class DatasetSavedOut(DatasetVersionOut):
    """What a save did; `created` is false when the newest version said the same already, `folded` counts cases that were there twice."""

    created: bool
    folded: int

    @classmethod
    def of_saved(cls, saved: DatasetSaved) -> DatasetSavedOut:
        """From the value."""
        version = DatasetVersionOut.of(saved.dataset).model_dump()
        return cls(**version, created=saved.created, folded=saved.folded)


class CaseChangeOut(BaseModel):
    """A case that both versions have, and what each says about it."""

    old: JsonObject
    new: JsonObject
    sentences: list[str]


class DatasetDiffOut(BaseModel):
    """What differs between two versions."""

    old: str
    new: str
    added: list[JsonObject]
    removed: list[JsonObject]
    changed: list[CaseChangeOut]
    sentences: list[str]

    @classmethod
    def of(cls, found: DatasetDiff) -> DatasetDiffOut:
        """From the value."""
        return cls(
            old=found.old,
            new=found.new,
            added=[case_out(case) for case in found.added],
            removed=[case_out(case) for case in found.removed],
            changed=[
                CaseChangeOut(old=case_out(each.old), new=case_out(each.new), sentences=[*each.sentences])
                for each in found.changed
            ],
            sentences=[*found.sentences],
        )


def case_out(case: Case) -> JsonObject:
    """A case with its id."""
    return {"case_id": case.case_id, **case_as_mapping(case)}
