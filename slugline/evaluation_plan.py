"""From what somebody asks for to an evaluation's plan: references become versions, a dataset or a file becomes cases.

Knows whom to ask for each, and that nothing is paid for a check that can't work. Refuses to know how a plan is carried out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evaluation.checks.cases import check_cases
from evaluation.runs.errors import EvaluationError
from evaluation.runs.plan import Plan
from evaluation.runs.values import Target
from registry.cases import Case, Check
from registry.datasets import fold, parse_dataset_reference
from registry.errors import PromptInvalidError
from registry.importing.cases.files import read_cases
from registry.roles import Principal, permit
from registry.values import Version
from registry.writing.store import Store
from slugline.importing import files_for, text_of
from slugline.local_reads import LocalReads


@dataclass(frozen=True, slots=True, kw_only=True)
class Cases:
    """What is tried. `number` is the dataset's version, 0 for a file; `notes` say what of it is not tried."""

    name: str
    number: int
    cases: tuple[Case, ...]
    checks: tuple[Check, ...]
    notes: tuple[str, ...] = ()


def cases_of_dataset(store: Store, by: Principal, reference: str) -> Cases:
    """A version of a dataset of the registry. Raises RegistryError."""
    permit(by, "inspect", slug=parse_dataset_reference(reference)[0])
    found = store.read_dataset(reference)
    return Cases(name=found.name, number=found.number, cases=found.cases, checks=found.checks)


def plan_of(
    store: Store,
    by: Principal,
    references: Sequence[str],
    cases: Cases,
    *,
    against: str | None = None,
    models: Sequence[str] = (),
    repeats: int = 1,
    embedding_model: str | None = None,
    own_python: bool = True,
) -> Plan:
    """The plan. A reference after the first may leave the slug out: `@8`. Each version is tried with each of the models; the version to
    compare `against` with its own, or with the one that all have. Without `own_python` it is a server's, which runs nobody's Python.

    Raises RegistryError, also for a check that can't work, and EvaluationError for what can't be run.
    """
    check_cases(cases.cases, cases.checks, source=cases.name, own_python=own_python)
    reads = LocalReads(store, by)
    slug = references[0].partition("@")[0]
    named = [
        reference if not reference.startswith("@") else slug + reference
        for reference in (*references, *([against] if against else []))
    ]
    versions = [reads.resolve(reference) for reference in named]
    tried = versions[: len(references)]
    for version in versions:
        permit(by, "evaluate", slug=version.slug)
    pairs: list[tuple[Version, str | None]] = [(version, model) for version in tried for model in (models or (None,))]
    baseline = None
    if against:
        pairs.append((versions[-1], models[0] if len(models) == 1 else None))
        baseline = _target(*pairs[-1]).label
        if all(_target(*pair).label == baseline for pair in pairs):
            raise EvaluationError(
                f"{against} is {versions[-1].reference}, the very version that is tried: there is nothing to compare"
            )
    targets = {_target(*pair).label: _target(*pair) for pair in pairs}
    return Plan(
        targets=tuple(targets.values()),
        cases=cases.cases,
        checks=cases.checks,
        repeats=repeats,
        baseline=baseline,
        dataset=cases.name,
        number=cases.number,
        hashes={_target(*pair).label: pair[0].content_hash for pair in pairs},
        embedding_model=embedding_model,
    )


def _target(version: Version, model: str | None) -> Target:
    return Target(slug=version.slug, version=version.number, model=model)


def cases_of_file(file: str) -> Cases:
    """The cases of a file, in any of the forms that a dataset can be saved from; what it names is looked for beside it.

    Raises RegistryError, SettingsError.
    """

    def find(path: str) -> Sequence[tuple[str, str]]:
        return files_for(file, [path]).get(path, ())

    try:
        found = read_cases(text_of(file), file, find)
    except PromptInvalidError as error:
        raise PromptInvalidError(f"{file}: {error.message}", param="file") from error
    cases, folded = fold(found.cases)
    notes = (*found.notes, f"{folded:,} cases that are there twice are asked once") if folded else found.notes
    return Cases(name=Path(file).name, number=0, cases=cases, checks=found.checks, notes=notes)
