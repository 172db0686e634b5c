"""One shipment's way into its table, exactly once, whatever became of an earlier try.

    sent, answered             done: the segments go
    sent, no answer, and …
      the server lives on      the same bytes with the same token: it drops a repeat, in every view as well
      the server was started   tokens can't be relied on (MergeTree notes one before it commits the part): the rows are looked for by
      anew, or long ago        their ids. None there: sent again under a fresh token. All there: done, but the same token once more
                               for views that missed it, as a table commits before its views do. Some there: the missing lines go alone.
    refused for its content    a segment alone is sieved; of several the bad one goes alone

Tables that commit token and part as one (Replicated) are always sent the same token. It knows one shipment at a time, and refuses to know
what comes next.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tracing.clickhouse import ClickHouse, ClickHouseRefused, ClickHouseUnavailable
from tracing.loading.insert import CONTENT_ERRORS, INSERT_SETTINGS
from tracing.loading.life import Life, Lives
from tracing.loading.presence import IDENTITIES, Presence, presence, still_running, table_as_it_is
from tracing.loading.refused import set_aside
from tracing.loading.segments import SpoolFolders
from tracing.loading.shipment import Shipment, drop_note, first_shipment, read_lines, settle, write_note
from tracing.loading.sieve import in_words, is_text, probe_of, sieve, suspects

TOKEN_SECONDS = 600.0
"""How long a token is relied on: far less than it takes to push it out of the table's window of 10,000 blocks."""

log = logging.getLogger("slugline.loader")


class OutcomeUnknown(Exception):
    """An earlier try is still being carried out: nothing may be sent before it has ended."""


@dataclass(slots=True)
class SenderCounts:
    """What a sender did since its start; the names are those of `LoaderMetrics`."""

    segments_loaded: int = 0
    rows_loaded: int = 0
    inserts: int = 0
    rows_refused: int = 0
    segments_refused: int = 0
    looked_for: int = 0
    sent_again: int = 0
    views_missed: int = 0


class Sender:
    """Sends shipments of one spool to one ClickHouse. `clock` is the wall clock in seconds; `loaded` is given each segment before it
    goes."""

    def __init__(
        self,
        folders: SpoolFolders,
        clickhouse: ClickHouse,
        clock: Callable[[], float] = time.time,
        loaded: Callable[[Path], None] = lambda _: None,
    ) -> None:
        self._folders = folders
        self._loaded = loaded
        self._clickhouse = clickhouse
        self._clock = clock
        self._lives = Lives(clickhouse)
        self.counts = SenderCounts()
        self.alone: set[str] = set()
        """Segments that were refused in company, so that each has to go alone."""

    async def first(self, names: Sequence[str]) -> tuple[tuple[str, ...], int]:
        """Sends the first shipment that can be made of these segments; gives those that are done with, and how many rows were loaded.

        Raises ClickHouseUnavailable, ClickHouseRefused for a reason of ClickHouse's own, or OSError; what was begun is noted then.
        """
        # Asked first: while ClickHouse is away no file is read, and the cores are the workers'.
        life = await self._lives.now()
        shipment, lines, rows = await asyncio.to_thread(first_shipment, self._folders, names)
        if not rows:
            await asyncio.to_thread(settle, self._folders, shipment, self._loaded)
            return shipment.segments, 0
        if not await asyncio.to_thread(is_text, lines):
            return await self._part(shipment, "not UTF-8")
        shipment = msgspec.structs.replace(shipment, life=life.text, at=self._clock())
        try:
            await asyncio.to_thread(write_note, self._folders, shipment)
        except OSError:
            # The disk is full, and loading is what makes room: a segment alone needs no note to get the same token again.
            self.alone.add(shipment.segments[0])
            shipment, lines, rows = await asyncio.to_thread(first_shipment, self._folders, shipment.segments[:1])
        return await self._insert(shipment, lines)

    async def again(self, shipment: Shipment, *, doubtful: bool = False) -> tuple[tuple[str, ...], int]:
        """Brings a noted shipment to its end; `doubtful`: it fails again and again, so its rows are looked for even where its token could
        be relied on. Raises as `first` does, and OutcomeUnknown."""
        parts, gone = await asyncio.to_thread(self._read, shipment)
        lines = b"".join(parts)
        table = await table_as_it_is(self._clickhouse, shipment.table)
        life = await self._lives.now()
        if gone and (table.atomic or shipment.table not in IDENTITIES):
            return await self._done(shipment, 0)  # only what is loaded is deleted: the end was under way
        if table.atomic or shipment.table not in IDENTITIES:
            return await self._insert(shipment, lines)
        same = life.is_that_of(shipment.life)
        recent = 0 <= self._clock() - shipment.at < TOKEN_SECONDS
        if same and recent and not (gone or shipment.rest or doubtful):
            return await self._insert(shipment, lines)
        if await still_running(self._clickhouse, shipment.token):
            raise OutcomeUnknown(f"an insert that broke off is still being carried out ({shipment.token})")
        known = not same and life.age < TOKEN_SECONDS and not (gone or shipment.rest)
        if doubtful and not known and table.has_views and not (await self._presence(shipment, lines)).missing:
            return await self._views_missed(shipment, lines, "it fails again and again")
        return await self._look(shipment, lines, life, token_known=known, has_views=table.has_views)

    async def _look(
        self, shipment: Shipment, lines: bytes, life: Life, *, token_known: bool, has_views: bool
    ) -> tuple[tuple[str, ...], int]:
        """Looks for the rows and sends what isn't there. `token_known`: where the token was noted, the server knows it still."""
        self.counts.looked_for += 1
        found = await self._presence(shipment, lines)
        if not found.here:
            return await self._send_anew(shipment, lines, life, rest=False)
        if token_known and (found.missing or has_views):
            # The parts and views that don't have it get it, the others drop it.
            await self._put(shipment, lines, shipment.token)
            found = await self._presence(shipment, lines)
        if found.missing:
            log.warning("%d rows of %s were missing and are sent alone", len(found.missing), shipment.token)
            return await self._send_anew(shipment, b"".join(found.missing), life, rest=True)
        return await self._done(shipment, lines.count(b"\n"))

    async def _send_anew(
        self, shipment: Shipment, lines: bytes, life: Life, *, rest: bool
    ) -> tuple[tuple[str, ...], int]:
        anew = msgspec.structs.replace(
            shipment, tries=shipment.tries + 1, life=life.text, at=self._clock(), rest=rest or shipment.rest
        )
        await asyncio.to_thread(write_note, self._folders, anew)
        self.counts.sent_again += lines.count(b"\n")
        return await self._insert(anew, lines)

    async def _presence(self, shipment: Shipment, lines: bytes) -> Presence:
        found = await presence(self._clickhouse, shipment.table, lines)
        if found.doubled:
            log.error("%d ids of %s are in %s more than once", len(found.doubled), shipment.token, shipment.table)
        return found

    async def _insert(self, shipment: Shipment, lines: bytes) -> tuple[tuple[str, ...], int]:
        try:
            await self._put(shipment, lines, shipment.token)
        except ClickHouseRefused as error:
            if not CONTENT_ERRORS.fullmatch(error.name):
                raise
            return await self._refused(shipment, lines, str(error))
        return await self._done(shipment, lines.count(b"\n"))

    async def _put(self, shipment: Shipment, lines: bytes, token: str) -> None:
        try:
            await self._clickhouse.insert_lines(
                shipment.table, lines, {**INSERT_SETTINGS, "insert_deduplication_token": token}
            )
        except ClickHouseUnavailable:
            self._lives.forget()
            raise
        self.counts.inserts += 1

    async def _done(self, shipment: Shipment, rows: int) -> tuple[tuple[str, ...], int]:
        await asyncio.to_thread(settle, self._folders, shipment, self._loaded)
        self.alone.difference_update(shipment.segments)
        self.counts.segments_loaded += len(shipment.segments)
        self.counts.rows_loaded += rows
        return shipment.segments, rows

    async def _refused(self, shipment: Shipment, lines: bytes, reason: str) -> tuple[tuple[str, ...], int]:
        """An insert is read as a whole before anything is kept; if rows are there all the same, a view has refused them."""
        if shipment.table in IDENTITIES and not (await self._presence(shipment, lines)).missing:
            return await self._views_missed(shipment, lines, reason)
        return await self._part(shipment, reason)

    async def _views_missed(self, shipment: Shipment, lines: bytes, reason: str) -> tuple[tuple[str, ...], int]:
        self.counts.views_missed += 1
        log.error("the rows of %s are in %s, but a view of it lacks them: %s", shipment.token, shipment.table, reason)
        return await self._done(shipment, lines.count(b"\n"))

    async def _part(self, shipment: Shipment, reason: str) -> tuple[tuple[str, ...], int]:
        """Nothing of it is in the table: of several segments those that may be bad go alone, and one alone goes through the sieve."""
        if len(shipment.segments) == 1:
            await self._sieve(shipment.segments[0], shipment.table, reason)
        else:
            self.alone.update(await asyncio.to_thread(self._suspects, shipment, reason))
        await asyncio.to_thread(drop_note, self._folders, shipment)
        return (), 0

    def _suspects(self, shipment: Shipment, reason: str) -> Sequence[str]:
        """Segments of a refused shipment: those that are no text, or the one with the line that ClickHouse names, or all."""
        parts, _ = self._read(shipment)
        if len(parts) < len(shipment.segments):
            return shipment.segments
        return suspects(dict(zip(shipment.segments, parts, strict=True)), reason)

    async def _sieve(self, name: str, table: str, reason: str) -> None:
        lines = await asyncio.to_thread(read_lines, self._folders.ready / name)
        found = await sieve(lines, await probe_of(self._clickhouse, table))
        bad = b"".join(line + b"\n" for piece in found.bad for line in piece.lines)
        why = in_words(found.bad)
        good = found.good
        if not bad:  # each line can be read, and still the table won't have them: for a reason of the table's own
            bad, good, why = lines, b"", f"the whole segment: {reason}\n"
        await asyncio.to_thread(set_aside, self._folders, name, bad, why, good)
        self.alone.add(name)
        self.counts.segments_refused += 1
        self.counts.rows_refused += bad.count(b"\n")
        log.error("ClickHouse refused %d lines of segment %s: %s", bad.count(b"\n"), name, why.splitlines()[0])

    def _read(self, shipment: Shipment) -> tuple[list[bytes], bool]:
        parts, gone = [], False
        for name in shipment.segments:
            try:
                parts.append(read_lines(self._folders.ready / name))
            except FileNotFoundError:
                gone = True
        return parts, gone
