"""What is known of datasets beside their versions, as values, and what differs between two versions. Pure.

Knows how a version of a dataset is named, and which cases are the same. Refuses to know storage.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from registry.case_content import check_as_mapping
from registry.cases import Case, Dataset
from registry.errors import DatasetNotFoundError, PromptReferenceInvalidError, nearest
from registry.reference import check_slug, parse_selector


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetAbout:
    """A dataset without its cases. `latest` is its newest version's number, `size` how many cases that has, `revision` the write that
    touched it last: the number that `If-Match` compares. `gates` says whether some channel's policy asks for it."""

    name: str
    owner: str
    purpose: str
    created_at: datetime
    created_by: str
    latest: int
    size: int
    revision: int
    archived_at: datetime | None = None
    archived_by: str | None = None
    gates: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetSaved:
    """What a save did. `created` is False where the newest version has the same content: nothing was written.

    `folded` counts the cases that were there twice, and are there once now.
    """

    dataset: Dataset
    created: bool
    revision: int
    folded: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseChange:
    """A case that two versions have, but say other things about: `sentences` say which."""

    old: Case
    new: Case
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetDiff:
    """What differs between two versions of a dataset. A case whose content was edited is one removed and one added."""

    old: str
    new: str
    added: tuple[Case, ...]
    removed: tuple[Case, ...]
    changed: tuple[CaseChange, ...]
    sentences: tuple[str, ...]

    @property
    def empty(self) -> bool:
        """Whether nothing differs."""
        return not self.sentences


def parse_dataset_reference(text: str) -> tuple[str, int | None]:
    """Read `support-golden`, `support-golden@latest` or `support-golden@3`; None stands for the newest version.

    Raises PromptReferenceInvalidError.
    """
    name, at, selector = text.partition("@")
    if at and not selector:
        raise PromptReferenceInvalidError(
            f"reference '{text[:80]}' ends with '@'; name a version after it, such as '{name}@3', or leave the '@' out",
            param="dataset",
        )
    number = parse_selector(selector) if at else None
    if isinstance(number, str) and number != "latest":
        raise PromptReferenceInvalidError(
            f"a version of dataset '{name}' is a number or 'latest', not '{number[:80]}': datasets have no channels",
            param="dataset",
        )
    return check_dataset(name), number if isinstance(number, int) else None


def check_dataset(name: str) -> str:
    """The name itself if it is well-formed. Raises PromptReferenceInvalidError."""
    try:
        return check_slug(name)
    except PromptReferenceInvalidError as error:
        raise PromptReferenceInvalidError(
            error.message.replace("is not a slug", "is no name of a dataset"), param="dataset"
        ) from error


def dataset_not_found(name: str, known: Iterable[str]) -> DatasetNotFoundError:
    """No such dataset; suggests the nearest of `known`."""
    guess = nearest(name, known)
    hint = f"did you mean '{guess}'?" if guess else "`slugline dataset list` shows those that exist"
    return DatasetNotFoundError(f"dataset '{name}' not found; {hint}", param="dataset")


def dataset_version_not_found(name: str, number: int, newest: int) -> DatasetNotFoundError:
    """No such version; names those that exist (numbers have no gaps)."""
    have = "only version 1" if newest == 1 else f"versions 1-{newest}"
    return DatasetNotFoundError(f"dataset '{name}' has no version {number}; it has {have}", param="dataset")


def case_not_found(dataset: Dataset, case_id: str) -> DatasetNotFoundError:
    """No case of this version has the id, or more than one begins with it."""
    begun = [case.case_id for case in dataset.cases if case_id and case.case_id.startswith(case_id)]
    if len(begun) > 1:
        hint = f"{len(begun)} cases begin with it: {', '.join(begun[:5])}"
    else:
        guess = nearest(case_id, [case.case_id for case in dataset.cases])
        hint = f"did you mean '{guess}'?" if guess else f"`slugline dataset show {dataset.name}` shows its cases"
    return DatasetNotFoundError(f"{dataset.reference} has no case '{case_id[:80]}'; {hint}", param="case_id")


def find_case(dataset: Dataset, case_id: str) -> Case:
    """The case with an id, or the only one whose id begins so. Raises DatasetNotFoundError."""
    found = [case for case in dataset.cases if case_id and case.case_id.startswith(case_id)]
    if len(found) != 1:
        raise case_not_found(dataset, case_id)
    return found[0]


def fold(cases: Sequence[Case]) -> tuple[tuple[Case, ...], int]:
    """Each case once, at its first place, and how many were left out. What is said about a case counts from wherever it is said: tags
    of all, the first note and source, the greatest weight, and it must pass if one says so."""
    found: dict[str, Case] = {}
    for case in cases:
        case_id = case.case_id
        there = found.get(case_id)
        found[case_id] = case if there is None else _joined(there, case)
    return tuple(found.values()), len(cases) - len(found)


def diff_datasets(old: Dataset, new: Dataset) -> DatasetDiff:
    """What differs between two versions; the order of cases counts for nothing."""
    before, after = ({case.case_id: case for case in each.cases} for each in (old, new))
    added = tuple(case for case_id, case in after.items() if case_id not in before)
    removed = tuple(case for case_id, case in before.items() if case_id not in after)
    changed = tuple(
        CaseChange(old=before[case_id], new=case, sentences=said)
        for case_id, case in after.items()
        if case_id in before and (said := tuple(_about(before[case_id], case)))
    )
    counts = ((added, "added"), (removed, "removed"), (changed, "changed"))
    sentences = [f"{len(cases)} {_cases(len(cases))} {verb}" for cases, verb in counts if cases]
    if [check_as_mapping(check) for check in old.checks] != [check_as_mapping(check) for check in new.checks]:
        types = (", ".join(check.type for check in each.checks) or "none" for each in (old, new))
        sentences.append("the checks of all cases changed: {} → {}".format(*types))
    return DatasetDiff(
        old=old.reference, new=new.reference, added=added, removed=removed, changed=changed, sentences=tuple(sentences)
    )


def case_name(case: Case, *, longest: int = 60) -> str:
    """A few words that people know a case by: its note, else the beginning of its input."""
    values: list[Any] = [value for value in case.variables.values() if isinstance(value, str)]
    said = [str(message.get("content", "")) for message in case.messages if message.get("role") == "user"]
    text = " ".join((case.note or next(iter([*said[-1:], *values]), "") or str(dict(case.variables))).split())
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _joined(first: Case, second: Case) -> Case:
    return replace(
        first,
        tags=tuple(dict.fromkeys((*first.tags, *second.tags))),
        weight=max(first.weight, second.weight),
        must_pass=first.must_pass or second.must_pass,
        note=first.note or second.note,
        source=first.source or second.source,
    )


def _about(old: Case, new: Case) -> Iterable[str]:
    if old.tags != new.tags:
        yield f"tags: {', '.join(old.tags) or 'none'} → {', '.join(new.tags) or 'none'}"
    if old.weight != new.weight:
        yield f"weight: {old.weight:g} → {new.weight:g}"
    if old.must_pass != new.must_pass:
        yield "must pass now" if new.must_pass else "needn't pass any more"
    if old.note != new.note:
        yield f"note: {old.note or 'none'} → {new.note or 'none'}"


def _cases(count: int) -> str:
    return "case" if count == 1 else "cases"
