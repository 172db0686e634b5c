"""Automatic scores in the keeper: takes loaded segments, runs the scorers of the settings over them, and lets judges ask their models.

Knows when to begin, and to end within a bound. Refuses to know how a scorer scores (`evaluation.scorers`) and how a model is asked
(`slugline.judges`, which brings the request path along and is imported only where there are judges).
"""

import asyncio
import contextlib
import logging
import math
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from evaluation.scorers.judging import Judging
from evaluation.scorers.scoring import scorers_of
from evaluation.scorers.segments import ScoringFolders, SegmentScorer
from slugline.folder import DataFolder
from slugline.recording import open_recorder
from slugline.settings import Settings
from tracing.loading.segments import bytes_in
from tracing.spool import Spool, SpoolFolders

log = logging.getLogger("slugline.scoring")

MOST_WAITING_BYTES = 2 * 2**30
"""What may wait to be scored and judged; what comes on top is loaded, but not scored, so that the disk can't fill up for it."""
MEASURE_SECONDS = 5.0
"""How long what waits is believed to have shrunk by nothing: adding up many thousand files for each segment would slow loading down."""
LAST_WAIT_SECONDS = 10.0
RETRY_SECONDS = 5.0


class Scoring:
    """What the keeper does about scores. Without scorers in the settings it does nothing, and holds nothing open."""

    def __init__(
        self,
        folders: ScoringFolders,
        segments: SegmentScorer | None = None,
        judges: Mapping[str, Judging] | None = None,
        spool: Spool | None = None,
        most_waiting_bytes: int = MOST_WAITING_BYTES,
    ) -> None:
        self._folders = folders
        self._segments = segments
        self._judges = judges or {}
        self._spool = spool
        self._skipped = 0
        self._most = most_waiting_bytes
        self._waiting, self._measured = 0, -math.inf

    def take(self, segment: Path) -> None:
        """Keeps a segment that was just loaded, if it holds calls. A failure is counted and logged: loading goes on."""
        if self._segments is None or not segment.name.startswith("calls."):
            return
        try:
            size = segment.stat().st_size
            if self._waiting_bytes() + size > self._most:
                raise OSError(f"more than {self._most:,} bytes of calls would wait to be scored")
            os.link(segment, self._folders.calls / segment.name)
            self._waiting += size
        except FileExistsError:
            pass  # taken before, in a process that was killed before the segment was deleted
        except OSError as error:
            self._skipped += 1
            log.error("the calls of segment %s get no automatic scores: %s", segment.name, error)

    def _waiting_bytes(self) -> int:
        """What lay there when it was last measured, and what was added since."""
        if time.monotonic() - self._measured > MEASURE_SECONDS:
            self._waiting, self._measured = self._measure(), time.monotonic()
        return self._waiting

    def _measure(self) -> int:
        return bytes_in(self._folders.calls) + sum(bytes_in(self._folders.judge(name)) for name in self._judges)

    async def run(self, stopping: Callable[[], bool]) -> None:
        """Scores until `stopping`, then ends what is in hand, within `LAST_WAIT_SECONDS`, and seals the scores."""
        if self._segments is None:
            return
        runners = [self._segments.run, *(judging.run for judging in self._judges.values())]
        tasks = [asyncio.create_task(_kept_running(runner, stopping)) for runner in runners]
        try:
            while not stopping():
                await asyncio.wait(tasks, timeout=0.1)
            await asyncio.wait(tasks, timeout=LAST_WAIT_SECONDS)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if self._spool is not None:
                self._spool.close()

    def status(self) -> dict[str, Any] | None:
        """For the health page: what was scored, what waits, and why. None without scorers."""
        if self._segments is None:
            return None
        with contextlib.suppress(OSError):
            waiting = sum(1 for _ in self._folders.calls.iterdir())
            return {
                **asdict(self._segments.counts),
                "segments_waiting": waiting,
                "bytes_waiting": self._measure(),
                "segments_skipped": self._skipped,
                "judges": {name: asdict(judging.counts) for name, judging in self._judges.items()},
            }
        return None


@contextlib.asynccontextmanager
async def open_scoring(settings: Settings, environment: Mapping[str, str]) -> AsyncIterator[Scoring]:
    """The scorers of the settings, ready to run."""
    folder = DataFolder(settings.data)
    folders = ScoringFolders(folder.scoring)
    if not settings.scorers:
        yield Scoring(folders)
        return
    scorers = await asyncio.to_thread(scorers_of, settings.scorers)
    spool = Spool(SpoolFolders.at(folder.spool), bounds=settings.spool_bounds, worker="keeper")
    spool.start()
    recorder = open_recorder(settings, environment, spool.append)
    now = partial(datetime.now, UTC)
    segments = SegmentScorer(folders, scorers, recorder, now)
    judges: dict[str, Judging] = {}
    try:
        async with contextlib.AsyncExitStack() as stack:
            if scorers.judges:
                from slugline.judges import asking

                ask = await stack.enter_async_context(asking(settings, environment, spool, recorder))
                judges = {
                    judge.name: Judging(judge, folders.judge(judge.name), ask, recorder, now)
                    for _, judge in scorers.judges
                }
            yield Scoring(folders, segments, judges, spool)
    finally:
        spool.close()


async def _kept_running(run: Callable[[Callable[[], bool]], Any], stopping: Callable[[], bool]) -> None:
    """One scorer's fault is no other's: what breaks is logged and begun again."""
    while not stopping():
        try:
            await run(stopping)
        except Exception:
            log.exception("automatic scoring broke off; it goes on in %.0f s", RETRY_SECONDS)
            await _sleep(RETRY_SECONDS, stopping)


async def _sleep(seconds: float, stopping: Callable[[], bool]) -> None:
    for _ in range(round(seconds / 0.1)):
        if stopping():
            return
        await asyncio.sleep(0.1)
