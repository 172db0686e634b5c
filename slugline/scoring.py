"""Automatic scores in the keeper: takes loaded segments, runs the scorers of the settings over them, and lets judges ask their models.

Judges ask through the request path's own `complete()`, composed here a second time, and not over the server's HTTP: so they need no key
that could be stolen, no free worker and no reachable port, and their calls are on record like all calls, with the purpose `judge`.
"""

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson

from evaluation.scorers.judge import Answer, Ask, Question
from evaluation.scorers.judging import Judging
from evaluation.scorers.scoring import Scorers, scorers_of
from evaluation.scorers.segments import ScoringFolders, SegmentScorer
from proxy.complete import complete
from proxy.endpoints import ENDPOINTS
from proxy.line import CallRequest, Line
from proxy.meter import Meter
from registry.serving.live import LiveRegistry
from registry.storage.database import open_engine
from slugline.compose import now, open_line
from slugline.folder import DataFolder
from slugline.recording import open_recorder
from slugline.settings import Settings
from tracing.event import CallEvent
from tracing.privacy.recorder import Recorder
from tracing.spool import Spool, SpoolFolders

log = logging.getLogger("slugline.scoring")

MOST_WAITING = 20_000
"""Segments that may wait to be scored; what comes on top is loaded, but not scored, so that the disk can't fill up for it."""
LAST_WAIT_SECONDS = 10.0
RETRY_SECONDS = 5.0

_CHAT = ENDPOINTS["/v1/chat/completions"]


class Scoring:
    """What the keeper does about scores. Without scorers in the settings it does nothing, and holds nothing open."""

    def __init__(
        self,
        folders: ScoringFolders,
        segments: SegmentScorer | None = None,
        judges: Mapping[str, Judging] | None = None,
        spool: Spool | None = None,
    ) -> None:
        self._folders = folders
        self._segments = segments
        self._judges = judges or {}
        self._spool = spool
        self._skipped = 0

    def take(self, segment: Path) -> None:
        """Keeps a segment that was just loaded, if it holds calls. A failure is counted and logged: loading goes on."""
        if self._segments is None or not segment.name.startswith("calls."):
            return
        try:
            if sum(1 for _ in self._folders.calls.iterdir()) >= MOST_WAITING:
                raise OSError(f"more than {MOST_WAITING:,} segments wait to be scored")
            os.link(segment, self._folders.calls / segment.name)
        except FileExistsError:
            pass  # taken before, in a process that was killed before the segment was deleted
        except OSError as error:
            self._skipped += 1
            log.error("the calls of segment %s get no automatic scores: %s", segment.name, error)

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
    segments = SegmentScorer(folders, scorers, recorder, now)
    try:
        async with _asking(settings, environment, scorers, spool, recorder) as ask:
            judges = {
                judge.name: Judging(judge, folders.judge(judge.name), ask, recorder, now) for _, judge in scorers.judges
            }
            yield Scoring(folders, segments, judges, spool)
    finally:
        spool.close()


@contextlib.asynccontextmanager
async def _asking(
    settings: Settings, environment: Mapping[str, str], scorers: Scorers, spool: Spool, recorder: Recorder
) -> AsyncIterator[Ask]:
    """Something that asks judges' models; where there are no judges, nothing is opened for it."""
    if not scorers.judges:
        yield _nobody
        return
    folder = DataFolder(settings.data)
    engine = open_engine(settings.registry_url)
    live = LiveRegistry(engine, snapshot=folder.snapshot)
    meter = Meter(folder.meter)
    try:
        async with open_line(
            settings, environment, live=live, meter=meter, record=recorder, recording=lambda: spool.recording
        ) as line:
            yield asker(line)
    finally:
        meter.close()
        live.close()
        engine.dispose()


def asker(line: Line) -> Ask:
    """Asks a judge's model as a call of Slugline's own."""

    async def ask(question: Question) -> Answer:
        events: list[CallEvent] = []

        def record(event: CallEvent) -> bool:
            events.append(event)
            return line.record(event)

        reply = await complete(_request(question), replace(line, record=record))
        body = reply.body if isinstance(reply.body, bytes) else b""
        text, error = _said(body)
        event = events[0] if events else None
        return Answer(
            status=reply.status,
            text=text,
            error=error,
            rubric=event.prompt if event else "",
            version=event.version if event else 0,
            model=event.model_served if event else "",
            cost=float(event.cost) if event and event.cost is not None else None,
        )

    return ask


async def _nobody(_: Question) -> Answer:
    return Answer(status=500, error="no judge is set")


def _request(question: Question) -> CallRequest:
    body: dict[str, Any] = {
        "prompt": {"id": question.rubric, "variables": dict(question.variables)},
        "messages": [],
        "response_format": dict(question.response_format),
        **({"model": question.model} if question.model else {}),
    }
    tags = ",".join(f"{quote(name)}={quote(value)}" for name, value in question.tags.items())
    return CallRequest(
        endpoint=_CHAT,
        headers={"content-type": "application/json", "x-slugline-tags": tags},
        body=orjson.dumps(body),
        purpose="judge",
        own=True,
    )


def _said(body: bytes) -> tuple[str, str]:
    """An answer's text, and an error's message."""
    try:
        answer = orjson.loads(body)
        if "error" in answer:
            return "", str(answer["error"]["message"])
        return str(answer["choices"][0]["message"]["content"] or ""), ""
    except (orjson.JSONDecodeError, KeyError, IndexError, TypeError):
        return "", f"the answer can't be read: {body[:200]!r}"


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
