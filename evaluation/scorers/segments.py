"""Loaded segments of calls become scores: by checks at once, and by tasks that judges take up later.

    scoring/calls/   segments whose calls are loaded, left here by the loader
    scoring/judge/NAME/   tasks of one judge, a file for each segment (`judging.py`)

1. A segment stays until all its scores are in the spool and all its tasks are in their files. After a `kill -9` it is worked off again
   from its beginning: scores replace themselves, as their ids say, and tasks that are there already are not written again.
2. It needs neither ClickHouse nor the network, and each host scores what its own workers recorded: no two ever score the same call.
3. A line that can't be read is counted and passed over: it never blocks the rest.
"""

import asyncio
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from evaluation.scorers.judge import task_of
from evaluation.scorers.scoring import Scorers, checked
from evaluation.scorers.subject import subject_of
from tracing.event import Event

log = logging.getLogger("slugline.scoring")

LOOK_SECONDS = 0.2
SETTLE_SECONDS = 0.25
"""Longer than the spool's group fsync: what a segment's scores stand on is on disk before the segment goes."""


class SpoolFull(Exception):
    """The spool takes no more at the moment: the segment stays."""


@dataclass(frozen=True, slots=True)
class ScoringFolders:
    """Where segments and tasks wait."""

    root: Path

    @property
    def calls(self) -> Path:
        return self.root / "calls"

    def judge(self, name: str) -> Path:
        """One judge's tasks."""
        return self.root / "judge" / name

    def make(self, judges: Mapping[str, object]) -> None:
        """Makes the folders, for their owner only: bodies of calls lie there."""
        for path in (self.root, self.calls, self.root / "judge", *(self.judge(name) for name in judges)):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)


@dataclass(slots=True)
class ScoringCounts:
    """What was done since the start."""

    calls: int = 0
    scores: int = 0
    unreadable: int = 0
    failed: dict[str, int] = field(default_factory=dict)
    waiting: str = ""


class SegmentScorer:
    """Works off the segments of one data folder. `record` takes an event into the spool, and says whether it did."""

    def __init__(
        self, folders: ScoringFolders, scorers: Scorers, record: Callable[[Event], bool], now: Callable[[], datetime]
    ) -> None:
        self._folders = folders
        self._scorers = scorers
        self._record = record
        self._now = now
        self.counts = ScoringCounts()
        folders.make({choice.name: judge for choice, judge in scorers.judges})

    async def run(self, stopping: Callable[[], bool]) -> None:
        """Works until `stopping`; the segment in hand is finished."""
        while not stopping():
            try:
                done = await self.work_off(stopping)
                self.counts.waiting = ""
            except (OSError, SpoolFull) as error:
                if not self.counts.waiting:
                    log.warning("automatic scores wait: %s", error)
                done, self.counts.waiting = 0, str(error)
            if not done:
                await asyncio.sleep(LOOK_SECONDS)

    async def work_off(self, stopping: Callable[[], bool] = lambda: False) -> int:
        """Scores every segment that is there; gives how many. Raises SpoolFull or OSError where the disk is full."""
        done = 0
        for path in await asyncio.to_thread(lambda: sorted(self._folders.calls.glob("calls.*.jsonl"))):
            if stopping():
                break
            await asyncio.to_thread(self._score, path)
            await asyncio.sleep(SETTLE_SECONDS)
            await asyncio.to_thread(path.unlink, missing_ok=True)
            done += 1
        return done

    def _score(self, path: Path) -> None:
        tasks: dict[str, list[bytes]] = {choice.name: [] for choice, _ in self._scorers.judges}
        with path.open("rb") as lines:
            for line in lines:
                if line.isspace():  # it was erased
                    continue
                try:
                    call = orjson.loads(line)
                    self._score_call(call)
                    for name, task in self._tasks(call):
                        tasks[name].append(task)
                except (ValueError, KeyError, TypeError, AttributeError):
                    self.counts.unreadable += 1
                    log.exception("a line of %s can't be read: its call gets no automatic scores", path.name)
        for name, found in tasks.items():
            if found:
                _write_once(self._folders.judge(name) / path.name, b"".join(found))

    def _score_call(self, call: Mapping[str, Any]) -> None:
        self.counts.calls += 1
        for score in checked(self._scorers.checks, call, self._now()):
            if not self._record(score):
                raise SpoolFull("the spool takes no scores at the moment (is the disk full?)")
            self.counts.scores += 1
            if not score.parsed and score.comment.startswith("the scorer failed"):
                self.counts.failed[score.name] = self.counts.failed.get(score.name, 0) + 1

    def _tasks(self, call: Mapping[str, Any]) -> list[tuple[str, bytes]]:
        names = [choice.name for choice, _ in self._scorers.judges if choice.takes(call)]
        subject = subject_of(call) if names else None
        if subject is None or not subject.recorded:
            return []
        return [(name, orjson.dumps(task_of(subject, call)) + b"\n") for name in names]


def _write_once(path: Path, content: bytes) -> None:
    """The whole file or none of it; one that is there stays as it is, and so does one that was worked off."""
    if path.exists():
        return
    draft = path.with_suffix(".tmp")
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
