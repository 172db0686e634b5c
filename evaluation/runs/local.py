"""Evaluations of this machine alone: their plans and results in the data folder, beside their journals.

Knows the folder `evaluations/<id>`. Refuses to know the registry, where evaluations over its datasets are on record.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import orjson

from evaluation.runs.errors import EvaluationError, EvaluationNotFoundError
from evaluation.runs.journal import Journal
from evaluation.runs.plan import Plan
from evaluation.runs.values import CaseResult

_PLAN = "plan.json"


class JournalResults:
    """Results that are kept in the journal, and nowhere else."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def read(self) -> Sequence[CaseResult]:
        return list(self._journal.results.values())

    def append(self, results: Sequence[CaseResult]) -> None:
        """They are there already: a result is in the journal before it is handed on."""
        missing = [result.key for result in results if result.key not in self._journal.results]
        if missing:
            raise EvaluationError(f"the journal {self._journal.folder} has no result for {missing[0]}")


def write_plan(folder: Path, plan: Plan) -> None:
    """Keeps a plan in its evaluation's folder, whole or not at all. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = folder / f"{_PLAN}.new"
    draft.touch(mode=0o600)
    draft.write_bytes(orjson.dumps(plan.to_json()))
    draft.replace(folder / _PLAN)


def read_plan(folder: Path) -> Plan:
    """The plan of an evaluation. Raises EvaluationNotFoundError, EvaluationError for one that can't be read."""
    try:
        return Plan.from_json(orjson.loads((folder / _PLAN).read_bytes()))
    except FileNotFoundError:
        raise EvaluationNotFoundError(
            f"there is no evaluation {folder.name!r} in {folder.parent}: its id is what `slugline eval` printed at the end"
        ) from None
    except (OSError, orjson.JSONDecodeError) as error:
        raise EvaluationError(f"the plan of evaluation {folder.name} can't be read: {error}") from error
