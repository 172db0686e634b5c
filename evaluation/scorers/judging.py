"""Judges at work: each takes its tasks from files, asks its model, and records the verdict as a score.

1. A task is done once its score is in the spool; only then its id goes into the file's `.done`. After a `kill -9` what is not in there is
   judged again, at most `concurrency` calls twice, and the score replaces itself: its id is the judge's name and the call's id.
2. A provider that is away makes all of a judge's calls wait, longer from try to try up to `LONGEST_PAUSE_SECONDS`. Nothing is lost. A call
   about which the judge was asked `attempts` times in vain gets an unparsed score with the reason; so does one that the provider refuses.
3. A budget is for a UTC day and outlives restarts. What comes when it is spent stays unjudged and is counted: the backlog never grows
   beyond what the outages of one day leave.
"""

import asyncio
import json
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from evaluation.scorers.judge import Answer, Ask, Judge, question_of, read_verdict
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
    """What a judge did since the start."""

    judged: int = 0
    unparsed: int = 0
    given_up: int = 0
    over_budget: int = 0
    waiting: str = ""


class Budget:
    """What a judge may still do today. Kept in a file, so that a restart doesn't begin the day anew."""

    def __init__(self, judge: Judge, path: Path) -> None:
        self._options = judge.options
        self._path = path
        self._day, self._calls, self._usd = "", 0, 0.0
        try:
            kept = json.loads(path.read_text("utf-8"))
            self._day, self._calls, self._usd = str(kept["day"]), int(kept["calls"]), float(kept["usd"])
        except (OSError, ValueError, KeyError, TypeError):
            pass  # none yet

    def take(self, at: datetime) -> bool:
        """Counts one call, if it is still in the budget."""
        day = at.astimezone(UTC).date().isoformat()
        if day > self._day:  # a clock that is set back doesn't begin an old day again
            self._day, self._calls, self._usd = day, 0, 0.0
        options = self._options
        if options.calls_per_day is not None and self._calls >= options.calls_per_day:
            return False
        if options.usd_per_day is not None and self._usd >= options.usd_per_day:
            return False
        self._calls += 1
        self._keep()
        return True

    def give_back(self) -> None:
        """Takes back a call that came to nothing: an outage costs no budget."""
        self._calls -= 1
        self._keep()

    def spent(self, usd: float | None) -> None:
        """Adds what a call cost, where that is known."""
        if usd:
            self._usd += usd
            self._keep()

    def _keep(self) -> None:
        draft = self._path.with_suffix(".tmp")
        draft.write_text(json.dumps({"day": self._day, "calls": self._calls, "usd": self._usd}), "utf-8")
        draft.replace(self._path)


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
        self.counts = JudgeCounts()

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
        tasks = deque(task for task in _tasks(path) if task["call_id"] not in finished)
        with done.open("a", encoding="utf-8", buffering=1) as notes:

            async def work() -> None:
                while tasks:
                    task = tasks.popleft()
                    await self._task(task, stopping)
                    notes.write(task["call_id"] + "\n")

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

    async def _task(self, task: Mapping[str, Any], stopping: Callable[[], bool]) -> None:
        options = self._judge.options
        answer = Answer(status=0)
        for _ in range(options.attempts):
            await self._pause_over(stopping)
            if not self._budget.take(self._now()):
                self.counts.over_budget += 1
                return
            answer = await self._answer(task)
            self._budget.spent(answer.cost)
            if not answer.later:
                self._pause, self.counts.waiting = 0.0, ""
                break
            self._budget.give_back()
            self._failed(answer)
        await self._recorded(task, answer, stopping)

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


def _tasks(path: Path) -> list[dict[str, Any]]:
    """The tasks of a file. It was written as a whole; should a line be broken all the same, the others count."""
    tasks = []
    for line in path.read_bytes().splitlines():
        try:
            tasks.append(orjson.loads(line))
        except orjson.JSONDecodeError:
            log.error("a task in %s can't be read: its call stays unjudged", path.name)
    return tasks
