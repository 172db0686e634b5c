"""Removes the answers of evaluations from the data folder some time after their end.

Knows which of them are kept elsewhere: those over a dataset have their results in the registry. One over a file lies here alone and stays,
as does one that may still go on, and one that somebody holds at this moment. Refuses to touch the registry.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from evaluation.runs.errors import EvaluationRunningError
from evaluation.runs.journal import Journal
from registry.errors import EvaluationNotFoundError
from registry.writing.store import Store
from slugline.folder import DataFolder


def prune(data: DataFolder, store: Store, *, days: int, now: datetime) -> list[str]:
    """Removes the folders of evaluations that ended more than `days` ago; gives their ids. With 0 days it removes none.

    Raises RegistryError, OSError.
    """
    if not days:
        return []
    gone = []
    for folder in _over_since(data, store, now - timedelta(days=days)):
        try:
            with Journal(folder):  # whoever goes on with it, or erases somebody from it, holds it
                shutil.rmtree(folder)
        except EvaluationRunningError:
            continue
        gone.append(folder.name)
    return gone


def _over_since(data: DataFolder, store: Store, then: datetime) -> Iterator[Path]:
    for folder in sorted(data.evaluations.glob("*")) if data.evaluations.exists() else ():
        try:
            found = store.evaluation(folder.name)
        except EvaluationNotFoundError:
            continue
        if found.ended_at is not None and found.ended_at < then:
            yield folder
