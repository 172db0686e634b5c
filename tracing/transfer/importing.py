"""An import from its files to their end: read, understand, set aside what can't be, put together, insert.

Reading and inserting go side by side: while a block is on its way, the next one fills.
"""

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tracing.event import CallEvent, Event, encode
from tracing.transfer.aside import Rejected
from tracing.transfer.blocks import Block, Blocks
from tracing.transfer.errors import TransferError
from tracing.transfer.inserting import Inserter
from tracing.transfer.reading import Found, Source
from tracing.transfer.recognise import Reading, events

_AT_ONCE = 2000


@dataclass(slots=True)
class Progress:
    """How far an import is. `read` are records, `loaded` rows that are new, `known` those that were there before (or came twice),
    `skipped` records of another kind, `rejected` those set aside. By the settings of the record, `left_out` calls leave no row, and
    `without_bodies` leave one without."""

    read: int = 0
    loaded: int = 0
    known: int = 0
    skipped: int = 0
    rejected: int = 0
    left_out: int = 0
    without_bodies: int = 0


async def import_source(
    source: Source,
    reading: Reading,
    inserter: Inserter,
    rejected: Rejected,
    progress: Progress,
    report: Callable[[Source], None],
    keep: Callable[[Event], Event | None] = lambda event: event,
) -> None:
    """Takes in a whole file, of each event what `keep` gives; `report` is called now and then.

    Raises TransferError, and what ClickHouse raises.
    """
    before = (progress.loaded, progress.known)
    began = (inserter.loaded, inserter.known)
    blocks = Blocks()
    records = source.records()
    sending: asyncio.Task[None] | None = None

    def count() -> None:
        progress.loaded = before[0] + inserter.loaded - began[0]
        progress.known = before[1] + inserter.known - began[1] + blocks.repeated
        report(source)

    async def send(block: Block) -> None:
        nonlocal sending
        if sending is not None:
            await sending
        sending = asyncio.create_task(inserter.insert(block))

    try:
        while True:
            full, more, torn = await asyncio.to_thread(_some, records, reading, rejected, progress, blocks, keep)
            for ready in full:
                await send(ready)
            count()
            if torn is not None:
                raise torn
            if not more:
                break
    finally:
        # What was read before the file broke off is taken.
        while (block := blocks.rest()) is not None:
            await send(block)
        if sending is not None:
            await sending
        count()


def _some(
    records: Iterator[Found],
    reading: Reading,
    rejected: Rejected,
    progress: Progress,
    blocks: Blocks,
    keep: Callable[[Event], Event | None],
) -> tuple[list[Block], bool, TransferError | None]:
    """Reads on for a while: the blocks that became full, whether there is more, and what is wrong with the file, if anything."""
    full: list[Block] = []
    for _ in range(_AT_ONCE):
        try:
            found = next(records, None)
        except TransferError as error:
            return full, False, error
        if found is None:
            return full, False, None
        taken = 0
        try:
            if found.record is None:
                raise ValueError(found.reason)
            for event in events(found.record, reading):
                taken += 1
                kept = keep(event)
                if kept is None:
                    progress.left_out += 1
                    continue
                is_call = isinstance(kept, CallEvent)
                key, month = (kept.call_id, kept.ts[:7]) if is_call else (kept.score_id, "")  # type: ignore[union-attr]
                progress.without_bodies += is_call and kept.record_mode != event.record_mode  # type: ignore[union-attr]
                block = blocks.add(month, key, encode(kept))
                if block is not None:
                    full.append(block)
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            text = found.text or json.dumps(found.record, ensure_ascii=False, default=str)
            rejected.add(found.line, str(error), text)
            progress.rejected += 1
        else:
            progress.skipped += not taken
        progress.read += 1
    return full, True, None
