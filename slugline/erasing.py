"""A person's erasure, from what waits in files to what ClickHouse holds. For the command line.

1. What was recorded before the erasure began is loaded first: a segment can't be changed, its name stands for its bytes. A running
   server loads its spool itself; without one, it is done here. No import works meanwhile.
2. What is the person's is listed, and goes from the files: those that wait for a collector, for scorers and judges, what was refused.
   Cases of datasets that came from a call of theirs go with what evaluations were answered to them.
3. What scorers had said of it by then is loaded, and goes with the rows. Last, hourly counts are derived anew by the running keeper,
   which loads nothing meanwhile, or here.

Broken off anywhere, it is simply done again.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sqlalchemy import Engine

from registry.roles import owner
from registry.writing.erasing import ErasedCases
from registry.writing.store import Store
from slugline.evaluation_erasing import forget_cases
from slugline.folder import DataFolder, FolderInUse
from slugline.local import open_migrated
from slugline.recording import known_as
from slugline.records import open_records
from slugline.settings import Settings
from slugline.upkeep import mend
from tracing.clickhouse import ClickHouse, ClickHouseUnavailable
from tracing.loader import Loader
from tracing.privacy.erasure import Erased, Keys, marked, note
from tracing.privacy.leftovers import Place, forget
from tracing.privacy.listing import Person
from tracing.spool import SpoolFolders
from tracing.transfer.inserting import alone_in

WAIT_SECONDS = 60.0
Rollups = Literal["derived anew", "asked for", "unchanged", "left"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What an erasure did, or would do: rows by table, lines by the folder of their files.

    `rollups`: counts by hour and day were derived anew; the keeper was asked for it and has not done it yet; there was no need; or they are
    left as they are, on a cluster.
    """

    erasure_id: str
    erased: Erased
    lines: dict[str, int]
    registry: ErasedCases
    rollups: Rollups


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

    Raises ClickHouseUnavailable where what waits can't be loaded yet: nothing is erased then, as it would come back. Raises
    TransferError while an import works.
    """
    person = Person(
        users=known_as(user, settings.record.redact, environment),
        sessions=known_as(session, settings.record.redact, environment),
    )
    folder = DataFolder(settings.data)
    spool = SpoolFolders.at(folder.spool)
    cluster = settings.clickhouse.cluster
    running = _running(folder)
    with contextlib.ExitStack() as stack:
        store = Store(stack.enter_context(_opened(settings)))
        if settings.clickhouse.url and not running:
            stack.enter_context(folder.owned("slugline erase"))
        stack.enter_context(alone_in(folder.imports))
        async with open_records(settings) as records:
            await _load(spool, records, running=running)
            async with marked(records, person, erasure_id=erasure_id, cluster=cluster) as found:
                keys = await found.keys()
                cases = await asyncio.to_thread(store.cases_of_calls, keys.calls)
                gone = await asyncio.to_thread(
                    store.erase_cases, cases, reason=reason, by=owner(actor), dry_run=dry_run
                )
                answers = await asyncio.to_thread(forget_cases, folder, cases, keys.calls, dry_run=dry_run)
                await found.also_cases(cases)
                keys = await found.keys()
                lines = await _forget(folder, spool, person, keys, dry_run=dry_run)
                if not dry_run:
                    await _load(spool, records, running=running)
                    late = await _forget(folder, spool, person, keys, dry_run=False)
                    lines = {place: count + late[place] for place, count in lines.items()}
                lines["evaluations"] = answers
                erased = await found.erase(dry_run=dry_run)
            rollups: Rollups = "unchanged"
            if not dry_run:
                await note(
                    records, erased, erasure_id=erasure_id, actor=actor, reason=reason, selector=person.selector, cluster=cluster
                )  # fmt: skip
                rollups = (
                    await _mended(folder, records, running=running, cluster=cluster)
                    if any(erased.rows.values())
                    else rollups
                )
    return Done(erasure_id=erasure_id, erased=erased, lines=lines, registry=gone, rollups=rollups)


@contextlib.contextmanager
def _opened(settings: Settings) -> Iterator[Engine]:
    engine = open_migrated(settings)
    try:
        yield engine
    finally:
        engine.dispose()


def places(folder: DataFolder, spool: SpoolFolders) -> list[Place]:
    """The files in which a person may be found beside ClickHouse."""

    def still_to_be_loaded(path: Path) -> bool:
        # Its bytes have a name to be loaded under. It was begun after this erasure, for what was there before is loaded.
        return (spool.open / path.name).exists() or (spool.ready / path.name).exists()

    def found(root: Path, *patterns: str) -> list[Path]:
        return sorted(path for pattern in patterns for path in root.glob(pattern))

    return [
        Place(name="spool/refused", files=found(spool.refused, "*.jsonl"), drop=True),
        Place(name="spool/export", files=found(spool.export, "*.jsonl"), busy=still_to_be_loaded),
        Place(name="scoring/calls", files=found(folder.scoring / "calls", "*.jsonl"), busy=still_to_be_loaded),
        Place(name="scoring/judge", files=found(folder.scoring / "judge", "*/*.jsonl")),
        Place(name="imports", files=found(folder.imports, "[!.]*.jsonl", "*.refused"), drop=True),
    ]


async def _forget(
    folder: DataFolder, spool: SpoolFolders, person: Person, keys: Keys, *, dry_run: bool
) -> dict[str, int]:
    return await asyncio.to_thread(lambda: forget(places(folder, spool), person, keys, dry_run=dry_run))


async def _load(spool: SpoolFolders, records: ClickHouse, *, running: bool) -> None:
    if running:
        await _until_loaded(spool)
    else:
        await Loader(spool, records).load_ready()


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


async def _mended(folder: DataFolder, records: ClickHouse, *, running: bool, cluster: str | None) -> Rollups:
    if cluster is not None:
        return "left"
    if not running:
        await mend(records)
        return "derived anew"
    folder.rollups_asked.touch()
    deadline = time.monotonic() + WAIT_SECONDS
    while folder.rollups_asked.exists() or folder.rollups_mending.exists():
        if time.monotonic() > deadline:
            return "asked for"
        await asyncio.sleep(0.1)
    return "derived anew"


def _segments(spool: SpoolFolders) -> list[Path]:
    return [*spool.open.glob("[!.]*"), *spool.ready.glob("*.jsonl")]
