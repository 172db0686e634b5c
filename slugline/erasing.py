"""A person's erasure, from what waits in the spool to what ClickHouse holds. For the command line.

What was recorded before the erasure began is loaded first and erased then: a segment can't be changed, its name stands for its bytes.
A running server loads its spool itself; without one, it is done here.
"""

import asyncio
import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from slugline.folder import DataFolder, FolderInUse
from slugline.recording import hash_key
from slugline.records import open_records
from slugline.settings import Settings
from tracing.clickhouse import ClickHouseUnavailable
from tracing.loader import Loader
from tracing.privacy.erasure import Erased, Person, erase, note
from tracing.privacy.leftovers import forget
from tracing.privacy.recorder import hashed_identity
from tracing.spool import SpoolFolders

WAIT_SECONDS = 60.0
_LONGEST = 512  # what the request path keeps of an identifier


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What an erasure did, or would do."""

    erasure_id: str
    erased: Erased
    refused_lines: int


async def erase_person(
    settings: Settings,
    environment: Mapping[str, str],
    *,
    user: str,
    session: str,
    actor: str,
    reason: str,
    erasure_id: str,
    dry_run: bool,
) -> Done:
    """Erases a user's records, a session's, or a user's of one session.

    Raises ClickHouseUnavailable where what waits can't be loaded yet: nothing is erased then, as it would come back.
    """
    key = hash_key(settings.record.redact, environment)
    person = Person(users=_forms(user, key), sessions=_forms(session, key))
    folder = DataFolder(settings.data)
    spool = SpoolFolders.at(folder.spool)
    running = _running(folder)
    with contextlib.ExitStack() as stack:
        if settings.clickhouse.url and not running:
            stack.enter_context(folder.owned("slugline erase"))
        async with open_records(settings) as records:
            if running:
                await _until_loaded(spool)
            else:
                await Loader(spool, records).load_ready()
            erased = await erase(records, person, erasure_id=erasure_id, dry_run=dry_run)
            lines = await asyncio.to_thread(forget, spool.refused, person, dry_run=dry_run)
            if not dry_run:
                await note(records, erased, erasure_id=erasure_id, actor=actor, reason=reason, selector=person.selector)
    return Done(erasure_id=erasure_id, erased=erased, refused_lines=lines)


def _forms(name: str, key: bytes | None) -> tuple[str, ...]:
    """An identifier as the record may hold it."""
    kept = name[:_LONGEST]
    if not kept:
        return ()
    return (kept,) if key is None else (kept, hashed_identity(kept, key))


def _running(folder: DataFolder) -> bool:
    try:
        with folder.owned("slugline erase"):
            return False
    except FolderInUse:
        return True


async def _until_loaded(spool: SpoolFolders) -> None:
    """Waits until the running server has loaded what is in its spool now."""
    waiting = {path.name for path in _segments(spool)}
    deadline = time.monotonic() + WAIT_SECONDS
    while waiting & {path.name for path in _segments(spool)}:
        if time.monotonic() > deadline:
            raise ClickHouseUnavailable(
                f"the server has not loaded what waits in its spool within {WAIT_SECONDS:.0f} s, so nothing was erased: it would "
                "have come back. Try again when `waiting_segments` of /health/ready is 0"
            )
        await asyncio.sleep(0.1)


def _segments(spool: SpoolFolders) -> list[Path]:
    return [*spool.open.glob("[!.]*"), *spool.ready.glob("*.jsonl")]
