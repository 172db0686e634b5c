"""Where an evaluation is kept while it runs: its journal in the data folder, and, where its cases come from the registry, its row there.

1. Whoever runs an evaluation on this machine holds its journal's lock, so its name in the registry (`runner`) is this data folder's: one
   that was killed is taken up again at once. Another host waits for the lease to run out.
2. A runner that lost its place (its evaluation was cancelled, or somebody else took over) begins nothing more; what it paid for is kept.

Refuses to know what is asked, and what follows from the results.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec
import orjson

from evaluation.runs.cost import checks_paid, paid
from evaluation.runs.journal import Journal
from evaluation.runs.local import JournalResults
from evaluation.runs.plan import Plan
from evaluation.runs.terms import Ended, Results
from evaluation.runs.values import CaseResult
from registry.evaluations import LEASE_SECONDS, AttemptResult
from registry.writing.store import Store
from slugline.folder import DataFolder

BEATS = 4
"""How often in the time of a lease its runner says that it is alive."""


class Kept(Protocol):
    """An evaluation as its runner holds it."""

    @property
    def results(self) -> Results: ...

    @property
    def lost(self) -> bool:
        """Whether somebody else runs it now, or it was cancelled."""
        ...

    def end(self, ended: Ended, facts: Mapping[str, Any] | None = None) -> None:
        """Says how the run ended. What did not come to its end can be resumed."""
        ...


class HereOnly:
    """An evaluation of cases from a file: on this machine alone."""

    def __init__(self, journal: Journal) -> None:
        self.results: Results = JournalResults(journal)
        self.lost = False

    def end(self, ended: Ended, facts: Mapping[str, Any] | None = None) -> None:
        """The journal says it all."""


class OnRecord:
    """An evaluation that is a row of the registry; it is its own `results`."""

    def __init__(self, store: Store, evaluation_id: str, runner: str) -> None:
        self.lost = False
        self._store = store
        self._id = evaluation_id
        self._runner = runner

    @property
    def results(self) -> Results:
        return self

    def read(self) -> Sequence[CaseResult]:
        return [msgspec.convert(dict(found.result), CaseResult) for found in self._store.results(self._id)]

    def append(self, results: Sequence[CaseResult]) -> None:
        rows = [attempt_result(result) for result in results]
        self.lost = not self._store.add_results(self._id, rows, runner=self._runner) or self.lost

    def beat(self) -> None:
        """Says that its runner is alive."""
        self.lost = not self._store.renew_evaluation(self._id, self._runner) or self.lost

    def end(self, ended: Ended, facts: Mapping[str, Any] | None = None) -> None:
        if self.lost:
            return
        if ended.state == "done":
            self._store.finish_evaluation(self._id, runner=self._runner, facts=facts)
        else:
            self._store.release_evaluation(self._id, self._runner)


def attempt_result(result: CaseResult) -> AttemptResult:
    """A result as the registry keeps it."""
    label, case_id, repeat = result.key
    unknown = result.output.cost is None and not result.output.cached
    return AttemptResult(
        target=label,
        case_id=case_id,
        repeat=repeat,
        passed=result.passed,
        cost=None if unknown and not checks_paid(result) else paid(result.output) + checks_paid(result),
        result=orjson.loads(orjson.dumps(result)),
    )


def folder_of(data: DataFolder, evaluation_id: str) -> Path:
    """Where an evaluation's journal lies."""
    return data.evaluations / evaluation_id


def runner_name(data: DataFolder) -> str:
    """How this data folder is called in the registry as a runner of evaluations."""
    return f"{socket.gethostname()} {hashlib.sha256(str(data.path).encode()).hexdigest()[:8]}"


@contextlib.asynccontextmanager
async def held(
    data: DataFolder, store: Store, evaluation_id: str, plan: Plan
) -> AsyncIterator[tuple[Journal, HereOnly | OnRecord]]:
    """An evaluation's journal and its results, held against all others until the block ends.

    Raises EvaluationRunningError where another process of this machine holds it; EvaluationOverError where another host does, or it is
    over.
    """
    with Journal(folder_of(data, evaluation_id)) as journal:
        if not plan.number:
            yield journal, HereOnly(journal)
            return
        runner = runner_name(data)
        await asyncio.to_thread(store.claim_evaluation, runner, evaluation_id=evaluation_id)
        kept = OnRecord(store, evaluation_id, runner)
        beating = asyncio.create_task(_beat(kept.beat, LEASE_SECONDS / BEATS))
        try:
            yield journal, kept
        finally:
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)


async def _beat(beat: Callable[[], None], seconds: float) -> None:
    from registry.errors import RegistryError

    while True:
        await asyncio.sleep(seconds)
        with contextlib.suppress(RegistryError):  # adding results says so, too
            await asyncio.to_thread(beat)
