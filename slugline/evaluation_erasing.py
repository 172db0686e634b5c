"""Takes cases out of the answers of evaluations on this machine: their inputs out of plans, and what was answered out of journals.

Knows the folder `evaluations`. Refuses to know whose cases they are. An evaluation that runs at this moment is left, and found again the
next time.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import orjson

from evaluation.runs.errors import EvaluationError, EvaluationRunningError
from evaluation.runs.journal import NAME, Journal
from evaluation.runs.local import read_plan, write_plan
from evaluation.runs.plan import Plan
from slugline.folder import DataFolder


def forget_cases(data: DataFolder, case_ids: Collection[str], call_ids: Collection[str], *, dry_run: bool) -> int:
    """Takes out cases with these ids, and those of files that came from these calls; gives how many answers went, or would go.

    Raises OSError.
    """
    if not data.evaluations.exists() or not (case_ids or call_ids):
        return 0
    return sum(_forget(folder, case_ids, call_ids, dry_run) for folder in sorted(data.evaluations.iterdir()))


def _forget(folder: Path, case_ids: Collection[str], call_ids: Collection[str], dry_run: bool) -> int:
    gone = set(case_ids)
    plan: Plan | None = None
    try:
        plan = read_plan(folder)
    except EvaluationError:
        pass  # it has none here (another host made it), or one that can't be read: its journal goes by the ids
    else:
        gone |= {case.case_id for case in plan.cases if case.source.get("call_id") in call_ids}
    lines = (folder / NAME).read_bytes().splitlines(keepends=True) if (folder / NAME).exists() else []
    kept = [line for line in lines if not _about(line, gone)]
    answers = sum(b'"output"' in line for line in lines) - sum(b'"output"' in line for line in kept)
    planned = plan is not None and any(case.case_id in gone for case in plan.cases)
    if dry_run or not (planned or len(kept) < len(lines)):
        return answers
    try:
        with Journal(folder):
            left = () if plan is None else tuple(case for case in plan.cases if case.case_id not in gone)
            if plan is not None and not left:
                shutil.rmtree(folder)
                return answers
            if plan is not None:
                write_plan(folder, replace(plan, cases=left))
            draft = folder / f"{NAME}.new"
            draft.touch(mode=0o600)
            draft.write_bytes(b"".join(kept))
            draft.replace(folder / NAME)
    except EvaluationRunningError:
        return 0
    return answers


def _about(line: bytes, case_ids: Collection[str]) -> bool:
    """Whether a line of a journal is about one of these cases; one that can't be read is as good as gone."""
    try:
        return str(orjson.loads(line)["key"][1]) in case_ids
    except (orjson.JSONDecodeError, KeyError, IndexError, TypeError):
        return True
