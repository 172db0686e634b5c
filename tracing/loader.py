"""The loader: takes sealed segments of the spool into ClickHouse, each exactly once.

1. A segment is one insert and one block, with its name as deduplication token. Whether an insert that broke off was carried out
   doesn't matter: the same bytes go again with the same token and the same settings, and ClickHouse drops a repeat.
2. A segment is deleted after its insert has returned.
3. A segment that ClickHouse refuses for what is in it is set aside in `refused/` with the reason, and never blocks the rest.
4. While ClickHouse is away everything stays where it is.
"""

import asyncio
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tracing.clickhouse import ClickHouse, ClickHouseRefused, ClickHouseUnavailable
from tracing.spool import SpoolFolders, adopt_orphans

POLL_SECONDS = 0.1
MAX_WAIT_SECONDS = 5.0

INSERT_SETTINGS = {
    "insert_deduplicate": 1,
    "deduplicate_blocks_in_dependent_materialized_views": 1,
    "async_insert": 0,
    # Pinned, so that a segment is one block on every try: a block cut elsewhere would not be recognised as a repeat.
    "max_insert_threads": 1,
    "max_insert_block_size": 1_048_576,
    "min_insert_block_size_rows": 1_048_576,
    "min_insert_block_size_bytes": 268_435_456,
    "input_format_skip_unknown_fields": 0,
    "input_format_parallel_parsing": 0,
    "date_time_input_format": "best_effort",
    "materialized_views_ignore_errors": 0,
}

CONTENT_ERRORS = re.compile(
    r"CANNOT_PARSE_\w+|CANNOT_READ_\w+|CANNOT_INSERT_\w+|CANNOT_CONVERT_TYPE|INCORRECT_DATA|TYPE_MISMATCH|UNEXPECTED_END_OF_FILE|"
    r"ARGUMENT_OUT_OF_BOUND|DECIMAL_OVERFLOW|VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE|TOO_LARGE_STRING_SIZE|NO_SUCH_COLUMN_IN_TABLE"
)
"""Names of ClickHouse's errors about the data itself: no second try would end otherwise."""

MAX_REFUSALS_IN_A_ROW = 3

log = logging.getLogger("slugline.loader")


@dataclass(slots=True)
class LoaderCounts:
    """What this loader did since it started."""

    segments: int = 0
    refused: int = 0
    waiting: str = ""


class Loader:
    """Loads one spool into one ClickHouse. Only one loader may work on a spool at a time (the data folder's lock sees to that).

    `loaded` is given each segment once it is loaded, before it is deleted; after a crash in between it is given it again.
    """

    def __init__(
        self, folders: SpoolFolders, clickhouse: ClickHouse, loaded: Callable[[Path], None] = lambda _: None
    ) -> None:
        self._folders = folders
        self._clickhouse = clickhouse
        self._loaded = loaded
        self.counts = LoaderCounts()

    async def run(self, stopping: Callable[[], bool]) -> None:
        """Loads until `stopping()` holds, then once more what is left by then."""
        wait = POLL_SECONDS
        while not stopping():
            try:
                await self.load_ready()
                self.counts.waiting = ""
                wait = POLL_SECONDS
            except (ClickHouseUnavailable, ClickHouseRefused) as error:
                if not self.counts.waiting:
                    log.warning("loading waits: %s", error)
                self.counts.waiting = str(error)
                wait = min(wait * 2, MAX_WAIT_SECONDS)
            await _pause(wait, stopping)
        await self.load_ready()

    async def load_ready(self) -> int:
        """Loads every sealed segment, orphans included; gives how many. Raises when ClickHouse is away or out of order."""
        await asyncio.to_thread(adopt_orphans, self._folders)
        ready = await asyncio.to_thread(lambda: sorted(self._folders.ready.glob("*.jsonl")))
        refusals: list[ClickHouseRefused] = []
        for path in ready:
            try:
                await self._load(path)
                refusals.clear()
            except ClickHouseRefused as error:  # for a reason of ClickHouse's own: it stays, the others get their turn
                refusals.append(error)
                if len(refusals) == MAX_REFUSALS_IN_A_ROW:
                    break
        if refusals:
            raise refusals[-1]
        return len(ready)

    async def _load(self, path: Path) -> None:
        lines = await asyncio.to_thread(path.read_bytes)
        table = path.name.partition(".")[0]
        try:
            await self._clickhouse.insert_lines(
                table, lines, {**INSERT_SETTINGS, "insert_deduplication_token": path.name}
            )
        except ClickHouseRefused as error:
            if not CONTENT_ERRORS.fullmatch(error.name):
                raise
            await asyncio.to_thread(self._set_aside, path, str(error))
            return
        await asyncio.to_thread(self._loaded, path)
        await asyncio.to_thread(path.unlink)
        self.counts.segments += 1

    def _set_aside(self, path: Path, reason: str) -> None:
        refused = self._folders.refused / path.name
        refused.with_suffix(".reason").write_text(reason + "\n", "utf-8")
        path.rename(refused)
        self.counts.refused += 1
        log.error("ClickHouse refused segment %s: %s", path.name, reason)


async def _pause(seconds: float, stopping: Callable[[], bool]) -> None:
    """Sleeps, but notices within a tenth of a second that it should stop."""
    waited = 0.0
    while waited < seconds and not stopping():
        await asyncio.sleep(POLL_SECONDS)
        waited += POLL_SECONDS
