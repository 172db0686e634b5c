"""The keeper process: brings ClickHouse's schema up to date, loads the spool into it, sends telemetry out, scores calls by what the
settings say, makes scheduled moves, runs evaluations that the server was asked for, watches what was promoted and what monitors are about,
and delivers alerts.
`python -m slugline.child slugline.keeper`.

Ends on SIGTERM once everything that is sealed by then is loaded; what can't be loaded stays in the spool for the next start.
"""

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial

import msgspec
import uvloop

from registry.storage.database import open_engine
from registry.writing.store import Store
from slugline.alerting.monitoring import MonitorStatus
from slugline.alerting.running import alerting
from slugline.chores import run_chores
from slugline.evaluation_chores import run_evaluations
from slugline.exporting import exporting
from slugline.folder import DataFolder
from slugline.locate import locate_clickhouse
from slugline.process import (
    accept_signals,
    end_with_parent,
    inherited_settings,
    set_up_logging,
    stand_back,
    started,
    terminate_self,
)
from slugline.scoring import Scoring, open_scoring
from slugline.settings import Settings
from slugline.upkeep import count_for_ever, mend_when_asked, prepare
from slugline.watching import watch_for_ever
from tracing.clickhouse import ClickHouse, ClickHouseRefused, ClickHouseUnavailable
from tracing.loader import Loader
from tracing.loading.room import publish_size, withdraw_size
from tracing.migrate import SchemaTooNew
from tracing.spool import SpoolFolders
from tracing.telemetry.counts import ExportCounts

log = logging.getLogger("slugline.keeper")

STATUS_SECONDS = 1.0
MAX_STATUS_SECONDS = 3.0
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
    engine = open_engine(settings.registry_url)
    store = Store(engine)
    async with (
        ClickHouse(locate_clickhouse(settings, os.environ)) as clickhouse,
        exporting(settings, folder, stop.is_set) as exported,
        open_scoring(settings, os.environ) as scoring,
        alerting(settings, os.environ, store, stop.is_set) as monitored,
    ):
        started()
        spool = SpoolFolders.at(folder.spool)
        over = asyncio.Event()
        loader = Loader(
            spool, clickhouse, backfill_rows_per_second=settings.backfill_rows_per_second, loaded=scoring.take
        )
        schema = ["being brought up to date"]
        tell = partial(_write_status, folder, loader, exported, scoring, monitored, schema)
        status = asyncio.create_task(_tell(spool, tell, over))
        scored = asyncio.create_task(scoring.run(stop.is_set))
        chores = asyncio.create_task(run_chores(store, stop.is_set))
        evaluated = asyncio.create_task(run_evaluations(settings, os.environ, store, stop.is_set))
        try:
            await _prepared(clickhouse, settings, stop.is_set)
            schema[0] = "up to date"
            tell()
            counting = asyncio.create_task(count_for_ever(clickhouse, stop.is_set))
            watching = asyncio.create_task(watch_for_ever(store, clickhouse, stop.is_set))
            mending = asyncio.create_task(mend_when_asked(clickhouse, folder, loader.still, stop.is_set))
            try:
                # The last scores and evaluated calls are sealed before the loader takes its last look.
                if not await loader.run(lambda: stop.is_set() and scored.done() and evaluated.done()):
                    log.warning("stopping with records still in the spool; the next start loads them")
                    return 1
            finally:
                for task in (counting, mending, watching):
                    task.cancel()
        except SchemaTooNew as error:
            log.error("nothing is loaded: %s", error)
            loader.hold(str(error))
            schema[0] = str(error)
            await stop.wait()
            return 1
        except (ClickHouseUnavailable, ClickHouseRefused) as error:
            log.warning("stopping with records still in the spool; the next start loads them: %s", error)
            return 1
        finally:
            over.set()
            await status
            chores.cancel()
            scored.cancel()
            evaluated.cancel()
            await asyncio.gather(evaluated, return_exceptions=True)
            engine.dispose()
            tell()
    return 0


async def _prepared(clickhouse: ClickHouse, settings: Settings, stopping: Callable[[], bool]) -> None:
    """Waits for ClickHouse and brings its schema up to date; once the end has come, it waits `LAST_WAIT_SECONDS` and no longer."""
    tries_left = round(LAST_WAIT_SECONDS / RETRY_SECONDS)
    while True:
        try:
            await prepare(clickhouse, settings)
        except ClickHouseUnavailable:
            tries_left -= stopping()
            if tries_left <= 0:
                raise
            await asyncio.sleep(RETRY_SECONDS)
        else:
            return


async def _tell(spool: SpoolFolders, tell: Callable[[], None], over: asyncio.Event) -> None:
    """Says each second how loading goes, and to the workers how much is in the spool; seldomer when counting it takes long."""
    while not over.is_set():
        began = time.monotonic()
        tell()
        await asyncio.to_thread(publish_size, spool)
        took = time.monotonic() - began
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), max(STATUS_SECONDS, min(took * 10, MAX_STATUS_SECONDS)))
    await asyncio.to_thread(withdraw_size, spool)


def _write_status(
    folder: DataFolder,
    loader: Loader,
    exported: ExportCounts | None,
    scoring: Scoring,
    monitored: MonitorStatus,
    schema: Sequence[str],
) -> None:
    loaded = loader.metrics()
    status = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        **msgspec.structs.asdict(loaded),
        "metrics": {"lag_seconds": loaded.lag_seconds, "loader_rows": loaded.rows_loaded},
        "export": None if exported is None else asdict(exported),
        "scoring": scoring.status(),
        "monitors": monitored.told,
        "schema": schema[0],
    }
    draft = folder.keeper_status.with_suffix(".tmp")
    with contextlib.suppress(OSError):  # a full disk is the spool's to report
        draft.write_text(json.dumps(status), "utf-8")
        draft.replace(folder.keeper_status)


def main() -> None:
    stand_back()
    settings = inherited_settings()
    set_up_logging("keeper", settings.log_level)
    end_with_parent(terminate_self)
    sys.exit(uvloop.run(keep(settings)))


if __name__ == "__main__":
    main()
