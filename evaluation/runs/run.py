"""Carries out an evaluation: asks what has no answer yet, checks what has no result yet, and stops when it must.

1. Nothing is paid twice. An answer is in the journal before its checks start, what they said before it goes to the results. After a
   `kill -9` only what was with a model or a judge at that moment is asked again: `concurrency` attempts at most.
2. A provider that is away or busy makes all attempts wait, longer from try to try. An attempt that was made `attempts` times in vain
   while others of its target were answered is an error, and a result. If none was, the provider is away: the run stops, and what is left
   can be resumed.
3. A key that isn't taken or a model that isn't there stops the run at once: every case would fail for what no case can help.
4. A budget stops it before an attempt that is likely to go over it; what was answered keeps its results.

Knows the order of things. Refuses to know how a model is asked (`Complete`), how a check decides (`RunChecks`, `Decide`) and where results
are kept (`Results`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace

from evaluation.runs.asking import LOOK_SECONDS, Asking
from evaluation.runs.cost import Purse, dollars
from evaluation.runs.journal import Journal
from evaluation.runs.plan import Key, Plan
from evaluation.runs.terms import Decide, Ended, Halt, Progress, Results, RunOptions
from evaluation.runs.values import Attempt, CaseResult, CheckResult, Complete, Output, RunChecks

log = logging.getLogger("slugline.evaluation")


class _Enough(Exception):
    """There is nothing to do for so many at a time."""


def _never() -> bool:
    return False


def _nobody(progress: Progress) -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """All that a run stands on. `cache` has answers of earlier evaluations by the key of their request."""

    plan: Plan
    complete: Complete
    run_checks: RunChecks
    decide: Decide
    results: Results
    journal: Journal
    options: RunOptions = field(default_factory=RunOptions)
    cache: Mapping[str, Output] = field(default_factory=dict)


async def run(
    work: Work, *, tell: Callable[[Progress], None] = _nobody, stopping: Callable[[], bool] = _never
) -> Ended:
    """Carries an evaluation out as far as it goes; `tell` is called as it goes on.

    Once it is `stopping`, no attempt is begun; those that are with a model are paid, and carried to their end. Raises what
    `work.results` raises, and OSError where the journal can't be written; what was answered by then is kept.
    """
    return await _Run(work, tell, stopping).run()


class _Run:
    def __init__(self, work: Work, tell: Callable[[Progress], None], stopping: Callable[[], bool]) -> None:
        self._work = work
        self._tell = tell
        self._stopping = stopping
        self._purse = Purse(work.options.budget_usd)
        self._asking = Asking(work.complete, work.options, may_go_on=self._may_go_on, told=self._report)
        self._halt: Halt | None = None
        self._unsaved: deque[CaseResult] = deque()
        self._counts: Counter[str] = Counter()
        self._began = time.monotonic()

    async def run(self) -> Ended:
        work, plan = self._work, self._work.plan
        there = {result.key: result for result in await asyncio.to_thread(work.results.read)}
        self._take_stock(there)
        # What is paid already comes first: a budget that is spent is not to keep it from its result.
        left = sorted(plan.left(there), key=lambda attempt: not self._free(attempt))
        self._counts["total"] = plan.size
        self._counts["done"] = self._counts["before"] = plan.size - len(left)
        self._report()
        waiting = deque(left)
        asked = {attempt.target.label for attempt in left if not self._free(attempt)}
        async with self._saving() as saving:
            await self._begin(waiting, saving, workers=1, until=lambda: all(map(self._purse.knows, asked)))
            await self._begin(waiting, saving, workers=work.options.concurrency)
        halt = self._halt or Halt("done", "")
        return Ended(
            state=halt.state,
            reason=halt.reason,
            total=plan.size,
            done=self._counts["done"],
            asked=self._counts["asked"],
            spent_usd=self._purse.spent,
            unpriced=self._purse.unpriced,
        )

    def _take_stock(self, there: Mapping[Key, CaseResult]) -> None:
        """Counts what was paid and answered before this run."""
        journal = self._work.journal
        outputs = {**{key: result.output for key, result in there.items()}, **journal.outputs}
        for (label, _, _), output in outputs.items():
            self._purse.seen(label, output)
            if not output.error:
                self._asking.answered(label)
        for (label, _, _), result in {**journal.results, **there}.items():
            self._purse.checked(label, result)
        for result in there.values():
            self._count(result)

    def _free(self, attempt: Attempt) -> bool:
        """Whether there is an answer already."""
        return attempt.key in self._work.journal.outputs or self._work.plan.request_key(attempt) in self._work.cache

    async def _begin(
        self, waiting: deque[Attempt], saving: asyncio.Task[None], *, workers: int, until: Callable[[], bool] = _never
    ) -> None:
        """Makes attempts, so many at a time, until there are none left or it holds that it's enough."""

        async def work() -> None:
            try:
                while waiting and not saving.done() and not until():
                    self._may_begin(waiting[0])
                    await self._attempt(waiting.popleft())
            except _Enough:
                return
            except Halt as halt:
                self._halt = self._halt or halt
            except BaseException as error:
                self._halt = self._halt or Halt("cancelled", f"it broke off: {error}")
                raise

        tasks = [asyncio.create_task(work()) for _ in range(workers)]
        try:
            for outcome in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(outcome, BaseException):
                    raise outcome
        finally:
            for task in tasks:
                task.cancel()

    def _may_go_on(self) -> None:
        """Raises Halt where the run is over."""
        if self._halt is not None:
            raise self._halt
        if self._stopping():
            raise Halt("cancelled", "it was stopped")

    def _may_begin(self, attempt: Attempt) -> None:
        """Raises Halt where this attempt may not be begun, _Enough where it may not beside the others."""
        self._may_go_on()
        label, budget = attempt.target.label, self._purse.budget_usd
        if budget is None or attempt.key in self._work.journal.results:
            return
        if self._purse.unpriced:
            raise Halt(
                "unpriced",
                f"the budget of {dollars(budget)} can't be held: no price is known for the model of {label}. Give it one in the "
                "settings (providers.NAME.prices), or leave the budget out",
            )
        if not self._purse.allows(label, answered=self._free(attempt)):
            if self._purse.under_way:
                raise _Enough  # what is under way may cost less than it is likely to: the last one of us sees
            raise Halt("over_budget", f"another call is likely to go over the budget of {dollars(budget)}")

    async def _attempt(self, attempt: Attempt) -> None:
        journal, key, label = self._work.journal, attempt.key, attempt.target.label
        self._purse.begin(label)
        try:
            output = journal.outputs.get(key) or await self._output(attempt)
            result = journal.results.get(key)
            if result is None:
                result = await self._checked(attempt, output)
                await journal.keep_result(result)
                self._purse.checked(label, result)
        finally:
            self._purse.end(label)
        self._unsaved.append(result)

    async def _output(self, attempt: Attempt) -> Output:
        """An answer of an earlier evaluation, or the model's; it is in the journal then."""
        request_key = self._work.plan.request_key(attempt)
        kept = self._work.cache.get(request_key)
        if kept is not None:
            output = replace(kept, cached=True)
        else:
            output = await self._asking.ask(attempt)
            self._counts["asked"] += 1
        await self._work.journal.keep_output(attempt.key, request_key, output)
        self._purse.seen(attempt.target.label, output)
        return output

    async def _checked(self, attempt: Attempt, output: Output) -> CaseResult:
        if output.error:  # nothing to check: an attempt without an answer has failed
            return CaseResult(key=attempt.key, output=output, checks=(), passed=False, score=0.0)
        try:
            checks = await self._work.run_checks(attempt.case, output)
            passed, score = self._work.decide(checks)
        except Exception as error:
            log.exception("the checks of case %s broke off", attempt.case.case_id)
            why = f"the checks broke off: {type(error).__name__}: {error}"
            checks = (CheckResult(metric="checks", type="checks", passed=None, score=0.0, reason=why),)
            passed, score = None, 0.0
        return CaseResult(key=attempt.key, output=output, checks=checks, passed=passed, score=score)

    @contextlib.asynccontextmanager
    async def _saving(self) -> AsyncIterator[asyncio.Task[None]]:
        """Results go to where they are kept in the background, as many at a time as there are; all of them before the block is left."""
        over = asyncio.Event()

        async def save() -> None:
            while not over.is_set() or self._unsaved:
                batch = [self._unsaved.popleft() for _ in range(len(self._unsaved))]
                if not batch:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(over.wait(), LOOK_SECONDS / 4)
                    continue
                await asyncio.to_thread(self._work.results.append, batch)
                self._counts["done"] += len(batch)
                for result in batch:
                    self._count(result)
                self._report()

        saving = asyncio.create_task(save())
        try:
            yield saving
        finally:
            over.set()
            await saving

    def _count(self, result: CaseResult) -> None:
        self._counts["failed"] += result.passed is not True
        self._counts["errors"] += bool(result.output.error)

    def _report(self) -> None:
        done, total = self._counts["done"], self._counts["total"]
        fresh = done - self._counts["before"]
        each = (time.monotonic() - self._began) / fresh if fresh else None
        self._tell(
            Progress(
                total=total,
                done=done,
                failed=self._counts["failed"],
                errors=self._counts["errors"],
                spent_usd=self._purse.spent,
                eta_seconds=None if each is None else each * (total - done),
                waiting=self._asking.waiting,
            )
        )
