"""An evaluation with a model and checks that are plain functions of a test's, on a real journal."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from evaluation.runs.journal import Journal
from evaluation.runs.plan import Plan
from evaluation.runs.run import Work, run
from evaluation.runs.terms import Ended, Progress, RunOptions
from evaluation.runs.values import Attempt, CaseResult, CheckResult, Output, Target
from registry.cases import Case

A, B = Target(slug="agent", version=1), Target(slug="agent", version=2)


def plan_of(cases: int = 10, targets: Sequence[Target] = (A, B), **given: Any) -> Plan:
    asked = tuple(Case(variables={"n": number}) for number in range(cases))
    hashes = {target.label: f"hash of {target.version}" for target in targets}
    return Plan(targets=tuple(targets), cases=asked, hashes=hashes, dataset="golden", number=3, **given)


class Kept:
    """Results in memory; refuses a result that is there."""

    def __init__(self) -> None:
        self.there: dict[tuple[str, str, int], CaseResult] = {}
        self.broken: Exception | None = None

    def read(self) -> list[CaseResult]:
        return list(self.there.values())

    def append(self, results: Sequence[CaseResult]) -> None:
        if self.broken is not None:
            raise self.broken
        for result in results:
            assert result.key not in self.there
            self.there[result.key] = result


class Bench:
    """A folder, a plan, and what was asked and told."""

    def __init__(self, folder: Path, plan: Plan, **options: Any) -> None:
        self.folder = folder
        self.plan = plan
        self.options = RunOptions(**{"first_pause_seconds": 0.001, "longest_pause_seconds": 0.01, **options})
        self.results = Kept()
        self.asked: Counter[tuple[str, str, int]] = Counter()
        self.order: list[tuple[str, str, int]] = []
        self.checked: Counter[str] = Counter()
        self.told: list[Progress] = []
        self.at_once = self.most_at_once = 0
        self.answer: Callable[[Attempt], Output] = lambda attempt: Output(text=attempt.key[0], cost=0.01)
        self.judge: Callable[[Case, Output], CheckResult] = lambda _, output: CheckResult(
            metric="said", type="contains", passed=output.text == A.label, score=float(output.text == A.label)
        )
        self.stop: Callable[[], bool] = lambda: False

    async def complete(self, attempt: Attempt) -> Output:
        self.asked[attempt.key] += 1
        self.order.append(attempt.key)
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        try:
            await asyncio.sleep(0.001)
            return self.answer(attempt)
        finally:
            self.at_once -= 1

    async def run_checks(self, case: Case, output: Output) -> tuple[CheckResult, ...]:
        self.checked[case.case_id] += 1
        await asyncio.sleep(0)
        return (self.judge(case, output),)

    async def run(self, *, cache: Mapping[str, Output] | None = None, **options: Any) -> Ended:
        given = RunOptions(**{**{name: getattr(self.options, name) for name in RunOptions.__slots__}, **options})
        with Journal(self.folder) as journal:
            work = Work(
                plan=self.plan,
                complete=self.complete,
                run_checks=self.run_checks,
                decide=lambda checks: (checks[0].passed, checks[0].score),
                results=self.results,
                journal=journal,
                options=given,
                cache=cache or {},
            )
            return await asyncio.wait_for(run(work, tell=self.told.append, stopping=self.stop), 30)
