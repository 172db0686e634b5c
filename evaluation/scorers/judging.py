"""Judges at work: each takes its tasks from files, asks its model, and records the verdict as a score.

1. A task is done once its score is in the spool; only then its id goes into the file's `.done`. After a `kill -9` what is not in there is
   judged again, at most `concurrency` calls twice, and the score replaces itself: its id is the judge's name and the call's id.
2. A provider that is away makes all of a judge's calls wait, longer from try to try up to `LONGEST_PAUSE_SECONDS`. Nothing is lost. A call
   about which the judge was asked `attempts` times in vain gets an unparsed score with the reason; so does one that the provider refuses.
3. A budget is for a UTC day and outlives restarts. What comes when it is spent stays unjudged and is counted: the backlog never grows
   beyond what the outages of one day leave.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from evaluation.scorers.judge import Answer, Ask, Judge, question_of, read_verdict
from evaluation.scorers.judge_budget import Budget
from evaluation.scorers.scoring import automatic_score
from evaluation.scorers.subject import Scored, unparsed
from tracing.event import Event

log = logging.getLogger("slugline.scoring")

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 300.0
LOOK_SECONDS = 0.2


class Stopped(Exception):
    """The end has come; the task stays."""


@dataclass(slots=True)
class JudgeCounts:
    """What a judge did since the start; of today, `unpriced` calls whose cost isn't known, and a `hint` where that matters."""

    judged: int = 0
    unparsed: int = 0
    given_up: int = 0
    over_budget: int = 0
    unpriced: int = 0
    hint: str = ""
    waiting: str = ""


class Judging:
    """One judge of one data folder."""

    def __init__(
        self,
        judge: Judge,
        folder: Path,
        ask: Ask,
        record: Callable[[Event], bool],
        now: Callable[[], datetime],
        *,
        first_pause_seconds: float = FIRST_PAUSE_SECONDS,
    ) -> None:
        self._judge = judge
        self._folder = folder
        self._ask = ask
        self._record = record
        self._now = now
        self._budget = Budget(judge, folder / "budget.json")
        self._first_pause = first_pause_seconds
        self._pause = 0.0
        self._not_before = 0.0
        self.counts = JudgeCounts(unpriced=self._budget.unpriced, hint=self._budget.hint)

    async def run(self, stopping: Callable[[], bool]) -> None:
        """Judges until `stopping`; calls that are with the model then are waited for."""
        while not stopping():
            try:
                files = await asyncio.to_thread(lambda: sorted(self._folder.glob("*.jsonl")))
                for path in files:
                    await self._work(path, stopping)
            except Stopped:
                return
            except OSError as error:
                self._wait_for(f"the tasks can't be worked on: {error}")
            if not stopping():
                await asyncio.sleep(LOOK_SECONDS)

    async def _work(self, path: Path, stopping: Callable[[], bool]) -> None:
        done = path.with_suffix(".done")
        finished = set(done.read_text("utf-8").split()) if done.exists() else set()
        tasks = deque(place for place, call_id in _places(path) if call_id not in finished)
        with done.open("a", encoding="utf-8", buffering=1) as notes:

            async def work() -> None:
                while tasks:
                    place = tasks.popleft()
                    if (call_id := await self._task(path, place, stopping)) is not None:
                        notes.write(call_id + "\n")

            workers = [asyncio.create_task(work()) for _ in range(self._judge.options.concurrency)]
            try:
                for outcome in await asyncio.gather(*workers, return_exceptions=True):
                    if isinstance(outcome, BaseException):
                        raise outcome
            finally:
                for worker in workers:
                    worker.cancel()
        path.unlink()
        done.unlink()

    async def _task(self, path: Path, place: int, stopping: Callable[[], bool]) -> str | None:
        """The id of the call that is done with; None for one that was erased. It may be while its judge is away, so that its text is
        never held: the file is looked into before each try."""
        options = self._judge.options
        answer = Answer(status=0)
        for _ in range(options.attempts):
            await self._pause_over(stopping)
            task = _task_at(path, place)
            if task is None:
                return None
            if not self._budget.take(self._now()):
                self.counts.over_budget += 1
                return str(task["call_id"])
            answer = await self._answer(task)
            if answer.status == 200 or answer.cost is not None:
                self._spent(answer.cost)
            if not answer.later:
                self._pause, self.counts.waiting = 0.0, ""
                break
            self._budget.give_back()
            self._failed(answer)
        if (task := _task_at(path, place)) is None:  # erased while the judge was asked
            return None
        await self._recorded(task, answer, stopping)
        return str(task["call_id"])

    def _spent(self, usd: float | None) -> None:
        had = self.counts.hint
        self._budget.spent(usd)
        self.counts.unpriced, self.counts.hint = self._budget.unpriced, self._budget.hint
        if self.counts.hint and not had:
            log.warning("judge '%s': %s", self._judge.name, self.counts.hint)

    async def _answer(self, task: Mapping[str, Any]) -> Answer:
        try:
            return await self._ask(question_of(self._judge, task))
        except Exception as error:
            log.exception("judge '%s' could not be asked about call %s", self._judge.name, task["call_id"])
            return Answer(status=500, error=f"{type(error).__name__}: {error}")

    async def _recorded(self, task: Mapping[str, Any], answer: Answer, stopping: Callable[[], bool]) -> None:
        said = self._said(answer)
        event = automatic_score(
            said,
            call_id=task["call_id"],
            name=self._judge.name,
            kind=self._judge.gives,
            source="judge",
            scorer=answer.rubric or self._judge.options.rubric,
            version=f"{answer.version or '?'}/{answer.model or '?'}",
            identity="judge",
            at=self._now(),
        )
        while not self._record(event):
            self._wait_for("the spool takes no scores at the moment (is the disk full?)")
            await _sleep(LOOK_SECONDS * 5, stopping)
        self.counts.judged += 1
        self.counts.unparsed += not said.parsed

    def _said(self, answer: Answer) -> Scored:
        if answer.status == 200:
            return read_verdict(self._judge.options, answer.text)
        self.counts.given_up += 1
        return unparsed(f"the judge could not be asked ({answer.status}): {answer.error}")

    def _failed(self, answer: Answer) -> None:
        if time.monotonic() >= self._not_before:  # calls that fail together are one failure
            self._pause = min(max(self._pause * 2, self._first_pause), LONGEST_PAUSE_SECONDS)
            self._not_before = time.monotonic() + self._pause
        self._wait_for(f"the judge can't be asked ({answer.status}): {answer.error}")

    def _wait_for(self, why: str) -> None:
        if not self.counts.waiting:
            log.warning("judge '%s' waits: %s", self._judge.name, why)
        self.counts.waiting = why

    async def _pause_over(self, stopping: Callable[[], bool]) -> None:
        if stopping():
            raise Stopped
        while (left := self._not_before - time.monotonic()) > 0:
            await _sleep(left, stopping)


async def _sleep(seconds: float, stopping: Callable[[], bool]) -> None:
    """Sleeps for a fifth of a second or less, so that the end is noticed. Raises Stopped."""
    if stopping():
        raise Stopped
    await asyncio.sleep(min(seconds, LOOK_SECONDS))


def _places(path: Path) -> list[tuple[int, str]]:
    """Where each task of a file begins, and its call's id. It was written as a whole; should a line be broken all the same, the others
    count. What was erased is blank."""
    places, at = [], 0
    with path.open("rb") as lines:
        for line in lines:
            if not line.isspace():
                try:
                    places.append((at, str(orjson.loads(line)["call_id"])))
                except (orjson.JSONDecodeError, KeyError, TypeError):
                    log.error("a task in %s can't be read: its call stays unjudged", path.name)
            at += len(line)
    return places


def _task_at(path: Path, place: int) -> dict[str, Any] | None:
    with path.open("rb") as file:
        file.seek(place)
        try:
            task: dict[str, Any] = orjson.loads(file.readline())
        except orjson.JSONDecodeError:
            return None
    return task
