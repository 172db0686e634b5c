"""Blocks into ClickHouse, each exactly once, whatever is killed in between.

1. Rows whose ids are there already are left out: importing twice doubles nothing.
2. What is left becomes a segment: a file with a name of its own, written to disk before it is sent, deleted after. Sent again after a
   kill, with the same bytes and its name as deduplication token, ClickHouse drops what it has of it, in materialized views too.
3. Whoever imports next first sends what a killed import left. One import works at a time, held by a lock on the folder.

Knows nothing of files that are imported and of what is in a line.
"""

import asyncio
import contextlib
import fcntl
import os
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import uuid_utils

from tracing.clickhouse import ClickHouse, ClickHouseRefused, ClickHouseUnavailable
from tracing.event import CallEvent, ScoreEvent
from tracing.loader import CONTENT_ERRORS, INSERT_SETTINGS
from tracing.transfer.blocks import Block
from tracing.transfer.errors import TransferError
from tracing.transfer.values import read_time

PATIENCE_SECONDS = 300.0
_RETRY_SECONDS = 1.0
_IDS_AT_ONCE = 5000
_SCORE_IDS_AT_ONCE = 500

_received = msgspec.json.Decoder(msgspec.defstruct("Received", [("received_at", str)])).decode


class Inserter:
    """Takes blocks of one kind of event into its table. Use it from `open_inserter`."""

    def __init__(
        self,
        folder: Path,
        clickhouse: ClickHouse,
        kind: type[CallEvent] | type[ScoreEvent],
        waits: Callable[[str], None],
    ) -> None:
        self._folder, self._clickhouse, self._waits = folder, clickhouse, waits
        self._kind = kind
        self.loaded = 0
        self.known = 0

    async def insert(self, block: Block) -> None:
        """Loads what isn't there yet. Raises ClickHouseUnavailable once ClickHouse is away for too long, and TransferError."""
        there = await self._patiently(lambda: self._there(block))
        new = [line for key, line in block.lines.items() if key not in there]
        self.known += len(there)
        if not new:
            return
        table = "calls" if self._kind is CallEvent else "score_events"
        segment = self._folder / f"{table}.{uuid_utils.uuid7()}.jsonl"
        await asyncio.to_thread(_write, segment, new)
        await self._send(segment)
        self.loaded += len(new)

    async def send_left(self) -> int:
        """Sends what a killed import left; gives how many segments."""
        left = sorted(self._folder.glob("[!.]*.jsonl"))
        for segment in left:
            await self._send(segment)
        return len(left)

    async def _send(self, segment: Path) -> None:
        table = segment.name.partition(".")[0]
        lines = await asyncio.to_thread(segment.read_bytes)
        settings = {**INSERT_SETTINGS, "insert_deduplication_token": segment.name}
        try:
            await self._patiently(lambda: self._clickhouse.insert_lines(table, lines, settings))
        except ClickHouseRefused as error:
            if CONTENT_ERRORS.fullmatch(error.name):
                aside = segment.with_suffix(".refused")
                segment.rename(aside)
                raise TransferError(f"ClickHouse refused a block, kept as {aside}: {error}") from error
            raise
        segment.unlink()

    async def _patiently(self, attempt: Callable[[], Any]) -> Any:
        """Tries again while ClickHouse is away, as while the engine starts again."""
        tries = round(PATIENCE_SECONDS / _RETRY_SECONDS)
        while True:
            try:
                return await attempt()
            except ClickHouseUnavailable as error:
                tries -= 1
                if tries <= 0:
                    raise
                self._waits(str(error))
                await asyncio.sleep(_RETRY_SECONDS)

    async def _there(self, block: Block) -> Collection[str]:
        return await (self._calls_there(block) if self._kind is CallEvent else self._scores_there(block))

    async def _calls_there(self, block: Block) -> set[str]:
        found: set[str] = set()
        for some in _chunks(list(block.lines), _IDS_AT_ONCE):
            # As text of the statement, for no URL holds so many parameters; each is a UUID that this program formed.
            ids = ", ".join(f"'{each}'" for each in some)
            answer = await self._clickhouse.query(
                f"SELECT DISTINCT call_id FROM calls WHERE call_id IN ({ids})",  # noqa: S608
                readonly=2,
                max_execution_time=300,
            )
            found.update(str(row[0]) for row in answer.rows)
        return found

    async def _scores_there(self, block: Block) -> set[str]:
        """Those whose score is there as it is, or newer: a correction goes in."""
        found: set[str] = set()
        for some in _chunks(list(block.lines), _SCORE_IDS_AT_ONCE):
            answer = await self._clickhouse.query(
                "SELECT score_id, max(received_at) FROM score_events WHERE score_id IN {ids:Array(String)} GROUP BY score_id",
                {"ids": some},
                readonly=2,
                max_execution_time=300,
            )
            for score_id, received_at in answer.rows:
                given = read_time(_received(block.lines[score_id]).received_at, "received_at")  # type: ignore[attr-defined]
                if _utc(received_at) >= given:
                    found.add(score_id)
        return found


@contextlib.asynccontextmanager
async def open_inserter(
    folder: Path, clickhouse: ClickHouse, kind: type[CallEvent] | type[ScoreEvent], waits: Callable[[str], None]
) -> AsyncIterator[Inserter]:
    """An inserter with its folder to itself; what a killed import left is loaded first. `waits` hears why it goes no further now.

    Raises TransferError while another import works.
    """
    with alone_in(folder):
        for draft in folder.glob(".*.jsonl"):
            draft.unlink()
        inserter = Inserter(folder, clickhouse, kind, waits)
        await inserter.send_left()
        yield inserter


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """No import works in a folder, but whoever is in this block. Raises TransferError while somebody else is."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TransferError(f"an import or an erasure works in {folder}: wait until it is done") from None
        yield
    finally:
        os.close(fd)


def _write(segment: Path, lines: Sequence[bytes]) -> None:
    draft = segment.with_name(f".{segment.name}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(segment)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise TransferError(f"{segment.parent} can't be written: {error.strerror}") from error


def _chunks(values: list[str], size: int) -> list[list[str]]:
    return [values[at : at + size] for at in range(0, len(values), size)]


def _utc(time: datetime) -> datetime:
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time
