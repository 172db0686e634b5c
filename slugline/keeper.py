"""The keeper process: brings ClickHouse's schema up to date, loads the spool into it, makes scheduled moves, and scores calls by what the
settings say. `python -m slugline.keeper`.

Ends on SIGTERM once everything that is sealed by then is loaded; what can't be loaded stays in the spool for the next start.
"""

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime

import uvloop

from registry.storage.database import open_engine
from registry.writing.store import Store
from slugline.chores import run_chores
from slugline.folder import DataFolder
from slugline.locate import locate_clickhouse
from slugline.process import accept_signals, end_with_parent, inherited_settings, set_up_logging, terminate_self
from slugline.scoring import Scoring, open_scoring
from slugline.settings import Settings
from tracing.clickhouse import ClickHouse, ClickHouseRefused, ClickHouseUnavailable
from tracing.loader import Loader
from tracing.migrate import migrate
from tracing.spool import SpoolFolders

log = logging.getLogger("slugline.keeper")

STATUS_SECONDS = 1.0
RETRY_SECONDS = 0.1
LAST_WAIT_SECONDS = 10.0


async def keep(settings: Settings) -> int:
    """Works until SIGTERM; gives the exit status: 0 when nothing is left to load."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    accept_signals()
    folder = DataFolder(settings.data)
    async with (
        ClickHouse(locate_clickhouse(settings, os.environ)) as clickhouse,
        open_scoring(settings, os.environ) as scoring,
    ):
        loader = Loader(SpoolFolders.at(folder.spool), clickhouse, loaded=scoring.take)
        status = asyncio.create_task(_tell(folder, loader, scoring))
        scored = asyncio.create_task(scoring.run(stop.is_set))
        engine = open_engine(settings.registry_url)
        chores = asyncio.create_task(run_chores(Store(engine), stop.is_set))
        try:
            await _migrated(clickhouse, stop.is_set)
            # The last scores are sealed before the loader takes its last look.
            await loader.run(lambda: stop.is_set() and scored.done())
        except (ClickHouseUnavailable, ClickHouseRefused) as error:
            log.warning("stopping with records still in the spool; the next start loads them: %s", error)
            return 1
        finally:
            status.cancel()
            chores.cancel()
            scored.cancel()
            engine.dispose()
            _write_status(folder, loader, scoring)
    return 0


async def _migrated(clickhouse: ClickHouse, stopping: Callable[[], bool]) -> None:
    """Waits for ClickHouse and brings its schema up to date; once the end has come, it waits `LAST_WAIT_SECONDS` and no longer."""
    tries_left = round(LAST_WAIT_SECONDS / RETRY_SECONDS)
    while True:
        try:
            ran = await migrate(clickhouse)
        except ClickHouseUnavailable:
            tries_left -= stopping()
            if tries_left <= 0:
                raise
            await asyncio.sleep(RETRY_SECONDS)
        else:
            if ran:
                log.info("schema brought up to date: %s", ", ".join(ran))
            return


async def _tell(folder: DataFolder, loader: Loader, scoring: Scoring) -> None:
    while True:
        _write_status(folder, loader, scoring)
        await asyncio.sleep(STATUS_SECONDS)


def _write_status(folder: DataFolder, loader: Loader, scoring: Scoring) -> None:
    counts = loader.counts
    status = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "segments_loaded": counts.segments,
        "segments_refused": counts.refused,
        "waiting": counts.waiting,
        "scoring": scoring.status(),
    }
    draft = folder.keeper_status.with_suffix(".tmp")
    with contextlib.suppress(OSError):  # a full disk is the spool's to report
        draft.write_text(json.dumps(status), "utf-8")
        draft.replace(folder.keeper_status)


def main() -> None:
    settings = inherited_settings()
    set_up_logging("keeper", settings.log_level)
    end_with_parent(terminate_self)
    sys.exit(uvloop.run(keep(settings)))


if __name__ == "__main__":
    main()
