"""Rows to values, and the statements that read and add them: datasets, their versions, and the cases that these are made of.

Knows how each value lies in the tables: a case's content once by its id, what a version says about it in the version. Refuses to know
transactions, and who may write.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, func, insert, select

from registry.case_content import check_as_mapping
from registry.cases import Case, Check, Dataset
from registry.datasets import DatasetAbout, dataset_not_found, dataset_version_not_found
from registry.errors import PromptInvalidError
from registry.storage.tables import dataset_cases, dataset_versions, datasets, rules

ERASED = {"erased": True}
"""What lies in the place of a case's content that was erased: the only change to a case that the database lets through."""

_AT_ONCE = 500


def read_names(connection: Connection) -> list[str]:
    """The name of every dataset."""
    return sorted(connection.execute(select(datasets.c.name)).scalars())


def read_about(connection: Connection, name: str | None = None) -> list[DatasetAbout]:
    """Every dataset without its cases, by name; or only the one of a name, if it is there."""
    last = select(dataset_versions.c.name, func.max(dataset_versions.c.number).label("number"))
    newest = last.group_by(dataset_versions.c.name).subquery()
    query = (
        select(datasets, newest.c.number, dataset_versions.c.size)
        .join(newest, newest.c.name == datasets.c.name)
        .join(
            dataset_versions,
            (dataset_versions.c.name == newest.c.name) & (dataset_versions.c.number == newest.c.number),
        )
    )
    if name is not None:
        query = query.where(datasets.c.name == name)
    gates = gating(connection)
    found = sorted(connection.execute(query).mappings(), key=lambda row: str(row["name"]))
    return [_about_of(row, row["name"] in gates) for row in found]


def known_dataset(connection: Connection, name: str) -> DatasetAbout:
    """The dataset. Raises DatasetNotFoundError with the nearest name."""
    found = read_about(connection, name)
    if not found:
        raise dataset_not_found(name, read_names(connection))
    return found[0]


def read_dataset(connection: Connection, name: str, number: int | None = None) -> Dataset:
    """One version with all its cases, the newest without a number. Raises DatasetNotFoundError."""
    latest = known_dataset(connection, name).latest
    here = (dataset_versions.c.name == name) & (dataset_versions.c.number == (number or latest))
    row = connection.execute(select(dataset_versions).where(here)).mappings().first()
    if row is None:
        raise dataset_version_not_found(name, number or latest, latest)
    return dataset_of(connection, row)


def read_versions(connection: Connection, name: str) -> list[Mapping[str, Any]]:
    """What is said about each version of a dataset, newest first, without its cases."""
    columns = [each for each in dataset_versions.columns if each.name not in {"members", "checks"}]
    query = select(*columns).where(dataset_versions.c.name == name).order_by(dataset_versions.c.number.desc())
    return [{str(key): value for key, value in row.items()} for row in connection.execute(query).mappings()]


def dataset_of(connection: Connection, row: Mapping[Any, Any]) -> Dataset:
    """A version from its row, with the cases that it names; those that were erased are left out."""
    contents: dict[str, Any] = {}
    for some in _in_parts([case_id for case_id, _ in row["members"]]):
        query = select(dataset_cases.c.case_id, dataset_cases.c.content).where(dataset_cases.c.case_id.in_(some))
        contents.update({found.case_id: found.content for found in connection.execute(query)})
    same = {name: row[name] for name in ("name", "number", "content_hash", "message", "author", "created_at")}
    return Dataset(
        **same,
        cases=tuple(
            case_of(contents[case_id], about) for case_id, about in row["members"] if contents[case_id] != ERASED
        ),
        checks=tuple(_check_of(check) for check in row["checks"]),
        revision=row["revision"],
    )


def case_of(content: Mapping[str, Any], about: Mapping[str, Any]) -> Case:
    """A case from what is stored of it, and what a version says about it."""
    return Case(
        variables=content["variables"],
        messages=tuple(content["messages"]),
        expected=content["expected"],
        checks=tuple(_check_of(check) for check in content["checks"]),
        tags=tuple(about.get("tags", ())),
        weight=about.get("weight", 1.0),
        must_pass=about.get("must_pass", False),
        note=about.get("note", ""),
        source=about.get("source", {}),
    )


def about_of(about: Mapping[str, Any]) -> Case:
    """What a version says about a case, without its content."""
    return case_of({"variables": {}, "messages": (), "expected": None, "checks": ()}, about)


def members_of(cases: Sequence[Case]) -> list[list[Any]]:
    """What a version keeps of its cases: each one's id, and what is said about it."""
    return [[case.case_id, _about(case)] for case in cases]


def add_cases(connection: Connection, cases: Sequence[Case], revision: int) -> None:
    """Add those whose content isn't there yet. Raises PromptInvalidError where two contents have one id, which nobody meets by chance."""
    by_id = {case.case_id: case for case in cases}
    hashes = {case_id: case.digest for case_id, case in by_id.items()}
    for some in _in_parts(list(by_id)):
        query = select(dataset_cases).where(dataset_cases.c.case_id.in_(some))
        found = connection.execute(query).all()
        if erased := [row.case_id for row in found if row.content == ERASED]:
            raise PromptInvalidError(
                f"the case {erased[0]} was erased, because somebody asked for it: it can't be saved again",
                param="cases",
            )
        there = {row.case_id: row.hash for row in found}
        for case_id, hash in there.items():
            if hash != hashes[case_id]:
                raise PromptInvalidError(
                    f"another case has the id {case_id} already: change a word of this one", param="cases"
                )
        new = [
            {"case_id": each, "hash": hashes[each], "content": _content(by_id[each]), "revision": revision}
            for each in some
            if each not in there
        ]
        if new:
            connection.execute(insert(dataset_cases), new)


def gating(connection: Connection) -> set[str]:
    """The names of the datasets that some channel's policy asks for."""
    found = connection.execute(select(rules.c.policy).where(rules.c.policy.is_not(None))).scalars()
    return {str(policy.get("dataset", "")).partition("@")[0] for policy in found if policy}


def _about_of(row: Mapping[Any, Any], gates: bool) -> DatasetAbout:
    own = {name: value for name, value in row.items() if name != "number"}
    return DatasetAbout(**own, latest=row["number"], gates=gates)


def _about(case: Case) -> dict[str, Any]:
    """Without what says nothing; a weight of 0 says something."""
    weight = {} if case.weight == 1.0 else {"weight": case.weight}
    said = {"tags": list(case.tags), "must_pass": case.must_pass, "note": case.note, "source": dict(case.source)}
    return weight | {name: value for name, value in said.items() if value}


def _content(case: Case) -> dict[str, Any]:
    checks = [check_as_mapping(check) for check in case.checks]
    return {
        "variables": case.variables,
        "messages": list(case.messages),
        "expected": case.expected,
        "checks": checks,
    }


def _check_of(data: Mapping[str, Any]) -> Check:
    return Check(**data)


def _in_parts(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), _AT_ONCE):
        yield ids[start : start + _AT_ONCE]
