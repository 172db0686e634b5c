"""The loader: takes sealed segments of the spool into ClickHouse, each exactly once.

1. Small segments travel together: a shipment is one insert and one block, with one deduplication token, and is noted on disk before it
   is sent (`tracing.loading.sender` says how its outcome is made out when no answer came).
2. A segment is deleted after its insert has returned.
3. Lines that ClickHouse refuses for what is in them are set aside in `refused/` with the reason; the others of their segment are loaded.
4. What is refused for a reason of ClickHouse's own waits and is tried again, and keeps nothing else from being loaded.
5. While ClickHouse is away everything stays where it is. Afterwards the newest comes first, the backlog in between at a rate.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tracing.clickhouse import ClickHouse, ClickHouseRefused, ClickHouseUnavailable
from tracing.event import TABLE_OF
from tracing.loading.choice import Pace, choose, without
from tracing.loading.insert import CONTENT_ERRORS, INSERT_SETTINGS
from tracing.loading.metrics import Lag, LoaderMetrics
from tracing.loading.refused import set_aside_unknown
from tracing.loading.segments import Segment, SpoolFolders, adopt_orphans, sealed
from tracing.loading.sender import OutcomeUnknown, Sender
from tracing.loading.shipment import Shipment, read_notes

__all__ = ["CONTENT_ERRORS", "INSERT_SETTINGS", "Loader", "LoaderMetrics"]

POLL_SECONDS = 0.1
MAX_WAIT_SECONDS = 5.0
LAST_SECONDS = 40.0
LOOK_SHARE = 3  # looking through a great many files takes a while; so many times that long is for other things
MAX_STUCK = 3
TRIES_BEFORE_LOOK = 20
GONE_ON = (ClickHouseRefused, OutcomeUnknown, OSError)

log = logging.getLogger("slugline.loader")


@dataclass(slots=True)
class _Stuck:
    """A shipment or a segment that could not be loaded for a reason of its own, and when it gets its next turn (monotonic seconds)."""

    table: str
    reason: str
    failures: int = 0
    due: float = field(default=0.0)


class Loader:
    """Loads one spool into one ClickHouse. Only one loader may work on a spool at a time (the data folder's lock sees to that).

    `backfill_rows_per_second` bounds the rate of what has waited longer than a moment; 0 is no bound. `clock` is the wall clock.
    `loaded` is given each segment once it is loaded, before it is deleted; after a crash in between it is given it again.
    """

    def __init__(
        self,
        folders: SpoolFolders,
        clickhouse: ClickHouse,
        *,
        backfill_rows_per_second: float = 0,
        clock: Callable[[], float] = time.time,
        loaded: Callable[[Path], None] = lambda _: None,
    ) -> None:
        self._folders = folders
        self._clock = clock
        self._sender = Sender(folders, clickhouse, clock, loaded)
        self._pace = Pace(backfill_rows_per_second)
        self._lag = Lag()
        self._stuck: dict[str, _Stuck] = {}
        self._segments: Sequence[Segment] = ()
        self._took = 0.0
        self._unknown = 0
        self._away = ""
        self._said = ""
        self._turn = asyncio.Lock()

    def metrics(self) -> LoaderMetrics:
        """What there is to tell by now."""
        now = self._clock()
        choice = choose(self._segments, now)
        waiting = self._away or next((stuck.reason for stuck in self._stuck.values()), "")
        return LoaderMetrics(
            **asdict(self._sender.counts),
            waiting_segments=len(self._segments),
            waiting_bytes=sum(segment.bytes for segment in self._segments),
            backlog_segments=sum(map(len, choice.backlog)),
            unknown_outcomes=self._unknown,
            oldest_seconds=max((now - segment.born for segment in self._segments), default=0.0)
            if self._segments and now > self._segments[0].born
            else 0.0,
            lag_seconds=self._lag.latest,
            lag_sum=self._lag.sum,
            lag_buckets=self._lag.buckets,
            waiting=waiting,
        )

    def hold(self, reason: str) -> None:
        """Say why nothing is loaded: for whoever keeps this from running."""
        self._away = reason

    def still(self) -> asyncio.Lock:
        """Nothing is loaded by `run` while this is held."""
        return self._turn

    async def run(self, stopping: Callable[[], bool], *, last_seconds: float = LAST_SECONDS) -> bool:
        """Loads until `stopping()` holds, then what is left by then, for `last_seconds` at most; gives whether nothing is left."""
        wait = POLL_SECONDS
        while not stopping():
            try:
                async with self._turn:
                    await self._round(paced=True)
                self._away = ""
                wait = max(POLL_SECONDS, LOOK_SHARE * self._took)
            except ClickHouseUnavailable as error:
                self._away = str(error)
                wait = min(wait * 2, MAX_WAIT_SECONDS)
            self._tell()
            await _pause(wait, stopping)
        deadline = time.monotonic() + last_seconds
        while await self._round(paced=False):
            if time.monotonic() >= deadline:
                break
        return not await asyncio.to_thread(sealed, self._folders)

    async def load_ready(self) -> int:
        """Loads every sealed segment, orphans included; gives how many were there. Raises when ClickHouse is away, and afterwards when
        it refused some for a reason of its own."""
        await asyncio.to_thread(adopt_orphans, self._folders)
        count = len(await asyncio.to_thread(sealed, self._folders))
        for stuck in self._stuck.values():
            stuck.due = 0.0
        while await self._round(paced=False):
            pass
        for stuck in self._stuck.values():
            raise ClickHouseRefused(stuck.reason, "")
        return count

    async def _round(self, *, paced: bool) -> bool:
        """One look at the spool; gives whether something went on and more is waiting. Raises ClickHouseUnavailable."""
        began = time.monotonic()
        await asyncio.to_thread(adopt_orphans, self._folders)
        notes = await asyncio.to_thread(read_notes, self._folders)
        await self._look()
        self._took = time.monotonic() - began
        went_on = False
        for note in notes:
            went_on = await self._resume(note) or went_on
        noted = {name for note in notes for name in note.segments}
        now, started = self._clock(), time.monotonic()
        choice = choose(self._segments, now)
        for group in without(choice.fresh, noted):
            went_on = await self._send(group, fresh=True, whole=True) > 0 or went_on
        if not paced or self._pace.free(started):
            for group in without(choice.backlog, noted):
                rows = await self._send(group, fresh=False, whole=False)
                self._pace.sent(rows, started)
                went_on = went_on or rows > 0
                if rows and paced:
                    break
        await self._look()
        return went_on and bool(self._segments)

    async def _look(self) -> None:
        self._segments = await asyncio.to_thread(sealed, self._folders, self._segments)
        known = set(TABLE_OF.values())
        for segment in self._segments:
            if segment.table not in known:
                try:
                    await asyncio.to_thread(set_aside_unknown, self._folders, segment.name, known)
                except OSError as error:
                    self._put_off(segment.name, segment.table, error)
        self._segments = [segment for segment in self._segments if segment.table in known]
        here = {segment.name for segment in self._segments}
        self._stuck = {name: stuck for name, stuck in self._stuck.items() if name in here}
        self._unknown = len(await asyncio.to_thread(read_notes, self._folders))

    async def _resume(self, note: Shipment) -> bool:
        """Goes on with a shipment of unknown outcome when its turn has come."""
        key = note.segments[0]
        stuck = self._stuck.get(key)
        if stuck is not None and time.monotonic() < stuck.due:
            return False
        segments = [segment for segment in self._segments if segment.name in note.segments]
        doubtful = stuck is not None and stuck.failures % TRIES_BEFORE_LOOK == TRIES_BEFORE_LOOK - 1
        try:
            done, rows = await self._sender.again(note, doubtful=doubtful)
        except GONE_ON as error:
            self._put_off(key, note.table, error)
            return False
        self._stuck.pop(key, None)
        if done:
            self._lag.note(segments, rows, visible=self._clock(), fresh=False)
        return True

    async def _send(self, group: Sequence[Segment], *, fresh: bool, whole: bool) -> int:
        """Sends segments of one table: all of them, or the first shipment that they make. Gives how many rows were sent or set aside."""
        left = {segment.name: segment for segment in group if not self._must_wait(segment.name)}
        total = 0
        while left and self._stuck_in(group[0].table) < MAX_STUCK:
            names = list(left)
            alone = self._sender.alone
            names = names[:1] if names[0] in alone else [name for name in names if name not in alone]
            try:
                done, rows = await self._sender.first(names)
            except GONE_ON as error:
                self._put_off(names[0], group[0].table, error)
                noted = await asyncio.to_thread(read_notes, self._folders)
                stayed = {name for note in noted for name in note.segments} | {names[0]}
                left = {name: segment for name, segment in left.items() if name not in stayed}
                continue
            self._stuck.pop(names[0], None)
            sent = [left.pop(name) for name in done if name in left]
            self._lag.note(sent, rows, visible=self._clock(), fresh=fresh)
            total += rows or 1
            if not whole:
                break
            if not done:
                there = {segment.name for segment in await asyncio.to_thread(sealed, self._folders)}
                left = {name: segment for name, segment in left.items() if name in there}
        return total

    def _must_wait(self, name: str) -> bool:
        stuck = self._stuck.get(name)
        return stuck is not None and time.monotonic() < stuck.due

    def _stuck_in(self, table: str) -> int:
        return sum(stuck.table == table for stuck in self._stuck.values())

    def _put_off(self, name: str, table: str, error: Exception) -> None:
        stuck = self._stuck.setdefault(name, _Stuck(table, ""))
        stuck.reason = str(error)
        stuck.due = time.monotonic() + min(POLL_SECONDS * 2**stuck.failures, MAX_WAIT_SECONDS)
        stuck.failures = min(stuck.failures + 1, 1000)

    def _tell(self) -> None:
        """Says why something waits, once; and when it goes on."""
        reason = self._away or next((stuck.reason for stuck in self._stuck.values()), "")
        if reason and not self._said:
            log.warning("loading waits: %s", reason)
        elif self._said and not reason:
            log.info("loading goes on")
        self._said = reason


async def _pause(seconds: float, stopping: Callable[[], bool]) -> None:
    """Sleeps, but notices within a tenth of a second that it should stop."""
    waited = 0.0
    while waited < seconds and not stopping():
        await asyncio.sleep(POLL_SECONDS)
        waited += POLL_SECONDS
