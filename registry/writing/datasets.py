"""How datasets come to be and change: saved as a whole, or by one case more or less; each time a new version and an event.

Knows what each write requires. A dataset that some channel's policy asks for is part of the gate: whoever may only save could make the
gate easier for their own work, so it takes a role that may review.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, insert, update

from registry.case_content import check_as_mapping, check_case, check_check
from registry.cases import Case, Check, Dataset, content_hash
from registry.datasets import (
    DatasetAbout,
    DatasetDiff,
    DatasetSaved,
    check_dataset,
    diff_datasets,
    find_case,
    fold,
    parse_dataset_reference,
)
from registry.errors import (
    AuthRoleNotAllowedError,
    PromptArchivedError,
    PromptConflictError,
    PromptExistsError,
    PromptInvalidError,
)
from registry.roles import Principal, permit
from registry.storage import datasets as rows
from registry.storage.tables import dataset_versions, datasets
from registry.values import HistoryEntry
from registry.writing.ledger import Act, enter, next_stamp, repeated
from registry.writing.writer import Writer, note

_MOST_CASES = 100_000


class DatasetWrites(Writer):
    """Datasets. Their names are under the same scopes as prompts' slugs."""

    def datasets(self) -> list[DatasetAbout]:
        """Every dataset without its cases, by name."""
        with self._reading() as connection:
            return rows.read_about(connection)

    def dataset(self, name: str) -> DatasetAbout:
        """One dataset without its cases. Raises DatasetNotFoundError."""
        with self._reading() as connection:
            return rows.known_dataset(connection, check_dataset(name))

    def dataset_versions(self, name: str) -> list[Mapping[str, Any]]:
        """What is said about each version, newest first: number, size, message, author, created_at. Raises DatasetNotFoundError."""
        with self._reading() as connection:
            rows.known_dataset(connection, check_dataset(name))
            return rows.read_versions(connection, name)

    def read_dataset(self, reference: str) -> Dataset:
        """A version with all its cases: `support-golden` is the newest, `support-golden@3` the third. Raises DatasetNotFoundError."""
        name, number = parse_dataset_reference(reference)
        with self._reading() as connection:
            return rows.read_dataset(connection, name, number)

    def diff_datasets(self, name: str, old: int, new: int | None = None) -> DatasetDiff:
        """What differs between two versions of a dataset, the newest without a number. Raises DatasetNotFoundError."""
        with self._reading() as connection:
            pair = (rows.read_dataset(connection, check_dataset(name), number) for number in (old, new))
            return diff_datasets(*pair)

    def save_dataset(
        self,
        name: str,
        cases: Sequence[Case],
        *,
        checks: Sequence[Check] | None = None,
        message: str = "",
        by: Principal,
        if_match: int | None = None,
        request_id: str = "",
        idempotency_key: str = "",
    ) -> DatasetSaved:
        """Store cases as the dataset's next version; the first save makes the dataset. Content equal to the newest version's writes
        nothing, and cases with equal content are one.

        `checks` hold for every case; None keeps the newest version's. `if_match` is the dataset's revision, 0 where it must be new.
        Raises PromptInvalidError for a case that makes no sense, PromptConflictError or PromptExistsError by `if_match`,
        PromptArchivedError, AuthRoleNotAllowedError, AuthPromptNotAllowedError, IdempotencyKeyReusedError.
        """
        given, folded = fold([check_case(case, f"cases[{index}]") for index, case in enumerate(cases)])
        all_of = None if checks is None else [check_check(each, f"checks[{i}]") for i, each in enumerate(checks)]
        asked = ["dataset.save", name, content_hash(given, all_of or ()), checks is None]
        act = self._dataset_act("dataset.save", name, by, message, request_id, idempotency_key, asked)
        with self._writing() as connection:
            if (done := repeated(connection, act)) is not None:
                return _saved_again(connection, done)
            about = self._dataset_found(connection, name, by, if_match)
            if about is None and if_match:
                rows.known_dataset(connection, name)
            before = None if about is None else rows.read_dataset(connection, name)
            if all_of is None:
                all_of = [] if before is None else list(before.checks)
            return replace(self._put_dataset(connection, act, name, before, given, all_of), folded=folded)

    def add_case(
        self,
        name: str,
        case: Case,
        *,
        message: str = "",
        by: Principal,
        if_match: int | None = None,
        request_id: str = "",
        idempotency_key: str = "",
    ) -> DatasetSaved:
        """The dataset with one case more, as its next version; what is said about a case that is there already is joined with what
        was (`folded` is 1 then). Raises DatasetNotFoundError, and what `save_dataset` raises."""
        case = check_case(case)
        asked = ["dataset.add", name, case.case_id]
        act = self._dataset_act("dataset.save", name, by, message or case.note, request_id, idempotency_key, asked)
        with self._writing() as connection:
            if (done := repeated(connection, act)) is not None:
                return _saved_again(connection, done)
            before = self._dataset_before(connection, name, by, if_match)
            cases, folded = fold([*before.cases, case])
            return replace(self._put_dataset(connection, act, name, before, cases, before.checks), folded=folded)

    def remove_case(
        self,
        name: str,
        case_id: str,
        *,
        message: str = "",
        by: Principal,
        if_match: int | None = None,
        request_id: str = "",
        idempotency_key: str = "",
    ) -> DatasetSaved:
        """The dataset without a case, as its next version; earlier versions keep it. The beginning of an id is enough where it is the
        only one. Raises DatasetNotFoundError, and what `save_dataset` raises."""
        asked = ["dataset.remove", name, case_id]
        act = self._dataset_act("dataset.save", name, by, message, request_id, idempotency_key, asked)
        with self._writing() as connection:
            if (done := repeated(connection, act)) is not None:
                return _saved_again(connection, done)
            before = self._dataset_before(connection, name, by, if_match)
            gone = find_case(before, case_id)
            cases = [case for case in before.cases if case.case_id != gone.case_id]
            return self._put_dataset(connection, act, name, before, cases, before.checks)

    def archive_dataset(self, name: str, *, reason: str = "", by: Principal, request_id: str = "") -> DatasetAbout:
        """Take a dataset out of lists: nothing about it can change until it is restored. What stands on it stays."""
        return self._shelve_dataset("dataset.archive", name, reason, by, request_id)

    def restore_dataset(self, name: str, *, reason: str = "", by: Principal, request_id: str = "") -> DatasetAbout:
        """Take an archived dataset into use again."""
        return self._shelve_dataset("dataset.restore", name, reason, by, request_id)

    def _dataset_act(
        self, action: str, name: str, by: Principal, message: str, request_id: str, key: str, asked: Any = None
    ) -> Act:
        # Not under a prompt's slug: a dataset may have the name of a prompt, whose history it isn't.
        check_dataset(name)
        return Act(
            action=action,
            slug="",
            by=by,
            reason=note(message, "message"),
            request_id=request_id,
            idempotency_key=key,
            asked=asked,
        )

    def _dataset_before(self, connection: Connection, name: str, by: Principal, if_match: int | None) -> Dataset:
        if self._dataset_found(connection, name, by, if_match) is None:
            rows.known_dataset(connection, name)
        return rows.read_dataset(connection, name)

    def _dataset_found(
        self, connection: Connection, name: str, by: Principal, if_match: int | None, *, archived: bool = False
    ) -> DatasetAbout | None:
        """The dataset to write to, if `by` may and nobody wrote to it since `if_match`; None if there is none yet."""
        there = rows.read_about(connection, name)
        _permit(by, name, gates=name in rows.gating(connection))
        if not there:
            return None
        about = there[0]
        if if_match == 0:
            raise PromptExistsError(
                f"dataset '{name}' exists already (its newest version is {about.latest}): save a new version of it, or "
                "choose another name",
                param="name",
            )
        if if_match is not None and if_match != about.revision:
            raise PromptConflictError(
                f"dataset '{name}' was changed by somebody else: If-Match names revision {if_match}, it is at revision "
                f"{about.revision} now; read it again and decide anew",
                param="If-Match",
            )
        if about.archived_at is not None and not archived:
            raise PromptArchivedError(
                f"dataset '{name}' was archived at {about.archived_at:%Y-%m-%d %H:%M} UTC by {about.archived_by}: "
                f"`slugline dataset restore {name}` lets it change again",
                param="name",
            )
        return about

    def _put_dataset(
        self,
        connection: Connection,
        act: Act,
        name: str,
        before: Dataset | None,
        cases: Sequence[Case],
        checks: Sequence[Check],
    ) -> DatasetSaved:
        if not cases:
            raise PromptInvalidError(
                f"a dataset has at least one case; `slugline dataset archive {name}` takes one out of use",
                param="cases",
            )
        if len(cases) > _MOST_CASES:
            raise PromptInvalidError(f"a dataset has at most {_MOST_CASES:,} cases, not {len(cases):,}", param="cases")
        hashed = content_hash(cases, checks)
        if before is not None and before.content_hash == hashed:
            return DatasetSaved(dataset=before, created=False, revision=before.revision)
        revision, at = stamp = next_stamp(connection, self._clock())
        if before is None:
            about = {"owner": "", "purpose": "", "created_at": at, "created_by": act.by.name, "revision": revision}
            connection.execute(insert(datasets).values({"name": name, **about}))
        else:
            connection.execute(update(datasets).where(datasets.c.name == name).values(revision=revision))
        saved = Dataset(
            name=name,
            number=1 if before is None else before.number + 1,
            cases=tuple(cases),
            checks=tuple(checks),
            content_hash=hashed,
            message=act.reason,
            author=act.by.name,
            created_at=at,
            revision=revision,
        )
        rows.add_cases(connection, cases, revision)
        same = ("name", "number", "content_hash", "message", "author", "created_at", "revision")
        row = {each: getattr(saved, each) for each in same}
        kept = {"size": len(cases), "members": rows.members_of(cases), "checks": [*map(check_as_mapping, checks)]}
        connection.execute(insert(dataset_versions).values({**row, **kept}))
        said = () if before is None else diff_datasets(before, saved).sentences
        told = {"dataset": name, "number": saved.number, "cases": len(cases), "content_hash": hashed}
        enter(connection, act.about(evidence={**told, "changes": list(said)}), stamp)
        return DatasetSaved(dataset=saved, created=True, revision=revision)

    def _shelve_dataset(self, action: str, name: str, reason: str, by: Principal, request_id: str) -> DatasetAbout:
        act = self._dataset_act(action, name, by, reason, request_id, "")
        archives = action == "dataset.archive"
        with self._writing() as connection:
            about = self._dataset_found(connection, name, by, None, archived=True) or rows.known_dataset(
                connection, name
            )
            if archives and about.gates:
                raise PromptInvalidError(
                    f"dataset '{name}' is asked for by the policy of a channel: change the policy first", param="name"
                )
            if (about.archived_at is not None) == archives:
                return about
            revision, at = stamp = next_stamp(connection, self._clock())
            put = {"archived_at": at if archives else None, "archived_by": by.name if archives else None}
            connection.execute(update(datasets).where(datasets.c.name == name).values({**put, "revision": revision}))
            enter(connection, act.about(evidence={"dataset": name}), stamp)
            return rows.known_dataset(connection, name)


def _permit(by: Principal, name: str, *, gates: bool) -> None:
    """Return if `by` may write to a dataset. Raises AuthRoleNotAllowedError and AuthPromptNotAllowedError."""
    if not gates:
        permit(by, "save", slug=name)
        return
    if not by.may("review"):
        raise AuthRoleNotAllowedError(
            f"dataset '{name}' is part of a gate: the policy of a channel asks for it, so changing it takes the role reviewer "
            f"or admin, and {by.name} has none of them; ask a reviewer, or save it under another name"
        )
    permit(by, "review", slug=name)


def _saved_again(connection: Connection, done: HistoryEntry) -> DatasetSaved:
    """What was answered to a save that was made already."""
    dataset = rows.read_dataset(connection, str(done.evidence["dataset"]), int(done.evidence["number"]))
    return DatasetSaved(dataset=dataset, created=True, revision=done.revision)
