"""Evaluations that a server was asked for: rows of the registry that wait until somebody runs them, one at a time.

Knows which rows are a server's to run: those of `slugline eval` belong to whoever typed it, who may want to pay no more. One whose runner
was killed is taken up again, by the same host at once, by another after its lease. Refuses to know who asked, and what follows.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from evaluation.runs.errors import EvaluationRunningError
from evaluation.runs.plan import Plan
from evaluation.runs.terms import RunOptions
from registry.errors import EvaluationOverError, RegistryError
from registry.evaluations import Evaluation
from registry.roles import Principal
from registry.writing.store import Store
from slugline.evaluation_asking import SERVER
from slugline.evaluation_records import folder_of, runner_name
from slugline.folder import DataFolder
from slugline.settings import Settings

if TYPE_CHECKING:
    from evaluation.verdict.facts import Facts

log = logging.getLogger("slugline.evaluation")

LOOK_SECONDS = 1.0
LAST_WAIT_SECONDS = 10.0
RETRY_SECONDS = 5.0


class EvaluationRunner:
    """Runs what is queued, one evaluation at a time, in a process of the server."""

    def __init__(self, settings: Settings, environment: Mapping[str, str], store: Store) -> None:
        self._settings = settings
        self._environment = environment
        self._store = store
        self._runner = runner_name(DataFolder(settings.data))

    async def run(self, stopping: Callable[[], bool]) -> None:
        """Runs evaluations until `stopping`; then what is with a model comes to its end, and the rest waits for the next start."""
        while not stopping():
            try:
                waiting = await asyncio.to_thread(self._next)
                if waiting is not None:
                    await self._carried(waiting, stopping)
                    continue
            except RegistryError as error:
                log.warning("evaluations wait: %s", error.message)
            await _sleep(LOOK_SECONDS, stopping)

    def _next(self) -> Evaluation | None:
        """The oldest that is a server's and that nobody runs."""
        found = [one for state in ("running", "queued") for one in self._store.evaluations(state=state, limit=1000)]
        free = [one for one in found if one.plan.get("runs_on") == SERVER and self._may_take(one)]
        return min(free, key=lambda one: one.created_at, default=None)

    def _may_take(self, one: Evaluation) -> bool:
        left = one.lease_until is not None and one.lease_until < datetime.now(UTC)
        return left or one.runner in {"", self._runner}

    async def _carried(self, waiting: Evaluation, stopping: Callable[[], bool]) -> None:
        # The whole request path: only where there is something to run.
        from slugline.evaluation_payer import payer_of
        from slugline.evaluation_run import Terms, carry_out

        evaluation_id = waiting.evaluation_id
        try:
            plan = await asyncio.to_thread(self._plan, waiting)
            options = RunOptions(budget_usd=waiting.plan.get("budget_usd"), attempts=100)
            payer = await asyncio.to_thread(payer_of, self._store, waiting.identity)
            terms = Terms(
                options=options,
                folder=folder_of(DataFolder(self._settings.data), evaluation_id),
                payer=payer,
                purpose="probe" if waiting.plan.get("probe") else "evaluation",
            )
            carried = await carry_out(
                self._settings,
                self._environment,
                self._store,
                evaluation_id,
                plan,
                terms,
                conclude=lambda facts: self._conclude(waiting, facts),
                stopping=stopping,
            )
            if carried.ended.state not in {"done", "cancelled"}:
                await asyncio.to_thread(self._fail, evaluation_id, carried.ended.reason)
        except (EvaluationRunningError, EvaluationOverError) as error:  # somebody else goes on with it, or stopped it
            log.info("%s", error)
            await _sleep(LOOK_SECONDS * 5, stopping)
        except RegistryError:
            raise
        except Exception as error:
            log.exception("evaluation %s broke off", evaluation_id)
            await asyncio.to_thread(self._fail, evaluation_id, f"it broke off: {error}")

    def _conclude(self, waiting: Evaluation, facts: Mapping[str, Facts]) -> None:
        """What follows from its results. A runner that is killed right after it says it once more."""
        probe = waiting.plan.get("probe")
        if probe is None:
            self._judge(waiting, facts)
            return
        from slugline.probing import conclude

        conclude(self._store, str(probe["probe_id"]), str(probe["night"]))

    def _judge(self, waiting: Evaluation, facts: Mapping[str, Facts]) -> None:
        """The verdict that was asked for, in the name of whoever asked."""
        from slugline.gating import weighed

        gate = waiting.plan.get("gate")
        if gate is None:
            return
        for found in facts.values():
            told = found.to_json()
            decided = weighed(self._store, waiting.slug, str(gate["channel"]), str(gate["dataset"]), told)
            self._store.judge(
                waiting.slug,
                int(gate["candidate"]),
                passed=decided.outcome == "pass",
                evidence=told,
                dataset=str(gate["dataset"]),
                by=Principal(name=waiting.actor, identity=waiting.identity, roles=frozenset({"author"})),
            )

    def _plan(self, waiting: Evaluation) -> Plan:
        dataset = self._store.read_dataset(waiting.dataset_reference)
        return Plan.with_cases(waiting.plan, dataset.cases, dataset.checks)

    def _fail(self, evaluation_id: str, reason: str) -> None:
        """Nobody is there to resume it: it is over, and says why."""
        self._store.claim_evaluation(self._runner, evaluation_id=evaluation_id)
        self._store.finish_evaluation(evaluation_id, runner=self._runner, state="failed", error=reason)


async def run_queued(runner: EvaluationRunner, stopping: Callable[[], bool]) -> None:
    """Runs what is queued until `stopping`, then ends what is with a model, within `LAST_WAIT_SECONDS`. Nothing of it raises."""
    working = asyncio.create_task(_kept_running(runner, stopping))
    try:
        while not stopping():
            await asyncio.wait([working], timeout=0.1)
        await asyncio.wait([working], timeout=LAST_WAIT_SECONDS)
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


async def _kept_running(runner: EvaluationRunner, stopping: Callable[[], bool]) -> None:
    while not stopping():
        try:
            await runner.run(stopping)
        except Exception:
            log.exception("running evaluations broke off; it goes on in %.0f s", RETRY_SECONDS)
            await _sleep(RETRY_SECONDS, stopping)


async def _sleep(seconds: float, stopping: Callable[[], bool]) -> None:
    for _ in range(round(seconds / 0.1)):
        if stopping():
            return
        await asyncio.sleep(0.1)
