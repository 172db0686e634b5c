"""The exporter: takes the record out to a collector, each signal at its own pace, off every call's path.

    export/calls.*        ─▶ spans ─▶ traces      cursor: the backlog's
    export/score_events.* ─▶ events ─▶ logs       cursor: the backlog's
    counters              ─▶ metrics              cumulative: the next export makes up for one that failed

1. A batch is sent until the collector accepts it, or refuses it for what is in it; only then the cursor moves.
2. A score's event carries the ids of its call: from the calls that passed here, else from ClickHouse. It waits for them a while,
   and then goes without.
3. Nothing here raises into the keeper: a failure is logged, counted, and tried again.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

import msgspec

from tracing.event import CallEvent, ScoreEvent
from tracing.telemetry.about import About
from tracing.telemetry.backlog import Backlog, Batch
from tracing.telemetry.config import Export
from tracing.telemetry.counts import ExportCounts
from tracing.telemetry.delivering import Delivering
from tracing.telemetry.encode import log_of, logs_request, metrics_request, span_of, spans_request
from tracing.telemetry.metrics import Metric
from tracing.telemetry.senders import Sender
from tracing.telemetry.settings import Signal

POLL_SECONDS = 0.2
TRIM_SECONDS = 5.0
MAX_ROWS = 512
MAX_BYTES = 2 * 1024 * 1024
"""Of the record, a batch: collectors take 4 MiB over gRPC."""

LAST_SECONDS = 10.0
"""How long the rest may be sent for after the end has come; what is left then goes out after the next start."""

UNKNOWN_SECONDS = 20.0
"""How long a batch of scores waits for their calls to be known."""

Measure = Callable[[], tuple[int, Sequence[Metric]]]
"""Gives since when counters count, in nanoseconds since 1970, and all metrics now."""

T = TypeVar("T")

log = logging.getLogger("slugline.telemetry")

_calls = msgspec.json.Decoder(CallEvent)
_scores = msgspec.json.Decoder(ScoreEvent)


class Exporter:
    """Sends what waits in two backlogs, and metrics. One for a spool at a time."""

    def __init__(
        self,
        *,
        export: Export,
        version: str,
        calls: Backlog,
        scores: Backlog,
        senders: dict[Signal, Sender],
        about: About,
        measure: Measure,
    ) -> None:
        self._export = export
        self._version = version
        self._calls = calls
        self._scores = scores
        self._senders = senders
        self._about = about
        self._measure = measure
        self._stopping: Callable[[], bool] = lambda: False
        self._ending_since: float | None = None
        self.counts = ExportCounts()
        self._delivering = Delivering(senders, self.counts, self._pause)

    async def run(self, stopping: Callable[[], bool]) -> None:
        """Sends until `stopping()` holds, then what is left by then, as long as the collector takes it, for a few seconds."""
        self._stopping = stopping
        await asyncio.gather(
            self._guarded("spans", lambda: self._drain(self._calls, self._send_calls)),
            self._guarded("evaluation events", lambda: self._drain(self._scores, self._send_scores)),
            self._guarded("metrics", self._send_metrics),
            self._guarded("the backlog", self._tend),
        )
        for sender in self._senders.values():
            await sender.close()

    async def _guarded(self, what: str, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await work()
            except Exception:
                log.exception("sending %s failed in Slugline itself; it goes on", what)
                self.counts.failures += 1
                if await self._pause(TRIM_SECONDS):
                    return
            else:
                return

    async def _drain(self, backlog: Backlog, send: Callable[[Batch], Awaitable[bool]]) -> None:
        while True:
            batch = await asyncio.to_thread(backlog.read, MAX_ROWS, MAX_BYTES)
            if batch is not None:
                if self._late() or not await send(batch):
                    return
                await asyncio.to_thread(backlog.done, batch)
            elif await self._pause(POLL_SECONDS):
                return

    async def _send_calls(self, batch: Batch) -> bool:
        calls = self._read(batch, _calls)
        for _, call in calls:
            self._about.note(call)
        sampling = self._export.sampling
        wanted = [
            (place, call)
            for place, call in calls
            if call.trace_id
            and sampling.takes(call.trace_id, has_parent=bool(call.parent_span_id), sampled=call.sampled)
        ]
        spans = await asyncio.to_thread(lambda: [(place, span_of(call, self._export)) for place, call in wanted])
        blanked = partial(self._calls.blanked, batch)
        return await self._delivering.deliver(
            "traces", spans, lambda some: spans_request(some, self._export, self._version), blanked
        )

    async def _send_scores(self, batch: Batch) -> bool:
        if "logs" not in self._senders:
            return True
        read = self._read(batch, _scores)
        scores = [score for _, score in read]
        newest = (await asyncio.to_thread(self._calls.waiting)).newest
        about = await self._about.find(scores)
        until = time.monotonic() + UNKNOWN_SECONDS
        while time.monotonic() < until and await self._may_come(scores, about, newest):
            if await self._pause(0.5):
                break
            about = await self._about.find(scores)
        logs = [(place, log_of(score, known or {})) for (place, score), known in zip(read, about, strict=True)]
        blanked = partial(self._scores.blanked, batch)
        return await self._delivering.deliver(
            "logs", logs, lambda some: logs_request(some, self._export, self._version), blanked
        )

    async def _may_come(self, scores: Sequence[ScoreEvent], about: Sequence[object | None], newest: str) -> bool:
        """Whether a score's call is not known and may be soon: the score is new, or calls wait in segments up to `newest`."""
        unknown = [score for score, known in zip(scores, about, strict=True) if known is None]
        if not unknown or any(map(_young, unknown)):
            return bool(unknown)
        oldest = (await asyncio.to_thread(self._calls.waiting)).oldest
        return bool(oldest) and oldest <= newest

    async def _send_metrics(self) -> None:
        sender = self._senders.get("metrics")
        while sender is not None:
            ending = await self._pause(self._export.metrics_seconds)
            started, metrics = await asyncio.to_thread(self._measure)
            request = metrics_request(metrics, self._export, self._version, started=started, now=time.time_ns())
            delivery = await sender.send(request)
            if delivery.kind == "taken":
                self._delivering.note("metrics", delivery, 0)
            else:
                self._delivering.say("metrics", delivery)
            if ending:
                return

    async def _tend(self) -> None:
        while not await self._pause(TRIM_SECONDS):
            for backlog in (self._calls, self._scores):
                given_up = await asyncio.to_thread(backlog.give_up, self._export.max_bytes)
                if given_up:
                    self.counts.segments_given_up += given_up
                    log.error(
                        "%d segments were given up before they could be sent: the collector was away too long", given_up
                    )

    def _read(self, batch: Batch, decoder: "msgspec.json.Decoder[T]") -> list[tuple[int, T]]:
        """The events of a batch, each with its line's place in it. A blank line was erased."""
        found = []
        for place, line in enumerate(batch.lines):
            try:
                if not line.isspace():
                    found.append((place, decoder.decode(line)))
            except msgspec.MsgspecError as error:
                self.counts.unreadable += 1
                log.error("a line of the record can't be sent: %s", error)
        return found

    def _late(self) -> bool:
        """Whether the end came too long ago to go on."""
        if not self._stopping():
            return False
        self._ending_since = self._ending_since or time.monotonic()
        return time.monotonic() - self._ending_since > LAST_SECONDS

    async def _pause(self, seconds: float) -> bool:
        """Waits; True when the end has come."""
        until = time.monotonic() + seconds
        while not self._stopping():
            left = until - time.monotonic()
            if left <= 0:
                return False
            await asyncio.sleep(min(left, 0.1))
        return True


def _young(score: ScoreEvent) -> bool:
    at = datetime.fromisoformat(score.received_at)
    return (datetime.now(UTC) - at).total_seconds() < UNKNOWN_SECONDS
